import ArgumentParser
import SpeemConfig
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
        if result["key"] == .string("file"), config.keyFile.hasPrefix(config.dataFolder + "/") {
            Output.note("note: the key lies beside the store; a thief of the disk can read it ([store] key_file)")
        }
    }
}
