/// Padmé padding (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs",
/// section 4): a padded length tells only the order of magnitude of the length, for at most 12 % more bytes.
///
/// The padding itself is ISO/IEC 7816-4: one byte 0x80, then zeros.
public enum Padme {
    /// The length that `length` bytes are padded to: the next one with few enough significant bits.
    public static func paddedLength(_ length: Int) -> Int {
        guard length > 1 else { return max(length, 0) }
        let exponent = Int.bitWidth - 1 - length.leadingZeroBitCount
        let significant = Int.bitWidth - exponent.leadingZeroBitCount
        let lowBits = exponent - significant
        guard lowBits > 0 else { return length }
        let mask = (1 << lowBits) - 1
        let (sum, overflow) = length.addingReportingOverflow(mask)
        return overflow ? length : sum & ~mask
    }

    /// `bytes`, 0x80 and zeros up to the first Padmé length that has room for them and for `minimum` bytes.
    public static func pad(_ bytes: [UInt8], minimum: Int = 0) -> [UInt8] {
        let target = paddedLength(max(bytes.count + 1, minimum))
        // In one piece of memory: a caller can wipe all that there is of the contents.
        var padded: [UInt8] = []
        padded.reserveCapacity(target)
        padded += bytes
        padded.append(0x80)
        padded.append(contentsOf: repeatElement(0, count: target - padded.count))
        return padded
    }

    /// Takes off what ``pad(_:minimum:)`` put on.
    ///
    /// - Throws: ``CryptoError/malformedPadding``.
    public static func unpad(_ padded: [UInt8]) throws(CryptoError) -> [UInt8] {
        guard let end = padded.lastIndex(where: { $0 != 0 }), padded[end] == 0x80 else { throw .malformedPadding }
        return Array(padded[..<end])
    }
}
