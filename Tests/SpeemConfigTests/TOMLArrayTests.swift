import Testing

@testable import SpeemConfig

@Suite("TOML arrays")
struct TOMLArrayTests {
    private func texts(_ text: String) throws -> [String]? {
        guard case .array(let elements) = try document("a = " + text).tables[0].entries[0].value else { return nil }
        return elements.map(\.text)
    }

    @Test(
        "arrays of strings, on one line and several",
        arguments: [
            ("[]", []), ("[ ]", []), ("[\n]", []), ("[ # none\n\n]", []), ("['a']", ["a"]), ("[\"a\",]", ["a"]),
            ("['a','b']", ["a", "b"]), ("[ \"a\" , 'b' , ]", ["a", "b"]),
            ("[\n  \"a\", # first\n\n  # second\n  'b'\n  ,\n]", ["a", "b"]), ("['a,b', ']']", ["a,b", "]"]),
            ("['a'\n\n,\n'a']", ["a", "a"]), ("['a',#]\n]", ["a"]),
        ] as [(String, [String])])
    func valid(text: String, expected: [String]) throws {
        #expect(try texts(text) == expected)
        #expect(try texts(text + " # comment\nb = 1") == expected)
        #expect(try texts(text.map { $0 == "\n" ? "\r\n" : String($0) }.joined()) == expected)
    }

    @Test("each string has its place")
    func positions() throws {
        let entry = try document("a = ['é', 'b',\n  \"c\"]").tables[0].entries[0]
        guard case .array(let elements) = entry.value else {
            Issue.record("no array")
            return
        }
        let places = [Position(line: 1, column: 6), Position(line: 1, column: 11), Position(line: 2, column: 3)]
        #expect(elements.map(\.position) == places)
        #expect(entry.valuePosition == Position(line: 1, column: 5))
    }

    @Test(
        "an unclosed array is refused where it begins", arguments: ["[", "['a'", "['a',", "['a', # ]", "[\n\n", "[#"])
    func unclosed(text: String) {
        let found = fault("a = " + text)
        #expect(found?.code == .syntax)
        #expect(found?.position == Position(line: 1, column: 5))
        #expect(found?.reason == "the array is not closed")
    }

    @Test("commas stand between strings", arguments: [("[,]", 6), ("['a',,]", 10), ("[,'a']", 6)])
    func commas(text: String, column: Int) {
        let found = fault("a = " + text)
        #expect(found?.code == .syntax)
        #expect(found?.position == Position(line: 1, column: column))
        #expect(found?.reason == "a string is missing before ','")
    }

    @Test("a missing comma is found", arguments: [("['a' 'b']", 1, 10), ("['a'\n'b']", 2, 1), ("['a' b]", 1, 10)])
    func missingComma(text: String, line: Int, column: Int) {
        let found = fault("a = " + text)
        #expect(found?.code == .syntax)
        #expect(found?.position == Position(line: line, column: column))
        #expect(found?.reason.hasPrefix("expected ',' or ']' in the array that begins at 1:5") == true)
    }

    @Test(
        "anything but strings is not supported here",
        arguments: ["[1]", "[true]", "[['a']]", "[{}]", "['a', 1]", "[1.5, 2]", "[a]", "[é]", "[=]"])
    func others(text: String) {
        #expect(fault("a = " + text)?.code == .unsupported)
    }

    @Test("a forgotten bracket is explained with the place of the array")
    func forgottenBracket() {
        let found = fault("a = ['x',\nb = 1\n")
        #expect(found?.position == Position(line: 2, column: 1))
        #expect(found?.reason == "expected a string or ']' in the array that begins at 1:5, found 'b'")
    }

    @Test("strings in arrays are on one line")
    func multiline() {
        #expect(fault("a = ['''x''']")?.code == .unsupported)
        #expect(fault("a = ['x\n']")?.reason == "the string is not closed on its line")
    }
}
