import ArgumentParser
import SpeemConfig
import SpeemDoctor
import SpeemTransport

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show how the node or the device is.")

    @OptionGroup var options: GlobalOptions

    @Flag(help: "Print the status as JSON.")
    var json = false

    func run() async throws {
        let config = try options.load()
        let result = try await Caller.call("status", config: config)
        if json { return Output.line(JSONText.text(result)) }
        for line in lines(of: result, prefix: "") { Output.line(Output.printable(line)) }
        if let words = Doctor.keyWarning(config) { Output.note("note: \(words)") }
    }

    /// One line a value: names with spaces, nested ones behind their parent's.
    private func lines(of json: JSON, prefix: String) -> [String] {
        switch json {
        case .object(let members):
            return members.sorted { $0.key < $1.key }.flatMap { name, value in
                lines(
                    of: value, prefix: prefix + (prefix.isEmpty ? "" : " ") + String(name.map { $0 == "_" ? " " : $0 }))
            }
        case .array(let values):
            return values.enumerated().flatMap { lines(of: $1, prefix: "\(prefix) \($0 + 1)") }
        case .string(let text): return ["\(prefix): \(text)"]
        case .bool(let value): return ["\(prefix): \(value ? "yes" : "no")"]
        case .integer(let value): return ["\(prefix): \(value)"]
        case .number(let value): return ["\(prefix): \(value)"]
        case .null: return ["\(prefix): -"]
        }
    }
}
