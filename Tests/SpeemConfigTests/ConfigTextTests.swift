import Testing

@testable import SpeemConfig

@Suite("ConfigText")
struct ConfigTextTests {
    private func scalars(_ bytes: [UInt8]) throws -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: try ConfigText(decoding: bytes).scalars)
        return String(view)
    }

    @Test("UTF-8 of every length is read")
    func valid() throws {
        #expect(try scalars(Array("a\té €😀\n".utf8)) == "a\té €😀\n")
    }

    @Test("CRLF is LF")
    func lineEnds() throws {
        #expect(try scalars(Array("a\r\nb\r\n\r\n".utf8)) == "a\nb\n\n")
    }

    @Test("a file without content is empty", arguments: ["", " ", "\n", "\r\n\r\n", " \t\n\t "])
    func empty(text: String) {
        let found = fault(text)
        #expect(found?.code == .empty)
        #expect(found?.position == nil)
        #expect(found?.hint?.contains("speem config example") == true)
    }

    @Test("byte order marks are refused with a hint")
    func byteOrderMarks() {
        for bytes: [UInt8] in [
            [0xEF, 0xBB, 0xBF, 0x61], [0xEF, 0xBB, 0xBF], [0xFF, 0xFE, 0x61, 0], [0xFE, 0xFF, 0, 0x61],
        ] {
            let found = fault(bytes)
            #expect(found?.code == .notText)
            #expect(found?.position == Position(line: 1, column: 1))
            #expect(found?.hint == "save it as UTF-8 without BOM")
        }
    }

    @Test(
        "bytes that are not UTF-8 are refused where they are",
        arguments: [
            [0x80], [0xFF, 0x61], [0xC3], [0xC3, 0x28], [0xC0, 0x80], [0xE2, 0x82], [0xED, 0xA0, 0x80],
            [0xF0, 0x9F, 0x98],
            [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80],
        ] as [[UInt8]])
    func invalidUTF8(bytes: [UInt8]) {
        let found = fault(Array("# é\n#€ ".utf8) + bytes)
        #expect(found?.code == .notText)
        #expect(found?.position == Position(line: 2, column: 4))
    }

    @Test("NUL says binary")
    func nul() {
        let found = fault("# a\n#\0")
        #expect(found?.code == .notText)
        #expect(found?.reason == "the file holds a NUL byte, so it is not text")
        #expect(found?.position == Position(line: 2, column: 2))
    }

    @Test("every other control character is refused, in comments too")
    func controls() {
        let allowed: Set<UInt32> = [0, 0x9, 0xA, 0xD]
        let controls = Array(0...0x1F) + Array(0x7F...0x9F) + [0x2028, 0x2029, 0x202E, 0x2066, 0x2069] as [UInt32]
        for value in controls where !allowed.contains(value) {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let found = fault("# \(scalar)")
            #expect(found?.code == .notText, "\(scalar.codePoint)")
            #expect(found?.position == Position(line: 1, column: 3))
            #expect(found?.reason == "the file holds the control character \(scalar.codePoint)")
        }
    }

    @Test("a carriage return alone is refused", arguments: ["# a\rb", "# a\r", "# a\r\r\n", "# a\r\u{7}", "# a\ré"])
    func carriageReturn(text: String) {
        let found = fault(text)
        #expect(found?.code == .notText)
        #expect(found?.reason == "the file holds a carriage return that no line feed follows")
        #expect(found?.position == Position(line: 1, column: 4))
    }

    @Test("code points have four digits at least")
    func codePoints() {
        #expect(("\u{7}" as Unicode.Scalar).codePoint == "U+0007")
        #expect(("\u{1F600}" as Unicode.Scalar).codePoint == "U+1F600")
    }
}
