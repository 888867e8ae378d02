/// Strings on one line: basic ones, with escapes, and literal ones.
enum TOMLString {
    /// Reads one, with the scanner on its quote.
    static func parse(_ scanner: inout TOMLScanner) throws(Fault) -> String {
        let start = scanner.position
        guard let quote = scanner.next else { return "" }
        if scanner.peek(1) == quote, scanner.peek(2) == quote {
            throw Fault(
                .unsupported, at: start, "strings over several lines are not supported here",
                hint: "write it on one line, in single quotation marks")
        }
        scanner.advance()
        var text = String.UnicodeScalarView()
        while let scalar = scanner.next, scalar != "\n" {
            if scalar == quote {
                scanner.advance()
                return String(text)
            }
            if scalar == "\\", quote == "\"" {
                text.append(try escape(&scanner))
            } else {
                text.append(scalar)
                scanner.advance()
            }
        }
        throw Fault(
            .syntax, at: start, "the string is not closed on its line", hint: "end it with \(quote)")
    }

    /// Reads one escape, with the scanner on its backslash.
    private static func escape(_ scanner: inout TOMLScanner) throws(Fault) -> Unicode.Scalar {
        let start = scanner.position
        scanner.advance()
        guard let scalar = scanner.next, scalar != "\n" else {
            throw Fault(.syntax, at: start, "the string is not closed on its line", hint: "end it with \"")
        }
        scanner.advance()
        switch scalar {
        case "b": return "\u{8}"
        case "t": return "\t"
        case "n": return "\n"
        case "f": return "\u{C}"
        case "r": return "\r"
        case "\"": return "\""
        case "\\": return "\\"
        case "u": return try codePoint(&scanner, digits: 4, from: start)
        case "U": return try codePoint(&scanner, digits: 8, from: start)
        default:
            throw Fault(
                .syntax, at: start, "unknown escape '\\\(scalar)'",
                hint: "write \\\\ for a backslash, or put the text in 'single quotes'")
        }
    }

    private static func codePoint(
        _ scanner: inout TOMLScanner, digits: Int, from start: Position
    ) throws(Fault) -> Unicode.Scalar {
        var text = ""
        while text.unicodeScalars.count < digits, let scalar = scanner.next, scalar.properties.isASCIIHexDigit {
            text.unicodeScalars.append(scalar)
            scanner.advance()
        }
        guard text.unicodeScalars.count == digits else {
            throw Fault(
                .syntax, at: start, "an escape for a code point needs \(digits) hexadecimal digits",
                hint: "write \\u00e9 or \\U0001f600")
        }
        guard let value = UInt32(text, radix: 16), let scalar = Unicode.Scalar(value) else {
            throw Fault(.syntax, at: start, "there is no Unicode character \(text)")
        }
        return scalar
    }

    /// `text` as a basic string that ``parse(_:)`` reads back, with everything that cannot be seen as an escape.
    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\t": quoted += "\\t"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            default: quoted += scalar.visible
            }
        }
        return quoted + "\""
    }
}

extension Unicode.Scalar {
    /// Itself, or its TOML escape if it cannot be seen or looks like a space and is none.
    var visible: String {
        let hidden = isControl || properties.generalCategory == .format || (properties.isWhitespace && self != " ")
        guard hidden else { return String(self) }
        let digits = String(value, radix: 16, uppercase: true)
        let (prefix, width) = value > 0xFFFF ? ("\\U", 8) : ("\\u", 4)
        return prefix + String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension String {
    /// In an error message: short, and visible, whatever is in the file.
    var shortened: String {
        truncated.unicodeScalars.map(\.visible).joined()
    }

    /// In quotes, for an error message.
    var display: String { TOMLString.quoted(truncated) }

    private var truncated: String {
        let limit = 64
        let start = unicodeScalars.prefix(limit)
        return start.endIndex == unicodeScalars.endIndex ? self : String(start) + "…"
    }
}
