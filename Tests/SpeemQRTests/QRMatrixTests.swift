import Testing

@testable import SpeemQR

@Suite struct QRMatrixTests {
    private static let finder = [
        "#######.",
        "#.....#.",
        "#.###.#.",
        "#.###.#.",
        "#.###.#.",
        "#.....#.",
        "#######.",
        "........",
    ]

    private static let alignment = [
        "#####",
        "#...#",
        "#.#.#",
        "#...#",
        "#####",
    ]

    private func drawing(_ matrix: QRMatrix, rows: Range<Int>, columns: Range<Int>) -> [String] {
        rows.map { row in String(columns.map { matrix[row, $0] ? "#" : "." }) }
    }

    private func isReserved(_ matrix: QRMatrix, _ row: Int, _ column: Int) -> Bool {
        matrix.reserved[row * matrix.size + column]
    }

    @Test func findersAndSeparatorsLieInThreeCorners() {
        for version in QRVersion.all {
            let matrix = QRMatrix(version)
            let (near, far) = (0..<8, (version.size - 8)..<version.size)
            let mirrored = Self.finder.map { String($0.reversed()) }
            #expect(drawing(matrix, rows: near, columns: near) == Self.finder)
            #expect(drawing(matrix, rows: near, columns: far) == mirrored)
            #expect(drawing(matrix, rows: far, columns: near) == Self.finder.reversed())
            for (rows, columns) in [(near, near), (near, far), (far, near)] {
                #expect(rows.allSatisfy { row in columns.allSatisfy { isReserved(matrix, row, $0) } })
            }
        }
    }

    @Test func timingPatternsAlternate() {
        for version in QRVersion.all {
            let matrix = QRMatrix(version)
            for index in 8..<(version.size - 8) {
                #expect(matrix[6, index] == (index % 2 == 0), "version \(version.number)")
                #expect(matrix[index, 6] == (index % 2 == 0), "version \(version.number)")
                #expect(isReserved(matrix, 6, index) && isReserved(matrix, index, 6))
            }
        }
    }

    @Test func alignmentPatternsLieAtAllCrossingsButTheFinders() {
        for version in QRVersion.all {
            let matrix = QRMatrix(version)
            let centres = version.alignmentCentres
            var drawn = 0
            for row in centres {
                for column in centres {
                    let atFinder =
                        (row < 8 || row > version.size - 9) && column < 8 || row < 8 && column > version.size - 9
                    if atFinder { continue }
                    drawn += 1
                    let (rows, columns) = ((row - 2)..<(row + 3), (column - 2)..<(column + 3))
                    #expect(drawing(matrix, rows: rows, columns: columns) == Self.alignment)
                    #expect(rows.allSatisfy { row in columns.allSatisfy { isReserved(matrix, row, $0) } })
                }
            }
            #expect(drawn == max(0, centres.count * centres.count - 3))
        }
    }

    /// 7.9.1 of the standard: both copies, read back in the order in which it numbers the modules, 14 down to 0.
    @Test(arguments: [1, 2, 7, 40])
    func formatInformationIsDrawnTwice(number: Int) {
        let size = QRVersion(number).size
        let first: [(Int, Int)] =
            (0...5).map { (8, $0) } + [(8, 7), (8, 8), (7, 8)] + (0...5).reversed().map { ($0, 8) }
        let second: [(Int, Int)] =
            ((size - 7)..<size).reversed().map { ($0, 8) } + ((size - 8)..<size).map { (8, $0) }
        for bits: UInt32 in [0, 0x7FFF, 0x5412, 0x40CE, 0x2BED, 1, 0x4000] {
            var matrix = QRMatrix(QRVersion(number))
            matrix.drawFormat(bits: bits)
            for places in [first, second] {
                let read = places.reduce(UInt32(0)) { $0 << 1 | (matrix[$1.0, $1.1] ? 1 : 0) }
                #expect(read == bits)
            }
            #expect(matrix[size - 8, 8])
        }
    }

    /// 7.10 of the standard: 3 × 6 modules above the lower left finder, 6 × 3 beside the upper right one.
    @Test func versionInformationIsDrawnTwice() {
        for number in 7...40 {
            let matrix = QRMatrix(QRVersion(number))
            let size = matrix.size
            var below: UInt32 = 0
            var beside: UInt32 = 0
            for place in (0..<18).reversed() {
                below = below << 1 | (matrix[size - 11 + place % 3, place / 3] ? 1 : 0)
                beside = beside << 1 | (matrix[place / 3, size - 11 + place % 3] ? 1 : 0)
            }
            #expect(below == BCHCode.versionInformation(QRVersion(number)))
            #expect(beside == below)
        }
        let small = QRMatrix(QRVersion(6))
        #expect(!isReserved(small, small.size - 9, 0))
    }

    /// 7.7.3 of the standard: the way of the first codewords through version 1, from the lower right corner upwards.
    @Test func codewordsRunInPairsOfColumns() {
        let version = QRVersion(1)
        func places(_ codeword: Int) -> Set<[Int]> {
            var codewords = [UInt8](repeating: 0, count: version.codewords)
            var matrix = QRMatrix(version)
            let blank = matrix
            codewords[codeword] = 0xFF
            matrix.place(codewords)
            var changed: Set<[Int]> = []
            for row in 0..<matrix.size {
                for column in 0..<matrix.size where matrix[row, column] != blank[row, column] {
                    changed.insert([row, column])
                }
            }
            return changed
        }
        func block(_ rows: ClosedRange<Int>, _ columns: ClosedRange<Int>) -> Set<[Int]> {
            Set(rows.flatMap { row in columns.map { [row, $0] } })
        }
        #expect(places(0) == block(17...20, 19...20))
        #expect(places(1) == block(13...16, 19...20))
        #expect(places(2) == block(9...12, 19...20))
        #expect(places(3) == block(9...12, 17...18))
        // The last one, at the left edge.
        #expect(places(25) == block(9...12, 0...1))
    }

    @Test func theFirstBitIsTheMostSignificantAndOnTheRight() {
        let version = QRVersion(1)
        var matrix = QRMatrix(version)
        matrix.place([0b1011_0000] + [UInt8](repeating: 0, count: version.codewords - 1))
        #expect(matrix[20, 20] && !matrix[20, 19] && matrix[19, 20] && matrix[19, 19])
        #expect(!matrix[18, 20])
    }

    @Test func everyFreeModuleTakesOneBit() {
        for version in QRVersion.all {
            var matrix = QRMatrix(version)
            let before = matrix.modules.count { $0 }
            matrix.place([UInt8](repeating: 0xFF, count: version.codewords))
            #expect(matrix.modules.count { $0 } == before + 8 * version.codewords)
        }
    }
}
