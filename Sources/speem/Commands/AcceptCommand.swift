import ArgumentParser
import NIOCore
import NIOPosix
import SpeemConfig
import SpeemDevice
import SpeemIdentity
import SpeemTransport

struct AcceptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept",
        abstract: "Accept an invite: take a node, become somebody's contact, or link this new device.",
        discussion: """
            With --nearby the invite comes from an unowned node on this network, for the code that the node shows; it is \
            read from standard input. Without it, when the network fails in the middle, run the same command again: nothing is spent twice.
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The invite's text, speem:…; - reads it from standard input.")
    var invite: String?

    @Flag(help: "Take an unowned node on this network, with the code that it shows.")
    var nearby = false

    @Option(help: ArgumentHelp("With --nearby: where the node can be claimed.", valueName: "host:port"))
    var address: String?

    @Option(help: "What you want to call the contact; without it, what it calls itself.")
    var name: String?

    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        guard nearby == (invite == nil) else {
            throw ValidationError("give either an invite, or --nearby")
        }
        guard nearby || address == nil else { throw ValidationError("--address goes with --nearby") }
        guard !nearby || name == nil else { throw ValidationError("--name is for a contact") }
    }

    func run() async throws {
        guard let invite else { return try await Nearby.claim(at: address, config: try options.load(), json: json) }
        var text = invite
        if invite == "-" {
            guard let line = readLine() else { throw Failure("there is no invite on standard input") }
            text = line
        }
        let config = try options.load()
        if let invite = try? Invite(text: text), case .link = invite.purpose {
            return try await Linking.run(invite, config: config, json: json)
        }
        var parameters: [String: JSON] = ["invite": .string(text)]
        if let name { parameters["name"] = .string(name) }
        let result = try await Caller.call("accept", parameters, config: config)
        if json { return Output.line(JSONText.text(result)) }
        if result["kind"] == .string("claim") { return Nearby.showClaim(result) }
        let contact = Output.printable(result["contact"]?.stringValue ?? "?")
        Output.line("\(contact) is a contact now")
        Output.line("compare this safety number with what \(contact) sees, over another way:")
        for line in (result["safety_number"]?.stringValue ?? "").split(separator: "\n") { Output.line("  \(line)") }
    }
}

/// A new device on its way into an account.
enum Linking {
    static func run(_ invite: Invite, config: Config, json: Bool) async throws {
        guard config.role == .device else {
            throw Failure("\(config.file) is the configuration of a node, which is not linked")
        }
        let key = try StoreAccess.firstKey(config)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let joining = try await Joining.begin(
                invite, config: config, key: key, group: group, logger: Logs.make(config))
            do {
                try await joining.run {
                    Output.note("asked to be linked; this device shows \(joining.fingerprint)")
                    Output.note("on the device that made the invite: speem devices, compare the letters, then say yes")
                }
            } catch {
                await joining.close()
                throw error
            }
            await joining.close()
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
        if json { return Output.line(JSONText.object(["kind": .string("device")])) }
        Output.line("this device is linked")
        Output.note("next: speem run")
    }
}
