import Testing

@testable import SpeemQR

@Suite struct QRPenaltyTests {
    private func penalty(_ rows: [String]) -> QRPenalty {
        QRPenalty(modules: rows.joined().map { $0 == "#" }, size: rows.count)
    }

    /// The standard's words, done slowly on strings.
    private func slowly(_ rows: [String]) -> [Int] {
        let grid = rows.map(Array.init)
        let size = grid.count
        let lines = rows + (0..<size).map { column in String(grid.map { $0[column] }) }
        var (runs, lookalikes, squares) = (0, 0, 0)
        for line in lines {
            for run in line.replacing("#.", with: "# .").replacing(".#", with: ". #").split(separator: " ")
            where run.count >= 5 {
                runs += 3 + run.count - 5
            }
            let padded = Array("...." + line + "....")
            for start in 4...(padded.count - 4) where start + 11 <= padded.count {
                guard String(padded[start..<(start + 7)]) == "#.###.#" else { continue }
                let (before, after) = (padded[(start - 4)..<start], padded[(start + 7)..<(start + 11)])
                if !before.contains("#") || !after.contains("#") { lookalikes += 40 }
            }
        }
        for row in 0..<(size - 1) {
            for column in 0..<(size - 1) {
                let square = [
                    grid[row][column], grid[row][column + 1], grid[row + 1][column], grid[row + 1][column + 1],
                ]
                if Set(square).count == 1 { squares += 3 }
            }
        }
        let percent = 100 * Double(rows.joined().count { $0 == "#" }) / Double(size * size)
        return [runs, squares, lookalikes, 10 * Int((abs(percent - 50) / 5).rounded(.down))]
    }

    @Test func allLightCostsRunsSquaresAndImbalance() {
        let score = penalty([String](repeating: "......", count: 6))
        #expect(score.runs == 12 * 4)
        #expect(score.squares == 25 * 3)
        #expect(score.finderLookalikes == 0)
        #expect(score.imbalance == 100)
        #expect(score.total == 48 + 75 + 100)
    }

    @Test func aCheckerboardCostsNothing() {
        let rows = (0..<10).map { $0 % 2 == 0 ? "#.#.#.#.#." : ".#.#.#.#.#" }
        #expect(penalty(rows).total == 0)
    }

    @Test(arguments: [
        ("#.###.#....", 40), ("....#.###.#", 40), ("#.###.##...", 40), ("##.###.##..", 0), ("#..##.#....", 0),
        ("....#.###.#....", 40), ("...#.###.#..#.#", 40), ("#...#.###.#...#", 0), ("#...#.###.#....", 40),
        ("#.###.#.###.#..", 80), ("#.#.###.#.#....", 0),
    ])
    func finderLookalikesNeedFourLightModulesOnOneSide(line: String, expected: Int) {
        // Other lines alternate so that only the first row counts: no column has three dark modules in a row.
        let size = line.count
        let others = (1..<size).map { row in String((0..<size).map { ($0 + row) % 2 == 0 ? "#" : "." }) }
        let score = penalty([line] + others)
        #expect(score.finderLookalikes == expected)
    }

    @Test(arguments: [(4, 0), (5, 3), (6, 4), (7, 5), (11, 9)])
    func runsCostThreeAndOneForEachMore(length: Int, expected: Int) {
        let size = 12
        let line = String(repeating: "#", count: length) + (length..<size).map { $0 % 2 == length % 2 ? "." : "#" }
        let others = (1..<size).map { row in String((0..<size).map { ($0 + row) % 2 == 0 ? "#" : "." }) }
        let rows = [line] + others
        #expect(penalty(rows).runs == expected)
        let turned = (0..<size).map { column in String(rows.map { Array($0)[column] }) }
        #expect(penalty(turned).runs == expected)
    }

    @Test func randomGridsScoreAsTheStandardSays() {
        var generator = SeededGenerator(seed: 18004)
        for round in 0..<60 {
            let size = Int.random(in: 7...30, using: &generator)
            let density = [2, 5, 8][round % 3]
            let rows = (0..<size).map { _ in
                String((0..<size).map { _ in Int.random(in: 0..<10, using: &generator) < density ? "#" : "." })
            }
            let score = penalty(rows)
            #expect([score.runs, score.squares, score.finderLookalikes, score.imbalance] == slowly(rows))
        }
    }

    @Test func symbolsScoreAsTheStandardSays() throws {
        for mask in 0..<8 {
            let rows = picture(try QRCode("SPEEM:MFRGGZDFMZTWQ2LK", level: .quartile, mask: mask))
            let score = penalty(rows)
            #expect([score.runs, score.squares, score.finderLookalikes, score.imbalance] == slowly(rows))
        }
    }
}
