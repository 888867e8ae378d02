import ArgumentParser
import SpeemConfig
import SpeemDevice
import SpeemIdentity
import SpeemStore
import SpeemTransport

struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make a new account with this as its first device.",
        discussion: """
            Shows the 24 recovery words, once: they are the account, and are kept on no device. Write them on paper.
            Without a configuration file, and with --name, makes one in its usual place first.
            """)

    @OptionGroup var options: GlobalOptions

    @Option(help: "What contacts are told you are called, when there is no configuration file yet.")
    var name: String?

    @Flag(help: "Print the words as JSON.")
    var json = false

    func run() async throws {
        try writeConfiguration()
        let config = try options.load()
        guard config.role == .device else {
            throw Failure(
                "\(config.file) is the configuration of a node, which has no account",
                hint: "speem run starts a node; speem init is for a device")
        }
        let words = try await Device.initialise(config, key: try StoreAccess.firstKey(config)).words
        if json { return Output.line(JSONText.object(["words": .array(words.map { .string($0) })])) }
        Output.line("These 24 words are your account. They are shown this once. Write them on paper, in order:")
        Output.line("")
        for row in stride(from: 0, to: words.count, by: 4) {
            let cells = (row..<(row + 4)).map { index in
                let cell = "\(index + 1 < 10 ? " " : "")\(index + 1) \(words[index])"
                return cell + String(repeating: " ", count: max(14 - cell.count, 1))
            }
            Output.line("  " + cells.joined())
        }
        Output.line("")
        Output.note("next: start your node, and take it with: speem accept INVITE")
    }

    /// A first configuration, when none is named and none is there.
    private func writeConfiguration() throws {
        let path = try options.path()
        if options.isNamed || ConfigFile.exists(path) {
            guard name == nil else {
                throw Failure("\(path) says how this device is called", hint: "leave --name away, or change the file")
            }
            return
        }
        guard let name else {
            throw Failure("there is no configuration at \(path)", hint: "speem init --name NAME makes one")
        }
        try ConfigFile.write(
            """
            role = "device"
            data = "~/.local/share/speem"
            name = \(ConfigFile.quoted(name))

            """, to: path)
        Output.note("speem: wrote \(path)")
    }
}
