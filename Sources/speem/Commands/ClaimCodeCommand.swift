import ArgumentParser
import SpeemConfig
import SpeemTransport

struct ClaimCodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "claim-code",
        abstract: "Show a new code with which a device on the same network can take this unowned node.",
        discussion: """
            A node shows a code when it starts, and a new one after each attempt. After three wrong ones it takes no more \
            until this command is run. Codes and invites from before do not hold any longer.
            """)

    @OptionGroup var options: GlobalOptions

    @Flag(help: "Print the code as JSON.")
    var json = false

    func run() async throws {
        let config = try options.load()
        guard config.role == .node else {
            throw Failure(
                "\(config.file) is the configuration of a device: the code is a node's",
                hint: "run it on the node; on the device: speem accept --nearby")
        }
        let result = try await Caller.call("claim.code", config: config)
        if json { return Output.line(JSONText.text(result)) }
        guard let code = result["code"]?.stringValue else { throw Failure("the daemon's answer holds no code") }
        Self.note(addresses: (result["addresses"]?.arrayValue ?? []).compactMap(\.stringValue))
        Output.line(code)
    }

    /// Where the code can be used.
    static func note(addresses: [String]) {
        Output.note("speem: on a device of the same network: speem accept --nearby, with this code")
        for address in addresses { Output.note("speem: or by address: speem accept --nearby --address \(address)") }
    }
}
