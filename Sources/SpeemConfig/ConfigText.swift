/// The characters of a config file, checked: UTF-8 without byte order mark, no control characters but tab and line feed.
struct ConfigText {
    /// CRLF has become LF.
    let scalars: [Unicode.Scalar]

    init(decoding bytes: [UInt8]) throws(Fault) {
        guard !bytes.isEmpty else { throw Self.empty }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw Fault(
                .notText, at: Position(line: 1, column: 1), "the file begins with a byte order mark",
                hint: "save it as UTF-8 without BOM")
        }
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            throw Fault(
                .notText, at: Position(line: 1, column: 1), "the file is UTF-16, not UTF-8",
                hint: "save it as UTF-8 without BOM")
        }

        var scalars: [Unicode.Scalar] = []
        scalars.reserveCapacity(bytes.count)
        var place = Position(line: 1, column: 1)
        var carriageReturn: Position?
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        decoding: while true {
            let scalar: Unicode.Scalar
            switch decoder.decode(&iterator) {
            case .scalarValue(let decoded): scalar = decoded
            case .emptyInput: break decoding
            case .error:
                throw Fault(
                    .notText, at: carriageReturn ?? place, "the file is not UTF-8 text",
                    hint: "save it as UTF-8; a config file is plain text")
            }
            if let position = carriageReturn, scalar != "\n" { throw Self.loneCarriageReturn(at: position) }
            carriageReturn = nil

            switch scalar {
            case "\r":
                carriageReturn = place
                continue
            case "\0":
                throw Fault(
                    .notText, at: place, "the file holds a NUL byte, so it is not text",
                    hint: "is this the right file? a config file is plain text")
            case "\n":
                place = Position(line: place.line + 1, column: 1)
            default:
                guard scalar == "\t" || !scalar.isControl else {
                    throw Fault(
                        .notText, at: place, "the file holds the control character \(scalar.codePoint)",
                        hint: "remove the character; it cannot be seen in most editors")
                }
                place.column += 1
            }
            scalars.append(scalar)
        }
        if let carriageReturn { throw Self.loneCarriageReturn(at: carriageReturn) }
        guard !scalars.allSatisfy(\.properties.isWhitespace) else { throw Self.empty }
        self.scalars = scalars
    }

    private static var empty: Fault {
        Fault(.empty, at: nil, "the file is empty", hint: "'speem config example' prints a complete one")
    }

    private static func loneCarriageReturn(at position: Position) -> Fault {
        Fault(
            .notText, at: position, "the file holds a carriage return that no line feed follows",
            hint: "end lines with LF or CRLF")
    }
}

extension Unicode.Scalar {
    /// Whether it acts instead of being seen: a control character (general category Cc), a line or paragraph separator,
    /// or one of those that turn the direction of text around and so can make a line look like another one.
    var isControl: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: (0x202A...0x202E).contains(value) || (0x2066...0x2069).contains(value)
        }
    }

    /// `U+0007`
    var codePoint: String {
        let digits = String(value, radix: 16, uppercase: true)
        return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
