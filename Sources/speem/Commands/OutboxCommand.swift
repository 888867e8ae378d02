import ArgumentParser
import SpeemTransport

struct OutboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outbox",
        abstract: "List messages that are not at a node of their contact yet for each of its devices.")

    @OptionGroup var options: GlobalOptions

    @Flag(help: "Print the list as JSON.")
    var json = false

    func run() async throws {
        let result = try await Caller.call("outbox", config: try options.load())
        if json { return Output.line(JSONText.text(result)) }
        let messages = result["messages"]?.arrayValue ?? []
        if messages.isEmpty { Output.note("nothing is on its way") }
        for message in messages {
            let id = String((message["id"]?.stringValue ?? "?").prefix(12))
            let name = Output.printable(message["contact"]?.stringValue ?? "?")
            let state = message["state"]?.stringValue ?? "?"
            let trouble = message["trouble"]?.stringValue.map { "\t\(Output.printable($0))" } ?? ""
            Output.line("\(id)\t\(state)\t\(name)\(trouble)")
        }
        if let problem = result["problem"]?.stringValue { Output.note("speem: \(Output.printable(problem))") }
    }
}

struct WhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why", abstract: "Explain why a message is where it is.")

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The message: the beginning of its id, as speem outbox and speem sent --ids show it.")
    var message: String

    @Flag(help: "Print the explanation as JSON.")
    var json = false

    func run() async throws {
        let result = try await Caller.call("why", ["message": .string(message)], config: try options.load())
        if json { return Output.line(JSONText.text(result)) }
        for line in result["words"]?.arrayValue ?? [] { Output.line(Output.printable(line.stringValue ?? "")) }
    }
}

struct DeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete what was said with a contact, on all your devices.",
        discussion: "The contact's devices keep what they have.")

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The contact's name.")
    var contact: String

    func run() async throws {
        let result = try await Caller.call("delete", ["contact": .string(contact)], config: try options.load())
        let count = result["deleted"]?.integerValue ?? 0
        Output.line("\(count) message\(count == 1 ? "" : "s") deleted")
    }
}

struct SettingsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings", abstract: "Show what all your devices have in common, or change it.",
        discussion: """
            read_receipts: whether contacts are told that you have read their messages. Off at first.
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The setting.")
    var name: String?

    @Argument(help: "on or off.")
    var value: String?

    @Flag(help: "Print the settings as JSON.")
    var json = false

    func validate() throws {
        if name != nil, value == nil { throw ValidationError("a setting is turned on or off") }
        if let value, value != "on", value != "off" { throw ValidationError("\"\(value)\" is neither on nor off") }
    }

    func run() async throws {
        var parameters: [String: JSON] = [:]
        if let name, let value { parameters = ["name": .string(name), "value": .bool(value == "on")] }
        let result = try await Caller.call("settings", parameters, config: try options.load())
        if json { return Output.line(JSONText.text(result)) }
        guard case .object(let members) = result else { return }
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            Output.line("\(name)\t\(value == .bool(true) ? "on" : "off")")
        }
    }
}
