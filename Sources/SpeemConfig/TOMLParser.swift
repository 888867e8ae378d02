/// A strict parser of the subset of TOML 1.0 that SpeemConfig.md states. What it accepts, TOML accepts, and reads the same.
///
/// It never recurses, so no input can exhaust the stack.
struct TOMLParser {
    private var scanner: TOMLScanner
    private var tables: [TOMLTable] = []
    private var tablePositions: [String: Position] = [:]
    /// Of the table being read.
    private var keyPositions: [String: Position] = [:]

    private init(_ text: ConfigText) {
        scanner = TOMLScanner(text.scalars)
    }

    static func parse(_ text: ConfigText) throws(Fault) -> TOMLDocument {
        var parser = Self(text)
        return try parser.document()
    }

    private mutating func document() throws(Fault) -> TOMLDocument {
        var table = TOMLTable(name: "", position: scanner.position, entries: [])
        while true {
            scanner.skipSpacesCommentsAndNewlines()
            guard let scalar = scanner.next else { break }
            if scalar == "[" {
                tables.append(table)
                table = try header()
            } else {
                table.entries.append(try entry(table: table.name))
            }
            try endOfLine()
        }
        tables.append(table)
        return TOMLDocument(tables: tables)
    }

    /// `[name]`, with the scanner on its bracket.
    private mutating func header() throws(Fault) -> TOMLTable {
        let start = scanner.position
        scanner.advance()
        if scanner.next == "[" {
            throw Fault(.unsupported, at: start, "arrays of tables are not supported here", hint: "write [table]")
        }
        scanner.skipSpaces()
        let position = scanner.position
        try refuseQuotedKey()
        let name = scanner.takeWhile(\.isBareKey)
        scanner.skipSpaces()
        if !name.isEmpty, scanner.next == "." {
            throw Fault(
                .unsupported, at: scanner.position, "tables within tables are not supported here", hint: "write [table]"
            )
        }
        guard !name.isEmpty else {
            throw Fault(.syntax, at: position, "the name of a table is missing after '['", hint: "write [table]")
        }
        guard scanner.take("]") else {
            throw Fault(.syntax, at: scanner.position, "expected ']' after '[\(name.shortened)', found \(found)")
        }
        if let key = tables.first?.entries.first(where: { $0.key == name }) {
            throw Fault(
                .duplicate, at: position, "[\(name.shortened)] has the name of the key at \(key.keyPosition)",
                hint: "remove one of them")
        }
        if let first = tablePositions.updateValue(position, forKey: name) {
            throw Fault(
                .duplicate, at: position, "duplicate table [\(name.shortened)], which is at \(first) already",
                hint: "move its keys into the first one")
        }
        keyPositions = [:]
        return TOMLTable(name: name, position: position, entries: [])
    }

    /// `key = value`
    private mutating func entry(table: String) throws(Fault) -> TOMLEntry {
        let keyPosition = scanner.position
        try refuseQuotedKey()
        let key = scanner.takeWhile(\.isBareKey)
        guard !key.isEmpty else {
            throw Fault(
                .syntax, at: keyPosition, "expected a key or a [table], found \(found)", hint: "write key = value")
        }
        scanner.skipSpaces()
        if scanner.next == "." {
            throw Fault(
                .unsupported, at: scanner.position, "dotted keys are not supported here",
                hint: "write [\(key.shortened)] on a line of its own and its keys below it")
        }
        guard scanner.take("=") else {
            throw Fault(
                .syntax, at: scanner.position, "expected '=' after '\(key.shortened)', found \(found)",
                hint: "write key = value")
        }
        scanner.skipSpaces()
        if let first = keyPositions.updateValue(keyPosition, forKey: key) {
            let place = table.isEmpty ? "" : " in [\(table.shortened)]"
            throw Fault(
                .duplicate, at: keyPosition, "duplicate key '\(key.shortened)'\(place), which is at \(first) already",
                hint: "remove one of them")
        }
        let valuePosition = scanner.position
        let value = try value(of: key)
        return TOMLEntry(key: key, keyPosition: keyPosition, value: value, valuePosition: valuePosition)
    }

    private mutating func value(of key: String) throws(Fault) -> TOMLValue {
        switch scanner.next {
        case "\"", "'": return .string(try TOMLString.parse(&scanner))
        case "[": return .array(try array())
        case "{":
            throw Fault(
                .unsupported, at: scanner.position, "inline tables are not supported here",
                hint: "write [table] on a line of its own and its keys below it")
        case nil, "\n", "#":
            throw Fault(
                .syntax, at: scanner.position, "the value is missing after '\(key.shortened) ='",
                hint: "write key = value on one line")
        default: return try TOMLScalarValue.parse(&scanner)
        }
    }

    /// `["a", "b"]`, over as many lines as it takes, with the scanner on its first bracket.
    private mutating func array() throws(Fault) -> [TOMLElement] {
        let start = scanner.position
        scanner.advance()
        var elements: [TOMLElement] = []
        while true {
            scanner.skipSpacesCommentsAndNewlines()
            if scanner.take("]") { return elements }
            let position = scanner.position
            switch scanner.next {
            case "\"", "'":
                elements.append(TOMLElement(text: try TOMLString.parse(&scanner), position: position))
            case nil:
                throw Self.notClosed(start)
            case ",":
                throw Fault(.syntax, at: position, "a string is missing before ','", hint: "remove one of the commas")
            case "[", "{":
                throw Fault(.unsupported, at: position, "arrays of anything but strings are not supported here")
            default:
                let element = scanner.takeWhile { !$0.endsBareValue }
                throw Fault(
                    .unsupported, at: position,
                    "expected a string or ']' in the array that begins at \(start), found '\(element.shortened)'",
                    hint: "arrays hold strings only, in quotes: [\"a\", \"b\"]")
            }
            scanner.skipSpacesCommentsAndNewlines()
            if scanner.take(",") { continue }
            if scanner.take("]") { return elements }
            guard scanner.next != nil else { throw Self.notClosed(start) }
            throw Fault(
                .syntax, at: scanner.position,
                "expected ',' or ']' in the array that begins at \(start), found \(found)",
                hint: "write [\"a\", \"b\"]")
        }
    }

    private static func notClosed(_ start: Position) -> Fault {
        Fault(.syntax, at: start, "the array is not closed", hint: "end it with ']'")
    }

    /// After a value or a header there is nothing but a comment.
    private mutating func endOfLine() throws(Fault) {
        scanner.skipSpaces()
        scanner.skipComment()
        guard scanner.next != nil, !scanner.take("\n") else { return }
        throw Fault(
            .syntax, at: scanner.position, "expected the end of the line, found \(found)",
            hint: "one key = value or [table] a line; comments begin with '#'")
    }

    private func refuseQuotedKey() throws(Fault) {
        guard scanner.next == "\"" || scanner.next == "'" else { return }
        throw Fault(
            .unsupported, at: scanner.position, "keys in quotes are not supported here",
            hint: "write the key without quotes")
    }

    /// The next scalar, for an error message.
    private var found: String {
        switch scanner.next {
        case nil: "the end of the file"
        case "\n": "the end of the line"
        case .some(let scalar): "'\(scalar.visible)'"
        }
    }
}

extension Unicode.Scalar {
    /// Whether a number, a boolean or anything else without quotes ends before it.
    var endsBareValue: Bool {
        switch self {
        case " ", "\t", "\n", ",", "]", "[", "}", "{", "#", "\"", "'": true
        default: false
        }
    }
}
