import Logging
import NIOCore
import NIOPosix
import SpeemConfig
import SpeemDevice
import SpeemDiscovery
import SpeemIdentity
import SpeemTransport

/// Taking an unowned node on this network.
enum Nearby {
    static func claim(at address: String?, config: Config, json: Bool) async throws {
        guard config.role == .device else {
            throw Failure("\(config.file) is the configuration of a node; nodes are taken from a device")
        }
        let text = try await invite(at: address, config: config).text
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

    /// How long unowned nodes are looked for.
    private static let patience: Duration = .seconds(3)

    /// Unowned nodes on this network, as soon as there are some.
    private static func find(_ config: Config) async -> [NearbyNode] {
        guard let settings = DiscoverySettings(config) else { return [] }
        let (found, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let discovery = Discovery(settings: settings, logger: Logger(label: "speem")) { continuation.yield() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await discovery.run() }
            group.addTask { try? await Task.sleep(for: patience) }
            group.addTask {
                for await _ in found where !discovery.unowned.isEmpty { break }
                // The others of them answer in the same moment.
                try? await Task.sleep(for: .milliseconds(500))
            }
            await group.next()
            group.cancelAll()
        }
        return discovery.unowned.compactMap { found in
            HostPort(parsing: found.address).map {
                NearbyNode(host: $0.host, port: $0.port, interface: found.interface)
            }
        }
    }

    private static func invite(at address: String?, config: Config) async throws -> Invite {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let claim = NearbyClaim(
            group: group, find: { await find(config) },
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
