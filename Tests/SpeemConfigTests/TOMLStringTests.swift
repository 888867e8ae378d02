import Testing

@testable import SpeemConfig

@Suite("TOMLString")
struct TOMLStringTests {
    private func string(_ text: String) throws -> String? {
        guard case .string(let value) = try document("a = " + text).tables[0].entries[0].value else { return nil }
        return value
    }

    @Test(
        "basic strings and their escapes",
        arguments: [
            (#""""#, ""), (#""a b""#, "a b"), ("\"# no comment\"", "# no comment"), (#""it's""#, "it's"),
            (#""\b\t\n\f\r\"\\""#, "\u{8}\t\n\u{C}\r\"\\"), (#""\u00e9""#, "é"), (#""\u00E9""#, "é"),
            (#""\U0001F600""#, "😀"), (#""\u0000""#, "\0"), (#""\U0010FFFF""#, "\u{10FFFF}"), (#""\u00e99""#, "é9"),
            (#""\\u0041""#, #"\u0041"#), ("\"é€😀\"", "é€😀"), ("\"a\tb\"", "a\tb"), (#""[a] = {1},""#, "[a] = {1},"),
        ])
    func basic(text: String, expected: String) throws {
        #expect(try string(text) == expected)
    }

    @Test(
        "literal strings take everything as it is",
        arguments: [("''", ""), (#"'\n\u00e9\'"#, #"\n\u00e9\"#), ("'say \"a\"'", "say \"a\""), ("'C:\\x'", "C:\\x")])
    func literal(text: String, expected: String) throws {
        #expect(try string(text) == expected)
    }

    @Test("a comment may follow at once")
    func comment() throws {
        #expect(try string("\"\"# comment") == "")
        #expect(try string("''#'") == "")
    }

    @Test(
        "an unclosed string is refused where it begins",
        arguments: ["\"", "\"abc", "\"abc\n\"", "'abc", "'", "'abc\n'", "\"abc\\\"", "\"abc\\", "\"abc\\\n\""])
    func unclosed(text: String) {
        let found = fault("a = " + text)
        #expect(found?.code == .syntax)
        #expect(found?.reason == "the string is not closed on its line")
        #expect(found?.position?.line == 1)
    }

    @Test(
        "a bad escape is refused at its backslash",
        arguments: [
            (#"\x41"#, "unknown escape '\\x'"), (#"\e"#, "unknown escape '\\e'"), (#"\ "#, "unknown escape '\\ '"),
            (#"\'"#, "unknown escape '\\''"), (#"\/"#, "unknown escape '\\/'"), (#"\é"#, "unknown escape '\\é'"),
            (#"\u"#, "an escape for a code point needs 4 hexadecimal digits"),
            (#"\u00e"#, "an escape for a code point needs 4 hexadecimal digits"),
            (#"\u+041"#, "an escape for a code point needs 4 hexadecimal digits"),
            (#"\u００４１"#, "an escape for a code point needs 4 hexadecimal digits"),
            (#"\U0001F60"#, "an escape for a code point needs 8 hexadecimal digits"),
            (#"\uD800"#, "there is no Unicode character D800"), (#"\udfff"#, "there is no Unicode character dfff"),
            (#"\U00110000"#, "there is no Unicode character 00110000"),
            (#"\UFFFFFFFF"#, "there is no Unicode character FFFFFFFF"),
        ])
    func badEscape(escape: String, reason: String) {
        let found = fault("a = \"é\(escape)\"")
        #expect(found?.code == .syntax)
        #expect(found?.position == Position(line: 1, column: 7))
        #expect(found?.reason == reason)
    }

    @Test("an escape cut off by the end of the file is refused")
    func cutOff() {
        for text in [#"\"#, #"\u"#, #"\u0"#, #"\u004"#, #"\U0000004"#] {
            #expect(fault("a = \"" + text)?.code == .syntax)
        }
    }

    @Test("what is quoted is read back, whatever it is")
    func roundTrip() throws {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<2_000 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...12, using: &generator) {
                let limit: UInt32 = [0x20, 0x80, 0x300, 0x2100, 0x10FFFF].randomElement(using: &generator) ?? 0x80
                if let scalar = Unicode.Scalar(UInt32.random(in: 0...limit, using: &generator)) { text.append(scalar) }
            }
            let quoted = TOMLString.quoted(String(text))
            let read = try #require(try string(quoted))
            #expect(read.unicodeScalars.elementsEqual(text), "\(quoted)")
        }
    }

    @Test("what cannot be seen is quoted as an escape")
    func visible() {
        #expect(
            TOMLString.quoted("a\u{7}\u{200B}\u{A0}\u{202E}\u{E0001} b") == #""a\u0007\u200B\u00A0\u202E\U000E0001 b""#)
        #expect("\u{200B}x".shortened == #"\u200Bx"#)
    }

    @Test("messages hold 64 characters of a text at the most")
    func shortened() {
        let exact = String(repeating: "é", count: 64)
        #expect(exact.shortened == exact)
        #expect((exact + "x").shortened == exact + "…")
        #expect((exact + "x").display == "\"" + exact + "…\"")
        #expect("".shortened == "")
    }
}
