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

/// The route to a contact: a key that may deposit at the contact's nodes and nothing else. The own nodes use it.
struct Route: Sendable {
    enum State: Int64, Sendable {
        /// This device makes none: another own device has, or will.
        case none = 0
        /// Made here; the contact's node does not know it yet.
        case made = 1
        /// The contact's node knows it.
        case ready = 2
        /// The contact's node will not take it.
        case refused = 3
    }

    let contact: Int64
    /// Its name at the own nodes, 16 random bytes.
    let name: [UInt8]
    let key: SecretBytes
    let preSharedKey: SecretBytes
    let state: State

    /// Without nodes.
    var wire: WireRouteAdd {
        .with {
            $0.route = Data(name)
            $0.initiatorSecret = Data(key.exposedCopy())
            $0.preSharedKey = Data(preSharedKey.exposedCopy())
        }
    }
}

enum RouteRows {
    static func find(_ contact: Int64, in connection: Connection) throws(StoreError) -> Route? {
        try connection.first(
            "SELECT route, route_key, route_psk, route_state FROM contact WHERE id = ? AND route IS NOT NULL",
            .integer(contact)
        ) { row throws(StoreError) in
            Route(
                contact: contact, name: try row.blob(0), key: try row.secret(1), preSharedKey: try row.secret(2),
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
            try make(contact.id, name: old.name, random: state.random, in: connection)
            let key = try DeviceError.stored("a route") { try X25519.PrivateKey(old.key).publicKey }
            try OutgoingMail(state: state).queueNotice(withdrawnRoutes: [key.bytes], to: contact, in: connection)
        }
    }

    static func set(_ state: Route.State, of contact: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE contact SET route_state = ? WHERE id = ?", .integer(state.rawValue), .integer(contact))
    }

    /// Another own device has made one: all use the same.
    static func take(_ route: WireRouteAdd, of contact: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute(
            """
            UPDATE contact SET route = ?, route_key = ?, route_psk = ?, route_state = ?
            WHERE id = ? AND route_state <> ?
            """, .blob([UInt8](route.route)), .secret(SecretBytes(route.initiatorSecret)),
            .secret(SecretBytes(route.preSharedKey)), .integer(Route.State.ready.rawValue), .integer(contact),
            .integer(Route.State.made.rawValue))
    }
}
