/// A QR code symbol, model 2, as ISO/IEC 18004:2015 defines it, without its quiet zone.
public struct QRCode: Sendable, Equatable {
    /// How much of the symbol may be unreadable before the text is lost.
    public enum Level: Sendable, Equatable, CaseIterable {
        /// L: about 7 % of the codewords.
        case low
        /// M: about 15 %.
        case medium
        /// Q: about 25 %.
        case quartile
        /// H: about 30 %.
        case high

        /// Table 12 of the standard.
        var formatBits: UInt32 {
            switch self {
            case .low: 0b01
            case .medium: 0b00
            case .quartile: 0b11
            case .high: 0b10
            }
        }
    }

    /// Light modules that must surround a symbol on every side; all outputs have them.
    public static let quietZone = 4

    /// Modules along one side: 21 to 177, 17 + 4 · version.
    public let size: Int
    /// 1 to 40: the smallest that holds the text.
    public let version: Int
    /// As asked for.
    public let level: Level
    /// 0 to 7.
    public let mask: Int

    private let matrix: QRMatrix

    /// Encodes a text in the densest mode that can say all of it: numeric, alphanumeric or byte. Text beyond ASCII is
    /// UTF-8 and marked as such (ECI 000026). The same arguments give the same symbol always.
    ///
    /// The symbol says all that the text says: show and keep the one like the other.
    ///
    /// - Parameters:
    ///   - mask: 0 to 7 to force a mask, nil for the one that reads best.
    /// - Throws: ``QRCodeError/tooLong(bytes:limit:)``. Version 40 holds, at level low, 7,089 digits, 4,296 alphanumeric
    ///   characters, 2,953 bytes of ASCII or 2,952 of other text; at level high 3,057, 1,852, 1,273 and 1,272.
    public init(_ text: String, level: Level = .medium, mask: Int? = nil) throws(QRCodeError) {
        let segment = QRSegment(text)
        let version = try segment.smallestVersion(level: level)
        self.init(segment, version: version, level: level, mask: mask)
    }

    /// Draws a segment that fits the version.
    init(_ segment: QRSegment, version: QRVersion, level: Level, mask: Int?) {
        let data = segment.dataCodewords(version: version, level: level)
        var blank = QRMatrix(version)
        blank.place(Self.interleave(data, version.errorCorrection(level)))

        func masked(_ mask: QRMask) -> QRMatrix {
            var matrix = blank
            matrix.apply(mask)
            matrix.drawFormat(bits: BCHCode.formatInformation(level: level, mask: mask))
            return matrix
        }
        let chosen: (mask: QRMask, matrix: QRMatrix)
        if let mask {
            guard let forced = QRMask(rawValue: mask) else { preconditionFailure("QR code masks are 0 to 7") }
            chosen = (forced, masked(forced))
        } else {
            var best = (mask: QRMask.checkerboard, matrix: masked(.checkerboard))
            var lowest = QRPenalty(of: best.matrix).total
            for candidate in QRMask.allCases.dropFirst() {
                let matrix = masked(candidate)
                let penalty = QRPenalty(of: matrix).total
                if penalty < lowest { (best, lowest) = ((candidate, matrix), penalty) }
            }
            chosen = best
        }
        size = version.size
        self.version = version.number
        self.level = level
        self.mask = chosen.mask.rawValue
        matrix = chosen.matrix
    }

    /// Whether the module is dark. All modules outside the symbol are light.
    public subscript(row row: Int, column column: Int) -> Bool {
        guard (0..<size).contains(row), (0..<size).contains(column) else { return false }
        return matrix[row, column]
    }

    /// Divides data into blocks, computes each block's error correction codewords, and takes first the data then those by
    /// turns from each block (ISO/IEC 18004:2015, 7.6), so that a stain damages many blocks a little.
    static func interleave(_ data: [UInt8], _ correction: QRVersion.ErrorCorrection) -> [UInt8] {
        precondition(data.count == correction.dataCodewords, "data codewords must fill the symbol")
        let code = ReedSolomon(degree: correction.checksPerBlock)
        var blocks: [ArraySlice<UInt8>] = []
        var rest = data[...]
        for count in correction.dataCodewordsPerBlock {
            blocks.append(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        return takeByTurns(blocks) + takeByTurns(blocks.map { code.checkCodewords(of: $0)[...] })
    }

    private static func takeByTurns(_ blocks: [ArraySlice<UInt8>]) -> [UInt8] {
        let longest = blocks.map(\.count).max() ?? 0
        return (0..<longest).flatMap { offset in
            blocks.compactMap { offset < $0.count ? $0[$0.startIndex + offset] : nil }
        }
    }
}
