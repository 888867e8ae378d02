public import ArgumentParser
public import SpeemConfig

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Check a configuration, or show one.",
        subcommands: [Check.self, Example.self])

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check the configuration file and say what is wrong, and where.")

        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let config = try options.load()
            Output.line("\(config.file): a \(config.role.rawValue), data in \(config.dataFolder)")
        }
    }

    struct Example: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a configuration with every key, its default and what it is for.")

        @Option(help: "Of a node or of a device.")
        var role: Config.Role = .node

        func run() async throws {
            Output.line(Config.example(role: role).trimmingEnd)
        }
    }
}

extension Config.Role: ExpressibleByArgument {}

extension String {
    /// Without line ends at its end: ``Output/line(_:)`` adds one.
    fileprivate var trimmingEnd: String {
        var text = self
        while text.last == "\n" { text.removeLast() }
        return text
    }
}
