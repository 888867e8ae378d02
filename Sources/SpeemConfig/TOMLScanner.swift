/// Walks over a text one Unicode scalar at a time and knows where it is.
struct TOMLScanner {
    private let scalars: [Unicode.Scalar]
    private var index = 0
    private(set) var position = Position(line: 1, column: 1)

    init(_ scalars: [Unicode.Scalar]) {
        self.scalars = scalars
    }

    /// The next scalar; nil at the end.
    var next: Unicode.Scalar? { peek(0) }

    func peek(_ offset: Int) -> Unicode.Scalar? {
        let target = index + offset
        return scalars.indices.contains(target) ? scalars[target] : nil
    }

    /// Consumes the next scalar, if there is one.
    mutating func advance() {
        guard let scalar = next else { return }
        index += 1
        if scalar == "\n" {
            position = Position(line: position.line + 1, column: 1)
        } else {
            position.column += 1
        }
    }

    /// Consumes `scalar` if it is the next one.
    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        advance()
        return true
    }

    /// Consumes and returns what comes before the first scalar that does not belong.
    mutating func takeWhile(_ belongs: (Unicode.Scalar) -> Bool) -> String {
        var taken = String.UnicodeScalarView()
        while let scalar = next, belongs(scalar) {
            taken.append(scalar)
            advance()
        }
        return String(taken)
    }

    /// TOML's whitespace: space and tab.
    mutating func skipSpaces() {
        while next == " " || next == "\t" { advance() }
    }

    /// Up to the end of the line, if a comment begins here.
    mutating func skipComment() {
        guard next == "#" else { return }
        while let scalar = next, scalar != "\n" { advance() }
    }

    /// What may stand between the elements of an array.
    mutating func skipSpacesCommentsAndNewlines() {
        while true {
            skipSpaces()
            skipComment()
            guard take("\n") else { return }
        }
    }
}

extension Unicode.Scalar {
    /// TOML 1.0, "Bare keys": ASCII letters, ASCII digits, underscores and dashes.
    var isBareKey: Bool {
        switch self {
        case "a"..."z", "A"..."Z", "0"..."9", "_", "-": true
        default: false
        }
    }

    var isDecimalDigit: Bool { ("0"..."9").contains(self) }
}
