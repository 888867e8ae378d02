/// Values without quotes: decimal integers and booleans. The rest of TOML's is recognised to be refused by name.
enum TOMLScalarValue {
    static func parse(_ scanner: inout TOMLScanner) throws(Fault) -> TOMLValue {
        let start = scanner.position
        let text = scanner.takeWhile { !$0.endsBareValue }
        switch text {
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        default: break
        }
        if let integer = try integer(text, at: start) { return .integer(integer) }
        if let feature = unsupportedFeature(text) {
            throw Fault(.unsupported, at: start, "\(feature) are not supported here: '\(text.shortened)'")
        }
        guard !text.isEmpty else {
            throw Fault(.syntax, at: start, "the value is missing", hint: "write key = value on one line")
        }
        if ["true", "false"].contains(text.lowercased()) {
            throw Fault(
                .syntax, at: start, "'\(text.shortened)' is not a value",
                hint: "write \(text.lowercased()) in lower case")
        }
        if let first = text.unicodeScalars.first, typographicQuotes.contains(first) {
            throw Fault(
                .syntax, at: start, "'\(first)' is not the quotation mark of TOML",
                hint: "write straight quotation marks: \"text\"")
        }
        throw Fault(
            .syntax, at: start, "'\(text.shortened)' is not a value: text belongs in quotes",
            hint: "write \(text.display)")
    }

    /// What word processors make of straight ones.
    private static let typographicQuotes: Set<Unicode.Scalar> = ["“", "”", "„", "‘", "’", "‚", "«", "»"]

    /// `42`, `+1_000`, `-7`; nil where the text is not made like one.
    private static func integer(_ text: String, at position: Position) throws(Fault) -> Int64? {
        let unsigned = dropSign(text)
        guard isDigits(unsigned) else { return nil }
        guard unsigned.count == 1 || unsigned.first != "0" else {
            throw Fault(
                .syntax, at: position, "a number must not begin with 0: '\(text.shortened)'",
                hint: "remove the zeros at its beginning")
        }
        var plain = String.UnicodeScalarView()
        plain.append(contentsOf: text.unicodeScalars.lazy.filter { $0 != "_" })
        guard let value = Int64(String(plain)) else {
            throw Fault(.outOfRange, at: position, "the number '\(text.shortened)' is too large for 64 bits")
        }
        return value
    }

    private static func unsupportedFeature(_ text: String) -> String? {
        let unsigned = dropSign(text)
        if unsigned.elementsEqual("inf".unicodeScalars) || unsigned.elementsEqual("nan".unicodeScalars) {
            return "floats"
        }
        if isFloat(unsigned) { return "floats" }
        for prefix in ["0x", "0o", "0b"] where text.hasPrefix(prefix) && text.unicodeScalars.count > 2 {
            return "hexadecimal, octal and binary numbers"
        }
        let shape = text.unicodeScalars.prefix(8).map { $0.isDecimalDigit ? "0" : $0 }
        if shape.starts(with: "0000-00-".unicodeScalars) || shape.starts(with: "00:00".unicodeScalars) {
            return "dates and times"
        }
        return nil
    }

    /// Whether it is a TOML float without its sign: a whole number, then a fraction, an exponent or both.
    private static func isFloat(_ text: Substring.UnicodeScalarView) -> Bool {
        let exponent = text.firstIndex { $0 == "e" || $0 == "E" }
        let mantissa = text[..<(exponent ?? text.endIndex)]
        if let exponent, !isDigits(dropSign(text[text.index(after: exponent)...])) { return false }
        let parts = mantissa.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        return (exponent != nil || parts.count == 2) && parts.allSatisfy(isDigits)
    }

    /// Decimal digits, with single underscores between them.
    private static func isDigits(_ text: Substring.UnicodeScalarView) -> Bool {
        text.split(separator: "_", omittingEmptySubsequences: false).allSatisfy { group in
            !group.isEmpty && group.allSatisfy(\.isDecimalDigit)
        }
    }

    private static func dropSign(_ text: String) -> Substring.UnicodeScalarView {
        dropSign(text.unicodeScalars[...])
    }

    private static func dropSign(_ text: Substring.UnicodeScalarView) -> Substring.UnicodeScalarView {
        text.first == "+" || text.first == "-" ? text.dropFirst() : text
    }
}
