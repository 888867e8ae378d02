import Testing

@testable import SpeemQR

@Suite struct QRVersionTests {
    /// Annex E of the standard, versions 2 to 40.
    private static let alignmentCentres = [
        [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50], [6, 30, 54],
        [6, 32, 58], [6, 34, 62], [6, 26, 46, 66], [6, 26, 48, 70], [6, 26, 50, 74], [6, 30, 54, 78], [6, 30, 56, 82],
        [6, 30, 58, 86], [6, 34, 62, 90], [6, 28, 50, 72, 94], [6, 26, 50, 74, 98], [6, 30, 54, 78, 102],
        [6, 28, 54, 80, 106], [6, 32, 58, 84, 110], [6, 30, 58, 86, 114], [6, 34, 62, 90, 118],
        [6, 26, 50, 74, 98, 122], [6, 30, 54, 78, 102, 126], [6, 26, 52, 78, 104, 130], [6, 30, 56, 82, 108, 134],
        [6, 34, 60, 86, 112, 138], [6, 30, 58, 86, 114, 142], [6, 34, 62, 90, 118, 146],
        [6, 30, 54, 78, 102, 126, 150], [6, 24, 50, 76, 102, 128, 154], [6, 28, 54, 80, 106, 132, 158],
        [6, 32, 58, 84, 110, 136, 162], [6, 26, 54, 82, 110, 138, 166], [6, 30, 58, 86, 114, 142, 170],
    ]

    /// Table 7 of the standard, versions 1 to 40: data codewords at each level.
    private static let dataCodewords: [(QRCode.Level, [Int])] = [
        (
            .low,
            [
                19, 34, 55, 80, 108, 136, 156, 194, 232, 274, 324, 370, 428, 461, 523, 589, 647, 721, 795, 861, 932,
                1006, 1094, 1174, 1276, 1370, 1468, 1531, 1631, 1735, 1843, 1955, 2071, 2191, 2306, 2434, 2566, 2702,
                2812, 2956,
            ]
        ),
        (
            .medium,
            [
                16, 28, 44, 64, 86, 108, 124, 154, 182, 216, 254, 290, 334, 365, 415, 453, 507, 563, 627, 669, 714,
                782, 860, 914, 1000, 1062, 1128, 1193, 1267, 1373, 1455, 1541, 1631, 1725, 1812, 1914, 1992, 2102,
                2216, 2334,
            ]
        ),
        (
            .quartile,
            [
                13, 22, 34, 48, 62, 76, 88, 110, 132, 154, 180, 206, 244, 261, 295, 325, 367, 397, 445, 485, 512, 568,
                614, 664, 718, 754, 808, 871, 911, 985, 1033, 1115, 1171, 1231, 1286, 1354, 1426, 1502, 1582, 1666,
            ]
        ),
        (
            .high,
            [
                9, 16, 26, 36, 46, 60, 66, 86, 100, 122, 140, 158, 180, 197, 223, 253, 283, 313, 341, 385, 406, 442,
                464, 514, 538, 596, 628, 661, 701, 745, 793, 845, 901, 961, 986, 1054, 1096, 1142, 1222, 1276,
            ]
        ),
    ]

    /// Table 1 of the standard, versions 1 to 40: codewords of a whole symbol.
    private static let codewords = [
        26, 44, 70, 100, 134, 172, 196, 242, 292, 346, 404, 466, 532, 581, 655, 733, 815, 901, 991, 1085, 1156, 1258,
        1364, 1474, 1588, 1706, 1828, 1921, 2051, 2185, 2323, 2465, 2611, 2761, 2876, 3034, 3196, 3362, 3532, 3706,
    ]

    @Test func sizesGoFrom21To177InStepsOf4() {
        #expect(QRVersion.all.map(\.size) == Array(stride(from: 21, through: 177, by: 4)))
    }

    @Test func alignmentCentresAreThoseOfTheStandard() {
        #expect(QRVersion(1).alignmentCentres.isEmpty)
        #expect(QRVersion.all.dropFirst().map(\.alignmentCentres) == Self.alignmentCentres)
    }

    @Test func codewordsAreThoseOfTheStandard() {
        #expect(QRVersion.all.map(\.codewords) == Self.codewords)
    }

    /// Table 1: the modules that no codeword fills.
    @Test func remainderBitsAreThoseOfTheStandard() {
        for version in QRVersion.all {
            let expected =
                switch version.number {
                case 2...6: 7
                case 14...20, 28...34: 3
                case 21...27: 4
                default: 0
                }
            #expect(version.dataModules % 8 == expected, "version \(version.number)")
        }
    }

    @Test func dataModulesAreThoseLeftInTheDrawing() {
        for version in QRVersion.all {
            let free = QRMatrix(version).reserved.count { !$0 }
            #expect(free == version.dataModules, "version \(version.number)")
        }
    }

    @Test func dataCodewordsAreThoseOfTheStandard() {
        for (level, expected) in Self.dataCodewords {
            #expect(QRVersion.all.map { $0.errorCorrection(level).dataCodewords } == expected, "level \(level)")
        }
    }

    @Test func blocksHoldAllDataAndDifferByOneAtMost() {
        for version in QRVersion.all {
            for level in QRCode.Level.allCases {
                let correction = version.errorCorrection(level)
                let blocks = correction.dataCodewordsPerBlock
                #expect(blocks.count == correction.blocks)
                #expect(blocks.reduce(0, +) == correction.dataCodewords)
                #expect(blocks == blocks.sorted())
                #expect((blocks.last ?? 0) - (blocks.first ?? 0) <= 1)
            }
        }
    }

    /// Table 9 of the standard, in three places: (data, blocks).
    @Test func divisionIntoBlocksIsThatOfTheStandard() {
        func runs(_ number: Int, _ level: QRCode.Level) -> [Int: Int] {
            let blocks = QRVersion(number).errorCorrection(level).dataCodewordsPerBlock
            return Dictionary(blocks.map { ($0, 1) }, uniquingKeysWith: +)
        }
        #expect(runs(5, .quartile) == [15: 2, 16: 2])
        #expect(runs(9, .medium) == [36: 3, 37: 2])
        #expect(runs(40, .high) == [15: 20, 16: 61])
    }
}
