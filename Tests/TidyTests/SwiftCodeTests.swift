import Testing

/// The rules find what they look for.
struct SwiftCodeTests {
    @Test(arguments: [
        "let a = x!", "let a = x!.y", "x![0] = 1", "f!()", "list.map { $0! }", "list.map {x!}", "a(b!, c)", "x! + 1",
        "x!;", "f()!", "a[0]!", "try! f()", "a as! B", "fatalError(\"no\")", "var x: Int!", "if x!", "[x!]", "x?.y!",
        "let url = f(\"https://example.org\")!", "let text = \"\\(x!)\"", "let text = \"\"\"\na // b \\(x!)\n\"\"\"",
        "let a = #\"\\\"# + x!", "x!: 1", "(x)!", "let a = \"a\"!", "`in`!", "closure { 1 }!()", "x /* */ !\ny!",
        "x!//",
        "#\"\"# + x!",
    ])
    func findsWhatTraps(code: String) {
        #expect(SwiftCode(code).unprovenTraps.count == 1, "\(code)")
    }

    @Test(arguments: [
        "if !x { }", "a != b", "f(!x)", "[!x]", "let a = \"x!\"", "\"try! \\\" x!\"", "// x!", "/* x! */",
        "a /* x!\ny! */",
        "let a = x! // It was set above.", "// It was set above.\nlet a = x!", "let a = #\"x!\"#", "x!==y", "{ !x }",
        "let text = \"\"\"\n  x!\n  \"quoted\" x!\n  \"\"\"", "/* a /* b */ x! */", "\"\\(a) x!\"", "\"a\" // x!",
        "\"\\(f(\"x!\"))\"", "x! /* It was set above. */",
    ])
    func leavesTheRestAlone(code: String) {
        #expect(SwiftCode(code).unprovenTraps.isEmpty, "\(code)")
    }

    @Test func anEmptyCommentProvesNothing() {
        #expect(SwiftCode("//\nlet a = x! //").unprovenTraps == [2])
    }

    @Test func keepsTheNumbersOfLines() {
        let code = SwiftCode("a\n\"\"\"\n\n\"\"\"\n// b\nc!\n\nd! // proof")
        #expect(code.lines.count == 8)
        #expect(code.lines.map(\.code) == ["a", "\"", "", "\"", "", "c!", "", "d! "])
        #expect(SwiftCode("a\n\nc!\n").unprovenTraps == [3])
    }
}
