import ArgumentParser
import SpeemConfig
import SpeemTransport

struct AcceptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept",
        abstract: "Accept an invite: take a node, or become somebody's contact.",
        discussion: """
            When the network fails in the middle, run the same command again: nothing is spent twice.
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The invite's text, speem:…; - reads it from standard input.")
    var invite: String

    @Option(help: "What you want to call the contact; without it, what it calls itself.")
    var name: String?

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() async throws {
        var text = invite
        if invite == "-" {
            guard let line = readLine() else { throw Failure("there is no invite on standard input") }
            text = line
        }
        var parameters: [String: JSON] = ["invite": .string(text)]
        if let name { parameters["name"] = .string(name) }
        let result = try await Caller.call("accept", parameters, config: try options.load())
        if json { return Output.line(JSONText.text(result)) }
        if result["kind"] == .string("claim") {
            Output.line("the node is yours")
            if let problem = result["problem"]?.stringValue { Output.note("speem: \(Output.printable(problem))") }
            return
        }
        let contact = Output.printable(result["contact"]?.stringValue ?? "?")
        Output.line("\(contact) is a contact now")
        Output.line("compare this safety number with what \(contact) sees, over another way:")
        for line in (result["safety_number"]?.stringValue ?? "").split(separator: "\n") { Output.line("  \(line)") }
    }
}
