import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The route to a contact: keys that may deposit at the contact's nodes and nothing else, one for each own node. Two nodes
/// never share one: each counts its handshakes by itself, and a far node answers only counters above all that it has seen.
struct Route: Sendable {
    enum State: Int64, Sendable {
        /// This device makes none: another own device has, or will.
        case none = 0
        /// Made here; the contact's node does not know it yet.
        case made = 1
        /// The contact's node knows the key of an own node.
        case ready = 2
        /// It is not used.
        case refused = 3
    }

    let contact: Int64
    /// Its name at the own nodes, 16 random bytes.
    let name: [UInt8]
    /// What the nodes' keys are derived from; known to own devices only.
    let secret: SecretBytes
    let pskSecret: SecretBytes
    let state: State

    /// What an own node is told, but for the nodes at the other end.
    func wire(for node: [UInt8]) -> WireRouteAdd {
        .with {
            $0.route = Data(name)
            $0.initiatorSecret = Data(initiatorSecret(for: node).exposedCopy())
            $0.preSharedKey = Data(preSharedKey(for: node).exposedCopy())
        }
    }

    /// What other own devices are told.
    var card: WireRouteAdd {
        .with {
            $0.route = Data(name)
            $0.initiatorSecret = Data(secret.exposedCopy())
            $0.preSharedKey = Data(pskSecret.exposedCopy())
        }
    }

    /// The key of an own node, as the contact's node knows it.
    func key(of node: [UInt8]) throws -> X25519.PublicKey {
        try DeviceError.stored("a route") { try X25519.PrivateKey(initiatorSecret(for: node)).publicKey }
    }

    func preSharedKey(for node: [UInt8]) -> SecretBytes { derive("route pre-shared key", pskSecret, node) }

    func initiatorSecret(for node: [UInt8]) -> SecretBytes { derive("route initiator key", secret, node) }

    private func derive(_ label: StaticString, _ secret: SecretBytes, _ node: [UInt8]) -> SecretBytes {
        HKDF.derive(secret: secret, info: DomainSeparator(label).bytes + node, length: 32)
    }
}

enum RouteRows {
    static func find(_ contact: Int64, in connection: Connection) throws(StoreError) -> Route? {
        try connection.first(
            "SELECT route, route_key, route_psk, route_state FROM contact WHERE id = ? AND route IS NOT NULL",
            .integer(contact)
        ) { row throws(StoreError) in
            Route(
                contact: contact, name: try row.blob(0), secret: try row.secret(1), pskSecret: try row.secret(2),
                state: Route.State(rawValue: try row.integer(3)) ?? .none)
        }
    }

    /// Makes the route's key; its grant is asked for with the courier's next visit.
    static func make(
        _ contact: Int64, name: [UInt8]? = nil, random: some RandomSource, in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            "UPDATE contact SET route = ?, route_key = ?, route_psk = ?, route_state = ? WHERE id = ? AND is_self = 0",
            .blob(name ?? random.bytes(16)), .secret(random.secret(32)), .secret(random.secret(32)),
            .integer(Route.State.made.rawValue), .integer(contact))
    }

    /// New keys for the routes to all contacts: a device that was removed has known the old ones. Their names stay, so that
    /// what waits at the own nodes goes on with the new ones.
    static func renew(state: DeviceState, in connection: Connection) throws {
        for contact in try ContactRows.all(in: connection) {
            guard let old = try find(contact.id, in: connection) else { continue }
            let keys = try nodes(of: contact.id, in: connection).map { try old.key(of: $0).bytes }
            try connection.execute("DELETE FROM route_node WHERE contact = ?", .integer(contact.id))
            try make(contact.id, name: old.name, random: state.random, in: connection)
            try OutgoingMail(state: state).queueNotice(withdrawnRoutes: keys, to: contact, in: connection)
        }
    }

    static func set(_ state: Route.State, of contact: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE contact SET route_state = ? WHERE id = ?", .integer(state.rawValue), .integer(contact))
    }

    /// Another own device has made one, or registered keys of more nodes: all use the same.
    static func take(_ card: WireContactCard, of contact: Int64, in connection: Connection) throws(StoreError) {
        let route = card.route
        if let known = try find(contact, in: connection) {
            let isSame = known.secret == SecretBytes(route.initiatorSecret) && known.name == [UInt8](route.route)
            guard isSame || known.state != .made else { return }
            if !isSame { try connection.execute("DELETE FROM route_node WHERE contact = ?", .integer(contact)) }
        }
        try connection.execute(
            "UPDATE contact SET route = ?, route_key = ?, route_psk = ?, route_state = ? WHERE id = ? AND is_self = 0",
            .blob([UInt8](route.route)), .secret(SecretBytes(route.initiatorSecret)),
            .secret(SecretBytes(route.preSharedKey)), .integer(Route.State.ready.rawValue), .integer(contact))
        for node in card.routeNodes.prefix(RosterEntry.maxNodes * 2) {
            try knows([UInt8](node), contact: contact, refused: false, in: connection)
        }
    }

    // MARK: The own nodes' keys

    /// A condition on `contact`: an own node's key is not registered at the contact's node yet.
    static let isUnfinished = """
        (route IS NOT NULL AND route_state IN (1, 2) AND EXISTS (SELECT 1 FROM own_node WHERE retired = 0
            AND NOT EXISTS (SELECT 1 FROM route_node
                WHERE route_node.contact = contact.id AND route_node.node_key = own_node.node_key)))
        """

    /// Own nodes whose key the contact's node does not know yet.
    static func unregistered(_ contact: Int64, in connection: Connection) throws(StoreError) -> [[UInt8]] {
        try connection.query(
            """
            SELECT node_key FROM own_node WHERE retired = 0
                AND NOT EXISTS (SELECT 1 FROM route_node WHERE contact = ? AND route_node.node_key = own_node.node_key)
            """, .integer(contact)
        ) { row throws(StoreError) in try row.blob(0) }
    }

    /// Own nodes whose key the contact's node knows.
    static func nodes(of contact: Int64, in connection: Connection) throws(StoreError) -> [[UInt8]] {
        try connection.query(
            "SELECT node_key FROM route_node WHERE contact = ? AND refused = 0", .integer(contact)
        ) { row throws(StoreError) in try row.blob(0) }
    }

    static func knows(
        _ node: [UInt8], contact: Int64, refused: Bool, in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            """
            INSERT INTO route_node (contact, node_key, refused) VALUES (?1, ?2, ?3)
            ON CONFLICT (contact, node_key) DO UPDATE SET refused = ?3
            """, .integer(contact), .blob(node), .flag(refused))
    }

    /// The contact's node does not know the key of the own node that has this envelope.
    static func forgetNode(of envelope: OutgoingEnvelope, in connection: Connection) throws(StoreError) {
        try connection.execute(
            """
            DELETE FROM route_node WHERE (contact, node_key) = (SELECT contact, item_node FROM outgoing WHERE id = ?)
            """, .integer(envelope.id))
    }

    /// An own node forwards nothing any more: contacts are asked to withdraw its keys.
    static func withdraw(node: [UInt8], state: DeviceState, in connection: Connection) throws {
        for contact in try ContactRows.all(in: connection) {
            guard let route = try find(contact.id, in: connection) else { continue }
            try connection.execute(
                "DELETE FROM route_node WHERE contact = ? AND node_key = ?", .integer(contact.id), .blob(node))
            guard connection.changes > 0 else { continue }
            try OutgoingMail(state: state).queueNotice(
                withdrawnRoutes: [try route.key(of: node).bytes], to: contact, in: connection)
        }
    }
}
