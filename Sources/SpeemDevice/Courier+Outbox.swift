import Logging
import SpeemCrypto
import SpeemDiscovery
import SpeemIdentity
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

/// Routes that own nodes are known to have, with the nodes that they lead to: in memory, because asking once more is cheap.
final class KnownRoutes: Sendable {
    /// By route and node, a hash of all that the node was told.
    private let routes = Mutex<[[UInt8]: [UInt8]]>([:])

    func isKnown(_ route: WireRouteAdd, at node: OwnNode) -> Bool {
        let hash = Self.hash(route, node)
        return routes.withLock { $0[Self.name(route, node)] == hash }
    }

    func learn(_ route: WireRouteAdd, at node: OwnNode) {
        let hash = Self.hash(route, node)
        routes.withLock { $0[Self.name(route, node)] = hash }
    }

    func forget(_ route: WireRouteAdd, at node: OwnNode) {
        routes.withLock { $0[Self.name(route, node)] = nil }
    }

    private static func name(_ route: WireRouteAdd, _ node: OwnNode) -> [UInt8] {
        node.entry.noise.bytes + [UInt8](route.route)
    }

    /// With the node's epoch: after another disk it may know an older route.
    private static func hash(_ route: WireRouteAdd, _ node: OwnNode) -> [UInt8] {
        BLAKE2b.hash(
            domain: DomainSeparator("known route"), node.epoch ?? [], [UInt8](route.initiatorSecret),
            [UInt8](route.preSharedKey),
            route.nodes.flatMap { $0.nodeKey + $0.discoveryKey + $0.addresses.flatMap { Array($0.utf8) + [0] } })
    }
}

/// Handing over to the outbox of an own node.
extension Courier {
    /// How long the own nodes are tried before the contact's node is.
    private static let patience: Duration = .seconds(4)

    /// Hands envelopes over to an own node, which brings them along the contact's route.
    ///
    /// - Returns: false when that cannot be done: then the device goes itself.
    func forward(_ envelopes: [OutgoingEnvelope], to contact: Contact) async throws -> Bool {
        guard let (route, own) = try await way(to: contact) else { return false }
        do {
            return try await put(envelopes, along: route, at: own.node, over: own.connection)
        } catch let error as RefusalError {
            state.logger.debug("the own node does not forward: \(error)")
            return false
        } catch let error as TransportError {
            state.logger.debug("the own node does not forward: \(error)")
            return false
        }
    }

    /// Tells an own node the route to a contact, when it is not known to have it as it is now.
    func announceRoute(to contact: Contact) async throws {
        guard let (route, own) = try await way(to: contact) else { return }
        try await announce(route, at: own.node, over: own.connection)
    }

    private func announce(_ route: WireRouteAdd, at node: OwnNode, over connection: ClientConnection) async throws {
        guard !routes.isKnown(route, at: node) else { return }
        try await connection.request(.with { $0.routeAdd = route }).requireNoRefusal()
        routes.learn(route, at: node)
    }

    /// The route to a contact, and an own node that can be reached and whose key the contact's node knows.
    private func way(
        to contact: Contact
    ) async throws -> (route: WireRouteAdd, own: (connection: ClientConnection, node: OwnNode))? {
        guard !contact.isSelf,
            let route = try await state.store.read({ try RouteRows.find(contact.id, in: $0) }), route.state == .ready
        else { return nil }
        let registered = Set(try await state.store.read { try RouteRows.nodes(of: contact.id, in: $0) })
        let usable = try await state.ownNodes().filter { !$0.isRetired && registered.contains($0.entry.noise.bytes) }
        let entries = usable.map(\.entry)
        let connections = connections
        let initiator = state.ownInitiator
        guard !entries.isEmpty,
            let reached = await Deadline.wait(
                Self.patience, for: { try? await connections.connection(initiator, atAnyOf: entries) }) ?? nil,
            let node = usable.first(where: { $0.entry == reached.node })
        else { return nil }
        let (roster, discovery) = try await state.store.read { connection in
            (
                try ContactRows.roster(of: contact, in: connection),
                try DiscoveryRows.key(of: contact.id, in: connection)
            )
        }
        var wire = route.wire(for: node.entry.noise.bytes)
        wire.nodes = roster.nodes.map { node in
            .with {
                $0.nodeKey = Data(node.noise.bytes)
                $0.addresses = node.addresses
                if let discovery {
                    $0.discoveryKey = Data(discovery.endpoint(node.noise.bytes).secret.exposedCopy())
                }
            }
        }
        guard !wire.nodes.isEmpty else { return nil }
        let own = (connection: reached.connection, node: node)
        return (route: wire, own: own)
    }

    private func put(
        _ envelopes: [OutgoingEnvelope], along route: WireRouteAdd, at node: OwnNode,
        over connection: ClientConnection
    ) async throws -> Bool {
        let key = node.entry.noise.bytes
        try await announce(route, at: node, over: connection)
        let deposits = Self.deposits(envelopes)
        let items = deposits.map(Self.itemName)
        let responses = try await connection.request(
            all: zip(deposits, items).map { deposit, item in
                .with {
                    $0.outboxPut = .with {
                        $0.item = Data(item)
                        $0.route = route.route
                        $0.deposit = .init(deposit)
                    }
                }
            })
        var taken: [(envelopes: [OutgoingEnvelope], item: [UInt8])] = []
        var refusal: RefusalError?
        for ((deposit, item), response) in zip(zip(deposits, items), responses) {
            do {
                try response.requireNoRefusal()
                guard case .outboxTaken = response.kind else { throw TransportError.violation("not the outbox") }
                taken.append((deposit, item))
            } catch let error as RefusalError {
                if error.code == .unknownRoute { routes.forget(route, at: node) }
                refusal = refusal ?? error
            }
        }
        let done = taken
        try await state.store.write { connection in
            for (envelopes, item) in done {
                for (place, envelope) in envelopes.enumerated() {
                    try OutgoingRows.queued(envelope, item: item, place: place, at: key, in: connection)
                }
            }
        }
        if let refusal { throw refusal }
        return true
    }

    /// The same deposit has the same name, also after a lost answer.
    private static func itemName(_ deposit: [OutgoingEnvelope]) -> [UInt8] {
        BLAKE2b.hash(
            domain: DomainSeparator("outbox name"), deposit.flatMap { $0.envelopeID }, length: 16)
    }
}
