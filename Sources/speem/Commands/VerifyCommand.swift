import ArgumentParser
import SpeemTransport

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Show the safety number of a contact, to be compared out of band.",
        discussion: """
            Both of you see the same 60 digits when nobody stands in between. Compare them face to face or on the phone, \
            then note it with --yes.
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The contact's name.")
    var contact: String

    @Flag(help: "The numbers are the same: mark the contact as verified.")
    var yes = false

    @Flag(help: "The numbers differ: mark the contact as not verified.")
    var no = false

    @Flag(help: "Print the number as JSON.")
    var json = false

    func validate() throws {
        if yes, no { throw ValidationError("--yes and --no contradict each other") }
    }

    func run() async throws {
        var parameters: [String: JSON] = ["contact": .string(contact)]
        if yes || no { parameters["verified"] = .bool(yes) }
        let result = try await Caller.call("verify", parameters, config: try options.load())
        if json { return Output.line(JSONText.text(result)) }
        for line in (result["safety_number"]?.stringValue ?? "").split(separator: "\n") { Output.line(String(line)) }
        let name = Output.printable(result["contact"]?.stringValue ?? "?")
        Output.note(result["verified"] == .bool(true) ? "\(name) is verified" : "\(name) is not verified")
    }
}
