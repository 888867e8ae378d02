import Testing

@testable import SpeemQR

@Suite struct QRMaskTests {
    /// The upper left corners of the masks as 7.8.2 of the standard shows them.
    @Test func cornersAreThoseOfTheStandard() {
        let corners: [QRMask: [String]] = [
            .checkerboard: ["#.#.#.", ".#.#.#", "#.#.#.", ".#.#.#", "#.#.#.", ".#.#.#"],
            .rows: ["######", "......", "######", "......", "######", "......"],
            .columns: ["#..#..", "#..#..", "#..#..", "#..#..", "#..#..", "#..#.."],
            .diagonals: ["#..#..", "..#..#", ".#..#.", "#..#..", "..#..#", ".#..#."],
            .bricks: ["###...", "###...", "...###", "...###", "###...", "###..."],
            .products: ["######", "#.....", "#..#..", "#.#.#.", "#..#..", "#....."],
            .productParities: ["######", "###...", "##.##.", "#.#.#.", "#.##.#", "#...##"],
            .mixedParities: ["#.#.#.", "...###", "#...##", ".#.#.#", "###...", ".###.."],
        ]
        for mask in QRMask.allCases {
            let drawn = (0..<6).map { row in
                String((0..<6).map { mask.inverts(row: row, column: $0) ? "#" : "." })
            }
            #expect(drawn == corners[mask], "mask \(mask)")
        }
    }

    @Test func masksRepeatEveryTwelveModules() {
        for mask in QRMask.allCases {
            for row in 0..<36 {
                for column in 0..<36 {
                    let here = mask.inverts(row: row, column: column)
                    #expect(here == mask.inverts(row: row % 12, column: column % 12))
                }
            }
        }
    }

    @Test func maskingTwiceIsNothingAndSparesFunctionPatterns() {
        for mask in QRMask.allCases {
            let blank = QRMatrix(QRVersion(7))
            var matrix = blank
            matrix.apply(mask)
            #expect(matrix != blank)
            for index in matrix.modules.indices where matrix.reserved[index] {
                #expect(matrix.modules[index] == blank.modules[index])
            }
            matrix.apply(mask)
            #expect(matrix == blank)
        }
    }
}
