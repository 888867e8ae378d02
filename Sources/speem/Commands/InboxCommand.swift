import ArgumentParser
import SpeemTransport

struct InboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inbox",
        abstract: "Show received messages that were not shown before.")

    @OptionGroup var options: GlobalOptions

    @Flag(help: "Show all messages, also those that were shown before.")
    var all = false

    @Flag(help: "Go on showing messages as they come, until it is stopped.")
    var follow = false

    @Flag(help: "Print messages as JSON, one line each with --follow.")
    var json = false

    func run() async throws {
        let config = try options.load()
        if follow {
            let json = json
            _ = try await Caller.call("follow", config: config) { _, message in
                if json { Output.line(JSONText.line(message)) } else { Self.show(message) }
            }
            return
        }
        let (all, json) = (all, json)
        try await Caller.session(config) { caller in
            try await Self.list(all: all, json: json, caller)
            if !json { Notices.show(try await Notices.take(caller)) }
        }
    }

    /// Page by page; what was printed is then marked as read.
    private static func list(all: Bool, json: Bool, _ caller: Caller) async throws {
        var parameters: [String: JSON] = ["all": .bool(all)]
        var listed: [JSON] = []
        var problem: JSON?
        var last: Int64?
        var hasMore = true
        while hasMore {
            let page = try await caller.call("inbox", parameters)
            let messages = page["messages"]?.arrayValue ?? []
            problem = problem ?? page["problem"]
            if json { listed += messages } else { for message in messages { show(message) } }
            last = messages.last?["number"]?.integerValue ?? last
            hasMore = page["more"] == .bool(true) && !messages.isEmpty
            if let last { parameters["after"] = .integer(last) }
        }
        if json {
            var result: [String: JSON] = ["messages": .array(listed)]
            result["problem"] = problem
            Output.line(JSONText.object(result))
        } else {
            if let problem = problem?.stringValue { Output.note("speem: \(Output.printable(problem))") }
            if last == nil { Output.note(all ? "no messages" : "no new messages") }
        }
        guard let last else { return }
        _ = try await caller.call("inbox", ["after": .integer(last), "read": .integer(last)])
    }

    private static func show(_ message: JSON) {
        let name = Output.printable(message["contact"]?.stringValue ?? "?")
        let text = Output.printable(message["text"]?.stringValue ?? "", lines: true)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        // Further lines are indented, so that no text looks like a message of somebody else.
        Output.line("\(name): " + lines.joined(separator: "\n    "))
    }
}
