import Testing

@testable import SpeemQR

@Suite struct QRTerminalTests {
    private static let on = "\u{1B}[38;5;16;48;5;231m"
    private static let off = "\u{1B}[0m"

    private func lines(_ code: QRCode, color: Bool) -> [String] {
        code.terminalText(color: color).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// Modules from half blocks: true where a half is inked.
    private func ink(_ lines: [String]) -> [[Bool]] {
        lines.flatMap { line in
            [line.map { "█▀".contains($0) }, line.map { "█▄".contains($0) }]
        }
    }

    @Test(arguments: [1, 2, 6, 7, 40])
    func plainTextInksTheLightModulesAndTheQuietZone(number: Int) throws {
        var generator = SeededGenerator(seed: UInt64(number))
        let capacity = QRSegment.capacity(.byte, version: QRVersion(number), level: .medium)
        let code = try QRCode(QRSegment.Mode.byte.text(count: capacity, using: &generator), mask: 0)
        #expect(code.version == number)
        let lines = lines(code, color: false)
        #expect(lines.last == "")
        let inked = ink(lines.dropLast())
        #expect(inked.count == code.size + 9)
        for (row, halves) in inked.enumerated() {
            #expect(halves == (0..<(code.size + 8)).map { !code[row: row - 4, column: $0 - 4] })
        }
    }

    @Test func colorSetsBothColoursOnEveryLineAndInksTheDarkModules() throws {
        let code = try QRCode("SPEEM:MFRGGZDFMZTWQ2LK")
        let lines = lines(code, color: true)
        #expect(lines.last == "")
        #expect(lines.dropLast().allSatisfy { $0.hasPrefix(Self.on) && $0.hasSuffix(Self.off) })
        let bare = lines.dropLast().map { String($0.dropFirst(Self.on.count).dropLast(Self.off.count)) }
        for (row, halves) in ink(bare).enumerated() {
            #expect(halves == (0..<(code.size + 8)).map { code[row: row - 4, column: $0 - 4] })
        }
    }

    @Test func nothingButHalfBlocksIsDrawn() throws {
        let code = try QRCode("SPEEM:MFRGGZDFMZTWQ2LK")
        #expect(Set(code.terminalText(color: false)) == ["█", "▀", "▄", " ", "\n"])
        #expect(lines(code, color: false).dropLast().allSatisfy { $0.count == code.size + 8 })
        #expect(lines(code, color: false).count == (code.size + 9) / 2 + 1)
    }
}
