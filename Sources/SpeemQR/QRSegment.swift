/// A whole text in one mode: the densest that can say it (ISO/IEC 18004:2015, 7.4).
struct QRSegment: Equatable {
    enum Mode: Equatable {
        /// Digits, 3 in 10 bits.
        case numeric
        /// Digits, capital letters, space and `$%*+-./:`, 2 in 11 bits.
        case alphanumeric
        /// ASCII, 8 bits each. Readers agree on these bytes whatever character set they assume.
        case byte
        /// UTF-8 with more than ASCII in it, announced as such: a reader would otherwise take it for ISO/IEC 8859-1.
        case utf8

        fileprivate var indicator: Int {
            switch self {
            case .numeric: 0b0001
            case .alphanumeric: 0b0010
            case .byte, .utf8: 0b0100
            }
        }

        /// Bits of the character count (table 3 of the standard).
        fileprivate func countWidth(_ version: QRVersion) -> Int {
            let widths =
                switch self {
                case .numeric: [10, 12, 14]
                case .alphanumeric: [9, 11, 13]
                case .byte, .utf8: [8, 16, 16]
                }
            return widths[version.number < 10 ? 0 : version.number < 27 ? 1 : 2]
        }
    }

    let mode: Mode
    /// The text's UTF-8 bytes.
    let bytes: [UInt8]

    init(_ text: String) {
        bytes = Array(text.utf8)
        mode =
            if bytes.isEmpty {
                .byte
            } else if bytes.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
                .numeric
            } else if bytes.allSatisfy({ Self.alphanumericValues[$0] != nil }) {
                .alphanumeric
            } else if bytes.allSatisfy({ $0 < 0x80 }) {
                .byte
            } else {
                .utf8
            }
    }

    /// How many bytes of text a symbol holds in this mode.
    static func capacity(_ mode: Mode, version: QRVersion, level: QRCode.Level) -> Int {
        let header = (mode == .utf8 ? 12 : 0) + 4 + mode.countWidth(version)
        let bits = 8 * version.errorCorrection(level).dataCodewords - header
        switch mode {
        case .numeric: return bits / 10 * 3 + (bits % 10 >= 7 ? 2 : bits % 10 >= 4 ? 1 : 0)
        case .alphanumeric: return bits / 11 * 2 + (bits % 11 >= 6 ? 1 : 0)
        case .byte, .utf8: return bits / 8
        }
    }

    /// The smallest version that holds the text.
    func smallestVersion(level: QRCode.Level) throws(QRCodeError) -> QRVersion {
        var limit = 0
        for version in QRVersion.all {
            limit = Self.capacity(mode, version: version, level: level)
            if bytes.count <= limit { return version }
        }
        throw .tooLong(bytes: bytes.count, limit: limit)
    }

    /// The symbol's data codewords: header, text, terminator and padding. The text must fit.
    func dataCodewords(version: QRVersion, level: QRCode.Level) -> [UInt8] {
        var buffer = BitBuffer()
        if mode == .utf8 {
            // Extended channel interpretation 000026: UTF-8.
            buffer.append(0b0111, width: 4)
            buffer.append(26, width: 8)
        }
        buffer.append(mode.indicator, width: 4)
        buffer.append(bytes.count, width: mode.countWidth(version))
        appendText(to: &buffer)

        let available = version.errorCorrection(level).dataCodewords
        precondition(buffer.count <= 8 * available, "the text does not fit the version")
        buffer.append(0, width: min(4, 8 * available - buffer.count))
        // The rest of the last byte is zero already.
        let padding = (0..<(available - buffer.bytes.count)).map { $0 % 2 == 0 ? UInt8(0b1110_1100) : 0b0001_0001 }
        return buffer.bytes + padding
    }

    private func appendText(to buffer: inout BitBuffer) {
        switch mode {
        case .numeric:
            for start in stride(from: 0, to: bytes.count, by: 3) {
                let group = bytes[start..<min(start + 3, bytes.count)]
                let value = group.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
                buffer.append(value, width: 3 * group.count + 1)
            }
        case .alphanumeric:
            for start in stride(from: 0, to: bytes.count, by: 2) {
                let group = bytes[start..<min(start + 2, bytes.count)]
                // This mode was chosen because all characters have a value.
                let value = group.reduce(0) { $0 * 45 + (Self.alphanumericValues[$1] ?? 0) }
                buffer.append(value, width: group.count == 2 ? 11 : 6)
            }
        case .byte, .utf8:
            for byte in bytes { buffer.append(Int(byte), width: 8) }
        }
    }

    /// Table 5 of the standard.
    private static let alphanumericValues: [UInt8: Int] = {
        let characters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:".utf8
        return Dictionary(uniqueKeysWithValues: zip(characters, 0...))
    }()
}
