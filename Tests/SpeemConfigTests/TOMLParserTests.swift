import Testing

@testable import SpeemConfig

@Suite("TOMLParser")
struct TOMLParserTests {
    @Test("keys and values come with line and column")
    func positions() throws {
        let document = try document("# first\n\ta = 1\n\n [ t ] # table\nbb=\"x\"\nc_-9 = true")
        #expect(
            document
                == TOMLDocument(tables: [
                    TOMLTable(
                        name: "", position: Position(line: 1, column: 1),
                        entries: [
                            TOMLEntry(
                                key: "a", keyPosition: Position(line: 2, column: 2), value: .integer(1),
                                valuePosition: Position(line: 2, column: 6))
                        ]),
                    TOMLTable(
                        name: "t", position: Position(line: 4, column: 4),
                        entries: [
                            TOMLEntry(
                                key: "bb", keyPosition: Position(line: 5, column: 1), value: .string("x"),
                                valuePosition: Position(line: 5, column: 4)),
                            TOMLEntry(
                                key: "c_-9", keyPosition: Position(line: 6, column: 1), value: .boolean(true),
                                valuePosition: Position(line: 6, column: 8)),
                        ]),
                ]))
    }

    @Test("columns count Unicode scalars")
    func scalarColumns() {
        // Two scalars that are one grapheme, and one that is four bytes long.
        #expect(fault("a = 'e\u{301}😀' x")?.position == Position(line: 1, column: 11))
    }

    @Test("lines end with LF, CRLF or the file")
    func lineEnds() throws {
        let lines = try document("a = 1\nb = 2")
        #expect(try document("a = 1\r\nb = 2\r\n") == lines)
        #expect(try document("a = 1\nb = 2\n") == lines)
        #expect(try document("a = 1\nb = 2 # end") == lines)
        #expect(fault("a = 1\r\nb 2")?.position == Position(line: 2, column: 3))
    }

    @Test("a table may be empty")
    func emptyTables() throws {
        let tables = try document("[a]\n[b]\n").tables
        #expect(tables.map(\.name) == ["", "a", "b"])
        #expect(tables.allSatisfy { $0.entries.isEmpty })
    }

    @Test("one key may be in several tables")
    func sameKey() throws {
        #expect(try document("a = 1\n[t]\na = 2\n[u]\na = 3").tables.map(\.entries.count) == [1, 1, 1])
    }

    @Test(
        "what is no TOML is a syntax error",
        arguments: [
            ("= 1", 1, "expected a key or a [table], found '='"),
            ("é = 1", 1, "expected a key or a [table], found 'é'"),
            ("\u{A0}a = 1", 1, "expected a key or a [table], found '\\u00A0'"),
            ("]", 1, "expected a key or a [table], found ']'"),
            ("a", 2, "expected '=' after 'a', found the end of the file"),
            ("a\n= 1", 2, "expected '=' after 'a', found the end of the line"),
            ("a b = 1", 3, "expected '=' after 'a', found 'b'"),
            ("a: 1", 2, "expected '=' after 'a', found ':'"),
            ("a # = 1", 3, "expected '=' after 'a', found '#'"),
            ("a =", 4, "the value is missing after 'a ='"),
            ("a = ", 5, "the value is missing after 'a ='"),
            ("a = # 1", 5, "the value is missing after 'a ='"),
            ("a =\n1", 4, "the value is missing after 'a ='"),
            ("a = 1 2", 7, "expected the end of the line, found '2'"),
            ("a = 1 b = 2", 7, "expected the end of the line, found 'b'"),
            ("a = 'x''y'", 8, "expected the end of the line, found '''"),
            ("a = 1, b = 2", 6, "expected the end of the line, found ','"),
            ("[a] b = 1", 5, "expected the end of the line, found 'b'"),
            ("[", 2, "the name of a table is missing after '['"),
            ("[]", 2, "the name of a table is missing after '['"),
            ("[ ]", 3, "the name of a table is missing after '['"),
            ("[.a]", 2, "the name of a table is missing after '['"),
            ("[a", 3, "expected ']' after '[a', found the end of the file"),
            ("[a\n]", 3, "expected ']' after '[a', found the end of the line"),
            ("[a b]", 4, "expected ']' after '[a', found 'b'"),
            ("[a = 1", 4, "expected ']' after '[a', found '='"),
        ])
    func syntax(text: String, column: Int, reason: String) {
        let found = fault(text)
        #expect(found?.code == .syntax)
        #expect(found?.position == Position(line: 1, column: column))
        #expect(found?.reason == reason)
    }

    @Test(
        "what is TOML, but not here, is named",
        arguments: [
            ("a.b = 1", 2, "dotted keys"), ("a . b = 1", 3, "dotted keys"), ("\"a\" = 1", 1, "keys in quotes"),
            ("'a' = 1", 1, "keys in quotes"), ("[\"a\"]", 2, "keys in quotes"), ("[a.b]", 3, "tables within tables"),
            ("[ a . b ]", 5, "tables within tables"), ("[[a]]", 1, "arrays of tables"), ("a = {}", 5, "inline tables"),
            ("a = { b = 1 }", 5, "inline tables"), ("a = \"\"\"x\"\"\"", 5, "strings over several lines"),
            ("a = '''\nx'''", 5, "strings over several lines"), ("a = 1.5", 5, "floats"),
            ("a = 1979-05-27", 5, "dates and times"), ("a = 0xff", 5, "hexadecimal, octal and binary numbers"),
        ])
    func unsupported(text: String, column: Int, feature: String) {
        let found = fault(text)
        #expect(found?.code == .unsupported)
        #expect(found?.position == Position(line: 1, column: column))
        #expect(found?.reason.hasPrefix("\(feature) are not supported here") == true)
    }

    @Test("a key that comes twice is refused at its second place")
    func duplicateKey() {
        let top = fault("a = 1\nb = 2\n a = 1")
        #expect(top?.code == .duplicate)
        #expect(top?.position == Position(line: 3, column: 2))
        #expect(top?.reason == "duplicate key 'a', which is at 1:1 already")
        #expect(fault("[t]\na = 1\na = 1")?.reason == "duplicate key 'a' in [t], which is at 2:1 already")
    }

    @Test("a table that comes twice is refused at its second place")
    func duplicateTable() {
        let found = fault("[t]\n[u]\n[ t ]\n")
        #expect(found?.code == .duplicate)
        #expect(found?.position == Position(line: 3, column: 3))
        #expect(found?.reason == "duplicate table [t], which is at 1:2 already")
    }

    @Test("a table cannot have the name of a key of the top level")
    func tableNamedLikeKey() throws {
        let found = fault("a = 1\n[b]\n[a]")
        #expect(found?.code == .duplicate)
        #expect(found?.position == Position(line: 3, column: 2))
        #expect(found?.reason == "[a] has the name of the key at 1:1")
        #expect(try document("[a]\nb = 1\n[b]\na = 1").tables.count == 3)
    }

    @Test("long words are shortened in messages")
    func longWords() {
        let word = String(repeating: "k", count: 60_000)
        for text in [word, "\(word) = ", "[\(word)", "a = \(word)", "[\(word)]\n[\(word)]", "\(word) = 1\n\(word) = 1"]
        {
            let found = fault(text)
            #expect((found?.reason.utf8.count ?? 1_000) < 300)
            #expect((found?.hint?.utf8.count ?? 0) < 300)
        }
    }

    @Test("no nesting, however deep, exhausts the stack")
    func depth() {
        for opening in ["[", "{", "a = [", "a = {", "a = \"\\", "[[a]\n", "a=["] {
            #expect(fault(String(repeating: opening, count: 60_000 / opening.utf8.count)) != nil)
        }
        #expect(fault("a = " + String(repeating: "[", count: 60_000))?.code == .unsupported)
    }

    @Test("as many keys and tables as fit are parsed")
    func many() throws {
        let keys = (0..<6_000).map { "k\($0)=\($0)\n" }.joined()
        #expect(try document(keys).tables[0].entries.count == 6_000)
        let tables = (0..<6_000).map { "[t\($0)]\n" }.joined()
        #expect(try document(tables).tables.count == 6_001)
    }
}
