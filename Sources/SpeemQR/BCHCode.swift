/// The two binary BCH codes that protect what a reader must know before it can read (ISO/IEC 18004:2015, annexes C and D).
enum BCHCode {
    /// The 15 bits beside the finder patterns: level, mask and 10 check bits, exclusive-ored so that they are never all light.
    static func formatInformation(level: QRCode.Level, mask: QRMask) -> UInt32 {
        let data = level.formatBits << 3 | UInt32(mask.rawValue)
        return encode(data, generator: 0b101_0011_0111) ^ 0b101_0100_0001_0010
    }

    /// The 18 bits that name the version, in symbols of version 7 and up.
    static func versionInformation(_ version: QRVersion) -> UInt32 {
        encode(UInt32(version.number), generator: 0b1_1111_0010_0101)
    }

    /// `data` followed by its remainder modulo `generator`, both as polynomials over GF(2).
    private static func encode(_ data: UInt32, generator: UInt32) -> UInt32 {
        let shifted = data << degree(generator)
        var remainder = shifted
        while remainder != 0, degree(remainder) >= degree(generator) {
            remainder ^= generator << (degree(remainder) - degree(generator))
        }
        return shifted | remainder
    }

    private static func degree(_ polynomial: UInt32) -> Int {
        UInt32.bitWidth - 1 - polynomial.leadingZeroBitCount
    }
}
