/// The size class of a symbol, 1 to 40, and all that follows from it.
struct QRVersion: Equatable {
    static let numbers = 1...40
    static let all = numbers.map { QRVersion($0) }

    let number: Int

    init(_ number: Int) {
        precondition(QRVersion.numbers.contains(number), "QR code versions are 1 to 40")
        self.number = number
    }

    /// Modules along one side, without the quiet zone: 21 to 177.
    var size: Int { 17 + 4 * number }

    var hasVersionInformation: Bool { number >= 7 }

    /// The rows, and the columns, on which alignment patterns are centred (ISO/IEC 18004:2015, annex E), ascending.
    /// The last is 7 modules from the far edge, the first on the timing pattern, and the others are spread from the far
    /// edge at an even step, so that what is uneven lies between the first two.
    var alignmentCentres: [Int] {
        guard number > 1 else { return [] }
        let intervals = number / 7 + 1
        let (first, last) = (6, size - 7)
        // The step is the smallest even one that leaves the first gap no wider than the others, but for version 32:
        // the standard's table has 26 there.
        let exact = (last - first + intervals - 1) / intervals
        let step = number == 32 ? 26 : exact + exact % 2
        return [first] + (0..<intervals).reversed().map { last - $0 * step }
    }

    /// Modules left for codewords and remainder bits once function patterns, format and version information are drawn.
    var dataModules: Int {
        let finders = 3 * 8 * 8
        let timing = 2 * (size - 16)
        let formatInformation = 2 * 15 + 1
        let versionInformation = hasVersionInformation ? 2 * 18 : 0
        var alignment = 0
        if number > 1 {
            let perSide = alignmentCentres.count
            // Three corners belong to the finders. Those on the timing patterns share 5 modules with them.
            alignment = (perSide * perSide - 3) * 25 - 2 * (perSide - 2) * 5
        }
        return size * size - finders - timing - formatInformation - versionInformation - alignment
    }

    /// Data and error correction codewords together.
    var codewords: Int { dataModules / 8 }

    func errorCorrection(_ level: QRCode.Level) -> ErrorCorrection {
        let index = number - 1
        let (checks, blocks) =
            switch level {
            case .low: (Self.checksLow[index], Self.blocksLow[index])
            case .medium: (Self.checksMedium[index], Self.blocksMedium[index])
            case .quartile: (Self.checksQuartile[index], Self.blocksQuartile[index])
            case .high: (Self.checksHigh[index], Self.blocksHigh[index])
            }
        return ErrorCorrection(codewords: codewords, checksPerBlock: checks, blocks: blocks)
    }

    /// How a symbol's codewords are divided into blocks.
    struct ErrorCorrection {
        /// Data and error correction codewords of the whole symbol.
        let codewords: Int
        /// Error correction codewords in each block.
        let checksPerBlock: Int
        let blocks: Int

        var dataCodewords: Int { codewords - checksPerBlock * blocks }

        /// Data codewords of each block in order: the last blocks have one more where they do not divide evenly.
        var dataCodewordsPerBlock: [Int] {
            let (short, longer) = dataCodewords.quotientAndRemainder(dividingBy: blocks)
            return (0..<blocks).map { $0 < blocks - longer ? short : short + 1 }
        }
    }

    // Table 9 of the standard, versions 1 to 40: what cannot be computed.
    private static let checksLow = [
        7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28,
        28, 28, 30, 30, 26, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30,
    ]
    private static let checksMedium = [
        10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26,
        26, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    ]
    private static let checksQuartile = [
        13, 22, 18, 26, 18, 24, 18, 22, 20, 24, 28, 26, 24, 20, 30, 24, 28, 28, 26, 30,
        28, 30, 30, 30, 30, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30,
    ]
    private static let checksHigh = [
        17, 28, 22, 16, 22, 28, 26, 26, 24, 28, 24, 28, 22, 24, 24, 30, 28, 28, 26, 28,
        30, 24, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30,
    ]
    private static let blocksLow = [
        1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8,
        8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25,
    ]
    private static let blocksMedium = [
        1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16,
        17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49,
    ]
    private static let blocksQuartile = [
        1, 1, 2, 2, 4, 4, 6, 6, 8, 8, 8, 10, 12, 16, 12, 17, 16, 18, 21, 20,
        23, 23, 25, 27, 29, 34, 34, 35, 38, 40, 43, 45, 48, 51, 53, 56, 59, 62, 65, 68,
    ]
    private static let blocksHigh = [
        1, 1, 2, 4, 4, 4, 5, 6, 8, 8, 11, 11, 16, 16, 18, 16, 19, 21, 25, 25,
        25, 34, 30, 32, 35, 37, 40, 42, 45, 48, 51, 54, 57, 60, 63, 66, 70, 74, 77, 81,
    ]
}
