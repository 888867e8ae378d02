import Testing

@testable import SpeemConfig

@Suite("TOMLScalarValue")
struct TOMLScalarValueTests {
    private func value(_ text: String) throws -> TOMLValue {
        try document("a = " + text).tables[0].entries[0].value
    }

    @Test(
        "integers",
        arguments: [
            ("0", 0), ("+0", 0), ("-0", 0), ("7", 7), ("+42", 42), ("-17", -17), ("1_000", 1_000), ("1_2_3", 123),
            ("9223372036854775807", Int64.max), ("-9223372036854775808", Int64.min),
            ("+9_223_372_036_854_775_807", Int64.max),
        ] as [(String, Int64)])
    func integers(text: String, expected: Int64) throws {
        #expect(try value(text) == .integer(expected))
        #expect(try value(text + "# comment") == .integer(expected))
    }

    @Test("booleans")
    func booleans() throws {
        #expect(try value("true") == .boolean(true))
        #expect(try value("false") == .boolean(false))
        #expect(fault("a = True")?.hint == "write true in lower case")
        #expect(fault("a = FALSE")?.hint == "write false in lower case")
    }

    @Test(
        "numbers beyond 64 bits are refused",
        arguments: ["9223372036854775808", "-9223372036854775809", String(repeating: "9", count: 60_000)])
    func tooLarge(text: String) {
        let found = fault("a = " + text)
        #expect(found?.code == .outOfRange)
        #expect(found?.position == Position(line: 1, column: 5))
    }

    @Test("leading zeros are refused", arguments: ["00", "01", "+01", "-007", "0_1"])
    func leadingZeros(text: String) {
        #expect(fault("a = " + text)?.reason == "a number must not begin with 0: '\(text)'")
    }

    @Test(
        "floats are not supported here",
        arguments: [
            "1.5", "+1.0", "-0.01", "5e+22", "1e06", "-2E-2", "6.626e-34", "inf", "+inf", "-inf", "nan", "1_0.0_1",
        ])
    func floats(text: String) {
        let found = fault("a = " + text)
        #expect(found?.code == .unsupported)
        #expect(found?.reason == "floats are not supported here: '\(text)'")
    }

    @Test(
        "dates and times are not supported here",
        arguments: ["1979-05-27T07:32:00Z", "1979-05-27", "07:32:00", "1979-05-27T00:32:00.999999-07:00"])
    func dates(text: String) {
        let found = fault("a = " + text)
        #expect(found?.code == .unsupported)
        #expect(found?.reason == "dates and times are not supported here: '\(text)'")
    }

    @Test("a date with a space is a date too")
    func dateWithSpace() {
        #expect(fault("a = 1979-05-27 07:32:00Z")?.code == .unsupported)
    }

    @Test("other bases are not supported here", arguments: ["0xDEADBEEF", "0o755", "0b1101"])
    func bases(text: String) {
        #expect(fault("a = " + text)?.code == .unsupported)
    }

    @Test(
        "text without quotes is shown with them",
        arguments: [
            ("node", "write \"node\""), ("1GB", "write \"1GB\""), ("5m", "write \"5m\""),
            ("1.2.3.4:4404", "write \"1.2.3.4:4404\""),
            ("/var/lib", "write \"/var/lib\""), ("-", "write \"-\""), ("+", "write \"+\""), ("_1", "write \"_1\""),
            ("1_", "write \"1_\""), ("1__0", "write \"1__0\""), (".5", "write \".5\""), ("5.", "write \"5.\""),
            ("0x", "write \"0x\""), ("1e", "write \"1e\""), ("--1", "write \"--1\""), ("é", "write \"é\""),
            ("１", "write \"１\""),
        ])
    func unquoted(text: String, hint: String) {
        let found = fault("a = " + text)
        #expect(found?.code == .syntax)
        #expect(found?.reason == "'\(text)' is not a value: text belongs in quotes")
        #expect(found?.hint == hint)
        #expect(found?.position == Position(line: 1, column: 5))
    }

    @Test("the quotation marks of word processors are named", arguments: ["“node”", "„node“", "‘node’", "«node»"])
    func typographicQuotes(text: String) {
        let found = fault("a = " + text)
        #expect(found?.code == .syntax)
        #expect(found?.reason.hasSuffix("is not the quotation mark of TOML") == true)
        #expect(found?.hint == "write straight quotation marks: \"text\"")
    }

    @Test("marks that no value begins with", arguments: [",", "]", "}"])
    func marks(text: String) {
        #expect(fault("a = " + text)?.reason == "the value is missing")
    }
}
