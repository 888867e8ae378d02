import NIOPosix
import SpeemCrypto
import SpeemDiscovery
import SpeemIdentity
import SpeemStore
import SpeemTransport
import Synchronization
import Testing

@testable import SpeemDevice

/// Which addresses of a node are tried, and in which order.
struct WorkedAddressesTests {
    private func connections(_ device: Device, nearby: NearbyAddresses = NearbyAddresses(nil)) -> NodeConnections {
        NodeConnections(
            state: device.state, group: MultiThreadedEventLoopGroup.singleton, clock: .system, nearby: nearby)
    }

    private func worked(_ node: NodeEntry, _ device: Device) async throws -> String? {
        try await device.state.store.read { try WorkedAddresses.find(node.noise.bytes, in: $0) }
    }

    /// The node of a pair with further addresses at which nobody is.
    private func entry(_ pair: TestPair, _ addresses: [String]) async throws -> (NodeEntry, String) {
        let known = try #require(await pair.aliceNode.entry)
        let real = known.addresses[0]
        return (try NodeEntry(noise: known.noise, addresses: addresses.map { $0 == "real" ? real : $0 }), real)
    }

    @Test func theOneThatWorkedIsRemembered() async throws {
        try await TestPair.with(contacts: false) { pair in
            let (node, real) = try await entry(pair, ["127.0.0.1:9", "real"])
            try await pair.alice.open { device in
                let connections = connections(device)
                _ = try await connections.connection(device.state.ownInitiator, at: node)
                #expect(try await worked(node, device) == real)
                await connections.shutDown()
            }
            // It is tried first, also where it is not configured any more.
            try await pair.alice.open { device in
                let connections = connections(device)
                let (dead, _) = try await entry(pair, ["127.0.0.1:9"])
                _ = try await connections.connection(device.state.ownInitiator, at: dead)
                await connections.shutDown()
            }
        }
    }

    @Test func theFirstConfiguredOneNeedsNoMemory() async throws {
        try await TestPair.with(contacts: false) { pair in
            let (node, _) = try await entry(pair, ["real", "127.0.0.1:9"])
            try await pair.alice.open { device in
                let connections = connections(device)
                _ = try await connections.connection(device.state.ownInitiator, at: node)
                #expect(try await worked(node, device) == nil)
                await connections.shutDown()
            }
        }
    }

    @Test func whatWasFoundComesBeforeAllOthers() async throws {
        try await TestPair.with(contacts: false) { pair in
            let (node, real) = try await entry(pair, ["127.0.0.1:9"])
            try await pair.alice.open { device in
                let nearby = NearbyAddresses(addresses: { $0 == node.noise.bytes ? [real] : [] })
                let connections = connections(device, nearby: nearby)
                _ = try await connections.connection(device.state.ownInitiator, at: node)
                #expect(try await worked(node, device) == real)
                await connections.shutDown()
            }
        }
    }

    @Test func whereNobodyAnswersIsDoubted() async throws {
        try await TestPair.with(contacts: false) { pair in
            let (node, _) = try await entry(pair, ["real"])
            try await pair.alice.open { device in
                let doubted = Doubted()
                let nearby = NearbyAddresses(addresses: { _ in ["127.0.0.1:9"] }, unreachable: { doubted.add($0) })
                let connections = connections(device, nearby: nearby)
                _ = try await connections.connection(device.state.ownInitiator, at: node)
                #expect(doubted.all == ["127.0.0.1:9"])
                await connections.shutDown()
            }
        }
    }

    @Test func aConnectionThatIsHeardOfOutlivesAChangeOfTheNetwork() async throws {
        try await TestPair.with(contacts: false) { pair in
            let (node, _) = try await entry(pair, ["real"])
            try await pair.alice.open { device in
                let connections = connections(device)
                let connection = try await connections.connection(device.state.ownInitiator, at: node)
                await connections.networkChanged()
                #expect(connection.isActive)
                await connections.shutDown()
            }
        }
    }

    private final class Doubted: Sendable {
        private let addresses = Mutex<[String]>([])
        var all: [String] { addresses.withLock { $0 } }
        func add(_ address: String) { addresses.withLock { $0.append(address) } }
    }
}
