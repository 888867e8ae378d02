import ArgumentParser
import SpeemTransport

struct InboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inbox",
        abstract: "Show received messages that were not shown before.")

    @OptionGroup var options: GlobalOptions

    @Flag(help: "Show all messages, also those that were shown before.")
    var all = false

    @Flag(help: "Go on showing messages as they come; needs speem run.")
    var follow = false

    @Flag(help: "Print messages as JSON, one line each with --follow.")
    var json = false

    func run() async throws {
        let config = try options.load()
        if follow {
            let json = json
            _ = try await Caller.call("follow", config: config) { _, message in
                if json { Output.line(message.line) } else { Self.show(message) }
            }
            return
        }
        let result = try await Caller.call("inbox", ["all": .bool(all)], config: config)
        if json { return Output.line(JSONText.text(result)) }
        let messages = result["messages"]?.arrayValue ?? []
        for message in messages { Self.show(message) }
        if let problem = result["problem"]?.stringValue { Output.note("speem: \(Output.printable(problem))") }
        if messages.isEmpty { Output.note(all ? "no messages" : "no new messages") }
    }

    private static func show(_ message: JSON) {
        let name = Output.printable(message["contact"]?.stringValue ?? "?")
        let text = Output.printable(message["text"]?.stringValue ?? "", lines: true)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        // Further lines are indented, so that no text looks like a message of somebody else.
        Output.line("\(name): " + lines.joined(separator: "\n    "))
    }
}
