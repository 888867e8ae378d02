import SpeemTransport

/// `--json` output: indented for a person, one line in a pipe.
enum JSONText {
    static func text(_ json: JSON) -> String { (Output.isTerminal ? json.pretty : json.line).escapingInvisible }

    static func object(_ members: [String: JSON]) -> String { text(.object(members)) }

    static func line(_ json: JSON) -> String { json.line.escapingInvisible }
}
