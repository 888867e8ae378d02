import Logging
import SpeemConfig
import SpeemCrypto
import SpeemDiscovery
import SpeemMailbox
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a node says of itself on its network, and whom it finds there: the nodes at the other ends of its routes.
final class NodeDiscovery: Sendable {
    private let state: NodeState
    private let discovery: Discovery?
    private let found: AsyncStream<Void>
    private let networkChanges: AsyncStream<Void>
    /// Where peers are let in; 0 where nobody on a network could connect.
    private let port = Mutex<UInt16>(0)
    /// Where the node can be taken with a code; 0 where it cannot.
    private let claimPort = Mutex<UInt16>(0)

    init(_ config: Config, state: NodeState) {
        self.state = state
        let (found, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.found = found
        let (changes, changed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        networkChanges = changes
        discovery = DiscoverySettings(config).map { settings in
            Discovery(settings: settings, logger: state.logger, networkChanged: { changed.yield() }) {
                continuation.yield()
            }
        }
    }

    /// Works until the task is cancelled.
    func run(waking forwarder: Forwarder) async {
        guard let discovery else { return await untilCancelled() }
        announce()
        await refresh()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await discovery.run() }
            group.addTask { await self.follow(discovery, forwarder) }
            group.addTask { for await _ in self.networkChanges { await self.retryAll(forwarder) } }
        }
    }

    private func untilCancelled() async {
        let (never, _) = AsyncStream.makeStream(of: Never.self)
        for await _ in never {}
    }

    /// In another network everything that waits may be brought.
    private func retryAll(_ forwarder: Forwarder) async {
        do {
            let outbox = state.outbox
            try await state.write(grows: false) { try outbox.wake(in: $0) }
            forwarder.wake()
        } catch {
            state.logger.error("the outbox is not tried at once: \(error)")
        }
    }

    /// What waits for a node that is here now is tried at once.
    private func follow(_ discovery: Discovery, _ forwarder: Forwarder) async {
        var known: Set<[UInt8]> = []
        for await _ in found {
            let here = Set(discovery.peers.keys)
            let new = Array(here.subtracting(known))
            known = here
            guard !new.isEmpty else { continue }
            do {
                let outbox = state.outbox
                let routes = try await state.store.read { try outbox.waitingRoutes(to: new, in: $0) }
                for route in routes { try await state.write(grows: false) { try outbox.wake(route: route, in: $0) } }
                if !routes.isEmpty { forwarder.wake() }
            } catch {
                state.logger.error("what waits for a node on this network is not tried at once: \(error)")
            }
        }
    }

    /// The bound addresses.
    func listens(at addresses: [String]) {
        port.withLock { $0 = Discovery.port(of: addresses) ?? 0 }
        announce()
    }

    /// The bound addresses of the claim port.
    func isClaimed(at addresses: [String]) {
        claimPort.withLock { $0 = Discovery.port(of: addresses) ?? 0 }
        announce()
    }

    /// Says that this node is here, to those who can recognise it.
    func announce() {
        let isOwned = state.account != nil
        let audience: Publication.Audience?
        let port: UInt16
        if let provision = state.provision {
            (audience, port) = (.holders(of: provision.discoveryKey), self.port.withLock { $0 })
        } else if isOwned {
            (audience, port) = (state.discoveryKey.map { .holders(of: $0) }, self.port.withLock { $0 })
        } else {
            (audience, port) = (.everybody, claimPort.withLock { $0 })
        }
        discovery?.publish(port == 0 ? nil : audience.map { Publication($0, port: port) })
    }

    /// Looks for the nodes of the routes as they are now.
    func refresh() async {
        guard let discovery else { return }
        do {
            let keys = try await state.store.read { [outbox = state.outbox] in try outbox.discoveryKeys(in: $0) }
            discovery.recognise(keys.compactMapValues(EndpointKey.init))
        } catch {
            state.logger.error("routes cannot be read: \(error)")
        }
    }

    /// Who is here, for the owner: nodes by the beginning of their keys, because nothing else is known of them.
    var report: JSON {
        guard let discovery else {
            return .object([
                "mode": .string("off"), "peers": .array([]), "unowned": .array([]), "strangers": .integer(0),
            ])
        }
        let peers = discovery.peers.sorted { Hex.encode($0.key) < Hex.encode($1.key) }.flatMap { key, addresses in
            addresses.map { found in
                Self.json(found, ["name": .string(Hex.encode(key.prefix(4))), "kind": .string("node")])
            }
        }
        var members: [String: JSON] = [
            "mode": .string("private"), "peers": .array(peers),
            "unowned": .array(discovery.unowned.map { Self.json($0, [:]) }),
            "strangers": .integer(Int64(discovery.strangers)),
        ]
        if let problem = discovery.problem {
            members["problem"] = .string(problem.description)
            members["hint"] = .string(problem.hint)
        }
        return .object(members)
    }

    private static func json(_ found: FoundAddress, _ members: [String: JSON]) -> JSON {
        .object(
            members.merging([
                "address": .string(found.address), "interface": .string(found.interface),
                "since": .integer(found.since),
            ]) { $1 })
    }

    var nearby: NearbyAddresses { NearbyAddresses(discovery) }
}

extension NodeRequests {
    /// A device tells what the node is recognised by.
    func setDiscoveryKey(_ set: WireDiscoverySet) async throws -> WireResponse {
        guard let key = EndpointKey(SecretBytes(set.key)) else { throw Refused(.malformed, "a key has 32 bytes") }
        try await state.write { try $0.execute("UPDATE node SET discovery_key = ?", .secret(key.secret)) }
        state.recognised(by: key)
        discovery.announce()
        return .with { $0.discoveryWasSet = WireDiscoveryWasSet() }
    }
}
