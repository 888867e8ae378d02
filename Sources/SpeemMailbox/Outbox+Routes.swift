public import SpeemCrypto
public import SpeemStore

/// Where routes lead.
extension Outbox {
    /// One node at the end of a route.
    public struct Hop: Sendable, Equatable {
        public let id: Int64
        /// 32 bytes.
        public let nodeKey: [UInt8]
        public let addresses: [String]
        /// What the node is recognised by on the same network, 32 bytes.
        public let discoveryKey: SecretBytes?
        public let initiatorSecret: SecretBytes
        public let preSharedKey: SecretBytes
    }

    /// Tells a route anew: these nodes with these keys, in this order, and no other.
    ///
    /// - Returns: false when it was all known.
    /// - Throws: ``Refusal/tooManyRoutes``, ``SpeemStore/StoreError``.
    public func setRoute(
        _ route: [UInt8], initiatorSecret: SecretBytes, preSharedKey: SecretBytes,
        nodes: [(key: [UInt8], addresses: [String], discoveryKey: SecretBytes?)], in connection: Connection
    ) throws -> Bool {
        let before = try hops(of: route, in: connection)
        // The new ones before the old ones go: a counter goes on from those of the same key.
        for (place, node) in nodes.enumerated() {
            try addHop(
                route: route, nodeKey: node.key, addresses: node.addresses, discoveryKey: node.discoveryKey,
                initiatorSecret: initiatorSecret, preSharedKey: preSharedKey, place: Int64(place), in: connection)
        }
        let kept = Set(nodes.map(\.key))
        for hop in before where !kept.contains(hop.nodeKey) {
            try removeHops(route: route, nodeKey: hop.nodeKey, in: connection)
        }
        guard try hops(of: route, in: connection) != before else { return false }
        // What waits for a route that had no node, or only ones that do not answer, is tried at once.
        try wake(route: route, in: connection)
        return true
    }

    /// Adds a node to a route; the same node again gets new addresses and keys.
    private func addHop(
        route: [UInt8], nodeKey: [UInt8], addresses: [String], discoveryKey: SecretBytes?,
        initiatorSecret: SecretBytes, preSharedKey: SecretBytes, place: Int64, in connection: Connection
    ) throws {
        let isKnown = try connection.first(
            "SELECT 1 FROM route WHERE route = ? AND node_key = ?", .blob(route), .blob(nodeKey)
        ) { row throws(StoreError) in try row.integer(0) }
        if isKnown == nil {
            let count = try connection.first("SELECT count(*) FROM route") { row throws(StoreError) in
                try row.integer(0)
            }
            guard count ?? 0 < Self.maxHops else { throw Refusal.tooManyRoutes }
        }
        // A node that comes back may have seen counters of this key before.
        let counter = try connection.first(
            "SELECT max(counter) FROM route WHERE route = ? AND initiator_secret = ?", .blob(route),
            .secret(initiatorSecret)
        ) { row throws(StoreError) in try row.optionalInteger(0) }
        try connection.execute(
            """
            INSERT INTO route
                (route, node_key, addresses, initiator_secret, pre_shared_key, place, counter, discovery_key)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (route, node_key) DO UPDATE SET addresses = ?3,
                initiator_secret = ?4, pre_shared_key = ?5, place = ?6, counter = ?7, discovery_key = ?8
            """, .blob(route), .blob(nodeKey), .text(addresses.joined(separator: "\n")), .secret(initiatorSecret),
            .secret(preSharedKey), .integer(place), .integer(counter.flatMap { $0 } ?? 0),
            .optional(discoveryKey))
    }

    /// Forgets one node of a route, or all of them; what waits for the route then is told so at once.
    public func removeHops(route: [UInt8], nodeKey: [UInt8]?, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "DELETE FROM route WHERE route = ?1 AND (?2 IS NULL OR node_key = ?2)", .blob(route), .optional(nodeKey))
        if connection.changes > 0 { try wake(route: route, in: connection) }
    }

    /// The nodes of a route, in the order in which they are tried.
    public func hops(of route: [UInt8], in connection: Connection) throws(StoreError) -> [Hop] {
        try connection.query(
            """
            SELECT id, node_key, addresses, initiator_secret, pre_shared_key, discovery_key FROM route WHERE route = ?
            ORDER BY place, id
            """, .blob(route)
        ) { row throws(StoreError) in
            Hop(
                id: try row.integer(0), nodeKey: try row.blob(1),
                addresses: try row.text(2).split(separator: "\n").map(String.init),
                discoveryKey: try row.optionalSecret(5),
                initiatorSecret: try row.secret(3), preSharedKey: try row.secret(4))
        }
    }

    /// What the nodes at the other ends are recognised by on the same network, by their keys.
    public func discoveryKeys(in connection: Connection) throws(StoreError) -> [[UInt8]: SecretBytes] {
        let rows = try connection.query(
            "SELECT node_key, discovery_key FROM route WHERE discovery_key IS NOT NULL"
        ) { row throws(StoreError) in (try row.blob(0), try row.secret(1)) }
        return Dictionary(rows) { first, _ in first }
    }

    /// The routes that lead to one of these nodes, and for which something waits.
    public func waitingRoutes(to nodes: [[UInt8]], in connection: Connection) throws(StoreError) -> [[UInt8]] {
        var routes: Set<[UInt8]> = []
        for node in nodes {
            routes.formUnion(
                try connection.query(
                    """
                    SELECT route FROM route WHERE node_key = ?
                        AND EXISTS (SELECT 1 FROM outbox WHERE outbox.route = route.route AND state = 1)
                    """, .blob(node)
                ) { row throws(StoreError) in try row.blob(0) })
        }
        return Array(routes)
    }

    /// Reserves `count` handshake counters of a hop, all above those that were reserved before, and returns the first.
    ///
    /// - Parameter least: the first is not below it.
    public func reserveCounters(
        _ count: Int64, hop: Int64, least: Int64 = 1, in connection: Connection
    ) throws(StoreError) -> Int64 {
        try connection.execute(
            "UPDATE route SET counter = max(counter, ?1 - 1) + ?2 WHERE id = ?3", .integer(least), .integer(count),
            .integer(hop))
        let last = try connection.first("SELECT counter FROM route WHERE id = ?", .integer(hop)) {
            row throws(StoreError) in try row.integer(0)
        }
        return (last ?? count) - count + 1
    }
}
