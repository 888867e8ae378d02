import ArgumentParser
import SpeemConfig
import SpeemIdentity
import SpeemTransport

struct NodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node", abstract: "Prepare a node that is the account's own from its first start.",
        subcommands: [ConfigFor.self])

    struct ConfigFor: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "config",
            abstract: "Write the configuration file of a fresh node, which belongs to this account.",
            discussion: """
                Copying the file to the board is the whole set-up: started with it, the node shows no invite and waits for a \
                device of this account, which finds it on the same network or at --advertise, and takes it. The file holds \
                a secret that is good for one use within \(Provision.lifetime / 86_400) days. Until it is used, whoever has read it can put a node of \
                their own in the place of yours: hand it over as you would a key. speem nodes shows what is waited for.
                """)

        @OptionGroup var options: GlobalOptions

        @Option(help: "What to call the node.")
        var name: String?

        @Option(help: ArgumentHelp("Where it can be reached from elsewhere; may be repeated.", valueName: "host:port"))
        var advertise: [String] = []

        @Option(help: ArgumentHelp("Where it is to listen; may be repeated.", valueName: "host:port"))
        var listen: [String] = []

        @Option(help: ArgumentHelp("The file to write; - is standard output.", valueName: "file"))
        var output = "speem.toml"

        @Option(
            help: ArgumentHelp(
                "The node whose place it takes: its name, an address, or the beginning of its key.", valueName: "node"))
        var replaces: String?

        @Flag(help: "With --replaces: the old board will never come back, do not ask it.")
        var lost = false

        @Option(
            help: ArgumentHelp("Do not wait any more for this node; its file is worthless then.", valueName: "name"))
        var cancel: String?

        func validate() throws {
            guard (name == nil) != (cancel == nil) else {
                throw ValidationError("either --name or --cancel is needed")
            }
            guard !lost || replaces != nil else { throw ValidationError("--lost goes with --replaces") }
        }

        func run() async throws {
            let config = try options.load()
            if let cancel {
                _ = try await Caller.call("node.cancel", ["name": .string(cancel)], config: config)
                return Output.line("\(Output.printable(cancel)) is not waited for any more")
            }
            guard let name else { throw ValidationError("--name is needed") }
            // What is wrong in it is said before anything is written.
            try check(text(account: "", secret: "", expires: 0, name: name))
            let isFile = output != "-"
            let target = isFile ? try NewFile(output) : nil
            do {
                let text = try await provision(name, config)
                do {
                    if let target { try target.write(text) } else { Output.raw(text) }
                } catch {
                    // Nobody will ever have this secret.
                    _ = try? await Caller.call("node.cancel", ["name": .string(name)], config: config)
                    throw error
                }
            } catch {
                target?.remove()
                throw error
            }
            if isFile { Output.note("speem: wrote \(output)") }
            Output.note("speem: copy it to the board, and start it there; this device finds it: speem nodes")
        }

        private func text(account: String, secret: String, expires: Int64, name: String) -> String {
            Config.provisioned(
                name: name, listen: listen, advertise: advertise, account: account, secret: secret, expires: expires)
        }

        private func check(_ text: String) throws {
            do {
                _ = try Config.parse(Array(text.utf8), file: output, home: nil)
            } catch {
                throw Failure(error.reason, hint: error.hint)
            }
        }

        private func provision(_ name: String, _ config: Config) async throws -> String {
            var parameters: [String: JSON] = [
                "name": .string(name), "advertise": .array(advertise.map { .string($0) }), "lost": .bool(lost),
            ]
            if let replaces { parameters["replaces"] = .string(replaces) }
            let result = try await Caller.call("node.config", parameters, config: config)
            guard let account = result["account"]?.stringValue, let secret = result["secret"]?.stringValue,
                let expires = result["expires"]?.integerValue
            else { throw Failure("the daemon's answer holds no secret") }
            return text(account: account, secret: secret, expires: expires, name: name)
        }
    }
}
