/// Swift source text taken apart line by line: code without the text of strings, and comments.
///
/// Knows strings of one and of many lines, raw ones, interpolation inside them, and nested comments; not regular
/// expression literals.
struct SwiftCode {
    struct Line {
        /// With the code inside interpolations; every literal text is left out, its quotes stay.
        var code = ""
        var comment = ""

        var hasComment: Bool { comment.contains { $0 != "/" && $0 != "*" && !$0.isWhitespace } }
    }

    private enum State: Equatable {
        /// Inside `\(…)`, or outside of everything; with the open parentheses.
        case code(depth: Int)
        case comment(depth: Int)
        case lineComment
        case string(quotes: Int, pounds: Int)
    }

    private(set) var lines: [Line] = []
    private var current = Line()
    private var states: [State] = [.code(depth: 0)]

    init(_ text: String) {
        let characters = Array(text)
        var index = 0
        while index < characters.count {
            if characters[index] == "\n" {
                endLine()
                index += 1
            } else {
                index += take(characters[index...])
            }
        }
        endLine()
    }

    private mutating func endLine() {
        lines.append(current)
        current = Line()
        switch states.last {
        case .lineComment, .string(quotes: 1, _): states.removeLast()
        default: break
        }
    }

    /// Takes what `rest` begins with; how many characters that was.
    private mutating func take(_ rest: ArraySlice<Character>) -> Int {
        switch states.last {
        case .comment(let depth): takeComment(rest, depth)
        case .lineComment: takeCharacter(rest, to: \.comment)
        case .string(let quotes, let pounds): takeString(rest, quotes, pounds)
        case .code(let depth): takeCode(rest, depth)
        case nil: takeCharacter(rest, to: \.code)
        }
    }

    private mutating func takeCharacter(_ rest: ArraySlice<Character>, to part: WritableKeyPath<Line, String>) -> Int {
        current[keyPath: part].append(contentsOf: rest.prefix(1))
        return 1
    }

    private mutating func takeComment(_ rest: ArraySlice<Character>, _ depth: Int) -> Int {
        if rest.starts(with: "*/") {
            states.removeLast()
            if depth > 1 { states.append(.comment(depth: depth - 1)) }
            return 2
        }
        if rest.starts(with: "/*") {
            states[states.count - 1] = .comment(depth: depth + 1)
            return 2
        }
        return takeCharacter(rest, to: \.comment)
    }

    private mutating func takeString(_ rest: ArraySlice<Character>, _ quotes: Int, _ pounds: Int) -> Int {
        let marks = String(repeating: "#", count: pounds)
        if rest.starts(with: "\\" + marks + "(") {
            states.append(.code(depth: 0))
            current.code += "("
            return 2 + pounds
        }
        if rest.starts(with: "\\" + marks) { return min(2 + pounds, rest.count) }
        let end = String(repeating: "\"", count: quotes) + marks
        if rest.starts(with: end) {
            states.removeLast()
            current.code += "\""
            return end.count
        }
        return 1
    }

    private mutating func takeCode(_ rest: ArraySlice<Character>, _ depth: Int) -> Int {
        if rest.starts(with: "//") {
            states.append(.lineComment)
            return 2
        }
        if rest.starts(with: "/*") {
            states.append(.comment(depth: 1))
            return 2
        }
        let pounds = rest.prefix { $0 == "#" }.count
        if rest.dropFirst(pounds).first == "\"" {
            let quotes = rest.dropFirst(pounds).starts(with: "\"\"\"") ? 3 : 1
            states.append(.string(quotes: quotes, pounds: pounds))
            current.code += "\""
            return pounds + quotes
        }
        if rest.first == "(" {
            states[states.count - 1] = .code(depth: depth + 1)
        } else if rest.first == ")" {
            if depth == 0, states.count > 1 {
                states.removeLast()
            } else {
                states[states.count - 1] = .code(depth: max(depth - 1, 0))
            }
        }
        return takeCharacter(rest, to: \.code)
    }

    /// The lines, counted from 1, with `try!`, `as!`, a force-unwrap, an implicitly unwrapped type or `fatalError`, and
    /// no comment on the same line or the one before.
    var unprovenTraps: [Int] {
        // A prefix `!` stands behind a space or an opening bracket, and `!=` behind a space.
        let trap = /fatalError\(|[A-Za-z0-9_)\]}"`?]!(?!=)/
        return lines.indices.filter { index in
            lines[index].code.firstMatch(of: trap) != nil && !lines[index].hasComment
                && !(index > 0 && lines[index - 1].hasComment)
        }.map { $0 + 1 }
    }
}
