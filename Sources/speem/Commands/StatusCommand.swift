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
        for line in StatusText(result).lines { Output.line(Output.printable(line)) }
        if let words = Doctor.keyWarning(config) { Output.note("note: \(words)") }
    }
}
