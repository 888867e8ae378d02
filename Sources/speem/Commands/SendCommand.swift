import ArgumentParser
import SpeemTransport

struct SendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Send a text to a contact.",
        discussion: """
            Says how far the message has come: "stored" when the contact's node has it on disk; "queued" when your own node \
            has it and brings it there, whether or not this device is on; "waiting" when it is only here: then speem run, or \
            the next command, sends it. speem sent shows when it is "delivered".
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The contact's name.")
    var contact: String

    @Argument(help: "The text; - reads it from standard input.")
    var text: String

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() async throws {
        var message = text
        if text == "-" {
            var lines: [String] = []
            while let line = readLine() { lines.append(line) }
            message = lines.joined(separator: "\n")
        }
        let result = try await Caller.call(
            "send", ["contact": .string(contact), "text": .string(message)], config: try options.load())
        if json { return Output.line(JSONText.text(result)) }
        let name = Output.printable(result["contact"]?.stringValue ?? "?")
        switch result["state"]?.stringValue {
        case "stored": Output.line("stored: \(name)'s node has it")
        case "delivered": Output.line("delivered to \(name)")
        case "failed": throw Failure("\(name)'s node refused the message for good", hint: "speem sent shows it")
        case "queued": Output.line("queued: your node has it, and brings it to \(name)'s")
        default:
            Output.line("waiting: \(Output.printable(result["reason"]?.stringValue ?? "the node cannot be reached"))")
        }
    }
}

struct SentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sent",
        abstract:
            "List what was sent last, and how far it has come: waiting, queued, stored, delivered, read, or failed and why."
    )

    /// Messages that are listed at the most.
    private static let count = 100

    @OptionGroup var options: GlobalOptions

    @Argument(help: "Only what was sent to this contact.")
    var contact: String?

    @Flag(help: "Show the beginning of each message's id, for speem why.")
    var ids = false

    @Flag(help: "Print the list as JSON.")
    var json = false

    func run() async throws {
        let (contact, json) = (contact, json)
        let (messages, problem) = try await Caller.session(try options.load()) { caller in
            try await Self.newest(contact: contact, caller)
        }
        if json {
            var result: [String: JSON] = ["messages": .array(messages)]
            if let problem { result["problem"] = .string(problem) }
            return Output.line(JSONText.object(result))
        }
        for message in messages {
            let state = message["state"]?.stringValue ?? "?"
            let name = Output.printable(message["contact"]?.stringValue ?? "?")
            let id = ids ? "\((message["id"]?.stringValue ?? "?").prefix(12))\t" : ""
            Output.line("\(id)\(state)\t\(name)\t\(Output.printable(message["text"]?.stringValue ?? ""))")
            if let failure = message["failure"]?.stringValue { Output.line("\t\t(\(Output.printable(failure)))") }
        }
        if let problem { Output.note("speem: \(Output.printable(problem))") }
    }

    /// The newest messages, oldest first; pages come newest first.
    private static func newest(
        contact: String?, _ caller: Caller
    ) async throws -> (messages: [JSON], problem: String?) {
        var parameters: [String: JSON] = [:]
        if let contact { parameters["contact"] = .string(contact) }
        var messages: [JSON] = []
        var problem: String?
        var hasMore = true
        while hasMore, messages.count < count {
            let page = try await caller.call("sent", parameters)
            let older = page["messages"]?.arrayValue ?? []
            problem = problem ?? page["problem"]?.stringValue
            messages = older + messages
            hasMore = page["more"] == .bool(true) && !older.isEmpty
            parameters["before"] = older.first?["number"]
        }
        return (messages.suffix(count), problem)
    }
}
