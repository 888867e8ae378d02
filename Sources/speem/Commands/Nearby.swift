import NIOCore
import NIOPosix
import SpeemConfig
import SpeemDevice
import SpeemIdentity
import SpeemTransport

/// Taking an unowned node on this network.
enum Nearby {
    static func claim(at address: String?, config: Config, json: Bool) async throws {
        guard config.role == .device else {
            throw Failure("\(config.file) is the configuration of a node; nodes are taken from a device")
        }
        let text = try await invite(at: address).text
        let result: JSON
        do {
            result = try await Caller.call("accept", ["invite": .string(text)], config: config)
        } catch {
            // The node may have closed its claim port: the code would not help again.
            Output.note("speem: the code was right; to try again: speem accept \(text)")
            throw error
        }
        if json { return Output.line(JSONText.text(result)) }
        showClaim(result)
    }

    static func showClaim(_ result: JSON) {
        Output.line("the node is yours")
        if let problem = result["problem"]?.stringValue { Output.note("speem: \(Output.printable(problem))") }
    }

    private static func invite(at address: String?) async throws -> Invite {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let claim = NearbyClaim(
            group: group, find: { [] },
            ask: { question in
                Output.prompt(question)
                return readLine()
            }, tell: { Output.note($0) })
        do {
            let invite = try await claim.invite(at: address)
            try await group.shutdownGracefully()
            return invite
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }
}
