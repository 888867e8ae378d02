import Testing

@testable import SpeemQR

@Suite struct QRCodeTests {
    /// The symbol of annex I of the standard: "01234567", version 1-M, mask 010.
    @Test func exampleOfTheStandard() throws {
        let code = try QRCode("01234567", level: .medium, mask: 2)
        #expect(
            picture(code) == [
                "#######..#.##.#######",
                "#.....#..####.#.....#",
                "#.###.#.#.....#.###.#",
                "#.###.#.##....#.###.#",
                "#.###.#.#.###.#.###.#",
                "#.....#.#...#.#.....#",
                "#######.#.#.#.#######",
                "........#..##........",
                "#.#####..#..#.#####..",
                "...#.#.##.#.#..#.##..",
                "..#...##.#.#.#..#####",
                "....#....#.....####..",
                "...######..#.#..#....",
                "........#.#####..##..",
                "#######..##.#.##.....",
                "#.....#.#.#####...#.#",
                "#.###.#.#...#..#.##..",
                "#.###.#.##..#..#.....",
                "#.###.#.#.##.#..#.#..",
                "#.....#........##.##.",
                "#######.####.#..#.#..",
            ])
        #expect(code.version == 1)
        #expect(code.size == 21)
        // The standard's example finds mask 010 to be the best, too.
        #expect(try QRCode("01234567") == code)
        #expect(code.level == .medium)
    }

    @Test func theMaskIsTheFirstOfThoseWithTheLowestPenalty() throws {
        var chosen: Set<Int> = []
        for number in 0..<40 {
            let text = "SPEEM:INVITE\(number * 7919)"
            let code = try QRCode(text, level: .low)
            let penalties = try (0..<8).map { mask in
                let rows = picture(try QRCode(text, level: .low, mask: mask))
                return QRPenalty(modules: rows.joined().map { $0 == "#" }, size: rows.count).total
            }
            #expect(code.mask == penalties.indices.min { penalties[$0] < penalties[$1] })
            #expect(try code == QRCode(text, level: .low, mask: code.mask))
            chosen.insert(code.mask)
        }
        #expect(chosen.count > 4, "a choice between masks is made")
    }

    @Test func theSameTextGivesTheSameSymbol() throws {
        for text in ["", "7", "SPEEM:MFRGG", "speem", "Grüße"] {
            let code = try QRCode(text)
            #expect(try code == QRCode(text))
            #expect(try picture(code) == picture(QRCode(text)))
        }
    }

    @Test func differentArgumentsGiveDifferentSymbols() throws {
        let code = try QRCode("SPEEM:MFRGG", level: .medium, mask: 1)
        #expect(try code != QRCode("SPEEM:MFRGH", level: .medium, mask: 1))
        #expect(try code != QRCode("SPEEM:MFRGG", level: .medium, mask: 3))
        #expect(try code != QRCode("SPEEM:MFRGG", level: .high, mask: 1))
    }

    @Test func modulesOutsideAreLight() throws {
        let code = try QRCode("SPEEM")
        #expect(code[row: 0, column: 0])
        for far in [-1, code.size, Int.min, Int.max] {
            #expect(!code[row: far, column: 0])
            #expect(!code[row: 0, column: far])
            #expect(!code[row: far, column: far])
        }
    }

    @Test func upperCaseInvitesAreSmallerThanLowerCaseOnes() throws {
        let invite = "SPEEM:" + String(repeating: "MFRGGZDF", count: 16)
        #expect(try QRCode(invite).version == 6)
        #expect(try QRCode(invite.lowercased()).version == 8)
    }

    @Test func tooLongATextIsRefusedWithItsLimit() {
        #expect(throws: QRCodeError.tooLong(bytes: 7090, limit: 7089)) {
            try QRCode(String(repeating: "1", count: 7090), level: .low)
        }
        #expect(throws: QRCodeError.tooLong(bytes: 4297, limit: 4296)) {
            try QRCode(String(repeating: "A", count: 4297), level: .low)
        }
        #expect(throws: QRCodeError.tooLong(bytes: 2332, limit: 2331)) {
            try QRCode(String(repeating: "a", count: 2332))
        }
        #expect(throws: QRCodeError.tooLong(bytes: 1274, limit: 1272)) {
            try QRCode(String(repeating: "ä", count: 637), level: .high)
        }
        #expect(throws: QRCodeError.tooLong(bytes: 3_000_000, limit: 3391)) {
            try QRCode(String(repeating: "A", count: 3_000_000))
        }
    }

    @Test func theErrorSaysWhatIsWrong() {
        let error = QRCodeError.tooLong(bytes: 2332, limit: 2331)
        #expect(error.description == "the text has 2332 bytes, a QR code of its kind holds 2331")
        #expect(error.code == "qr-too-long")
    }

    /// Table 9 of the standard, version 5-Q: blocks of 15, 15, 16 and 16 data codewords, 18 of error correction each.
    @Test func blocksAreTakenByTurns() {
        let data = (0..<62).map { UInt8($0) }
        let codewords = QRCode.interleave(data, QRVersion(5).errorCorrection(.quartile))
        #expect(codewords.count == 134)
        #expect(codewords.prefix(9) == [0, 15, 30, 46, 1, 16, 31, 47, 2])
        #expect(codewords[56..<62] == [14, 29, 44, 60, 45, 61])
        let second = (0..<18).map { codewords[62 + 4 * $0 + 1] }
        #expect(second == ReedSolomon(degree: 18).checkCodewords(of: data[15..<30]))
    }
}
