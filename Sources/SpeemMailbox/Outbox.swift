public import SpeemCrypto
public import SpeemStore

/// The outbox of a node: rules over one transaction of its store, like ``Mailboxes``.
///
/// It knows routes and not contacts: random names that a device chose, with a key for each node at the other end.
public struct Outbox: Sendable {
    public var quota: Quota

    /// Items of one route that are taken up at once.
    public static let window = 32
    /// Items that wait at the most: a bound on what one device can make the node do.
    static let maxWaiting: Int64 = 100_000
    /// Routes at the most: contacts times their nodes.
    static let maxRoutes: Int64 = 4096
    /// Seconds after which an item is given up at the latest.
    public static let maxLifetime: Int64 = 90 * 24 * 3600
    /// Seconds of running that the end of an item is kept for a device that does not ask.
    static let memory: Int64 = 60 * 24 * 3600

    public init(quota: Quota) { self.quota = quota }

    /// Why an item or a route is not taken.
    public enum Refusal: Error, Sendable, Equatable {
        case full
        /// The same name came before with other bytes.
        case conflict
        case noRoute
        case tooManyRoutes
    }

    // MARK: Routes

    /// One node at the end of a route.
    public struct Hop: Sendable {
        public let id: Int64
        /// 32 bytes.
        public let nodeKey: [UInt8]
        public let addresses: [String]
        public let initiatorSecret: SecretBytes
        public let preSharedKey: SecretBytes
    }

    /// Adds a node to a route; the same node again gets new addresses and keys.
    ///
    /// - Throws: ``Refusal/tooManyRoutes``, ``SpeemStore/StoreError``.
    public func addHop(
        route: [UInt8], nodeKey: [UInt8], addresses: [String], initiatorSecret: SecretBytes,
        preSharedKey: SecretBytes, place: Int64, in connection: Connection
    ) throws {
        let count = try connection.first("SELECT count(*) FROM route") { row throws(StoreError) in
            try row.integer(0)
        }
        guard count ?? 0 < Self.maxRoutes else { throw Refusal.tooManyRoutes }
        try connection.execute(
            """
            INSERT INTO route (route, node_key, addresses, initiator_secret, pre_shared_key, place)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (route, node_key) DO UPDATE SET addresses = ?3,
                counter = CASE WHEN initiator_secret = ?4 THEN counter ELSE 0 END,
                initiator_secret = ?4, pre_shared_key = ?5, place = ?6
            """, .blob(route), .blob(nodeKey), .text(addresses.joined(separator: "\n")), .secret(initiatorSecret),
            .secret(preSharedKey), .integer(place))
        // What waits for a route that had no node, or only ones that do not answer, is tried at once.
        try connection.execute(
            "UPDATE outbox SET next_try = 0 WHERE route = ? AND state = 1", .blob(route))
    }

    /// Forgets one node of a route, or all of them.
    public func removeHops(route: [UInt8], nodeKey: [UInt8]?, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "DELETE FROM route WHERE route = ?1 AND (?2 IS NULL OR node_key = ?2)", .blob(route), .optional(nodeKey))
    }

    /// The nodes of a route, in the order in which they are tried.
    public func hops(of route: [UInt8], in connection: Connection) throws(StoreError) -> [Hop] {
        try connection.query(
            """
            SELECT id, node_key, addresses, initiator_secret, pre_shared_key FROM route WHERE route = ?
            ORDER BY place, id
            """, .blob(route)
        ) { row throws(StoreError) in
            Hop(
                id: try row.integer(0), nodeKey: try row.blob(1),
                addresses: try row.text(2).split(separator: "\n").map(String.init),
                initiatorSecret: try row.secret(3), preSharedKey: try row.secret(4))
        }
    }

    /// Reserves `count` handshake counters of a hop and returns the first.
    public func reserveCounters(_ count: Int64, hop: Int64, in connection: Connection) throws(StoreError) -> Int64 {
        try connection.execute(
            "UPDATE route SET counter = counter + ? WHERE id = ?", .integer(count), .integer(hop))
        let last = try connection.first("SELECT counter FROM route WHERE id = ?", .integer(hop)) {
            row throws(StoreError) in try row.integer(0)
        }
        return (last ?? count) - count + 1
    }

    // MARK: Putting

    /// Takes an item over for `device`; the same again is the same item.
    ///
    /// - Throws: ``Refusal``, ``SpeemStore/StoreError``.
    public func put(
        item: [UInt8], route: [UInt8], deposit: Deposit, lifetime: Int64, device: [UInt8], clock: NodeClock,
        in connection: Connection
    ) throws {
        let content = BLAKE2b.hash(
            domain: DomainSeparator("outbox item"), route, deposit.body,
            deposit.targets.flatMap { $0.device + $0.id + $0.header }, length: 16)
        let known = try connection.first("SELECT content FROM outbox WHERE item = ?", .blob(item)) {
            row throws(StoreError) in try row.blob(0)
        }
        if let known {
            guard ConstantTime.equal(known, content) else { throw Refusal.conflict }
            return
        }
        let waiting = try connection.first("SELECT count(*) FROM outbox WHERE state = 1") { row throws(StoreError) in
            try row.integer(0)
        }
        guard waiting ?? 0 < Self.maxWaiting else { throw Refusal.full }
        let size = deposit.targets.reduce(deposit.bodySize) { $0 + $1.size }
        let mailboxes = Mailboxes(quota: quota, maxAge: 0)
        let own = try mailboxes.bytesUsed(by: Account.ownDevices, in: connection)
        let usage = Quota.Usage(
            depositor: own, own: own, total: own + (try mailboxes.bytesUsed(by: Account.contacts, in: connection)),
            contacts: 0)
        guard quota.decide(size: size, depositor: .ownDevice, usage: usage) == .accepted else { throw Refusal.full }
        let new = OutboxItem.new(targets: deposit.targets.count, now: clock.running)
        try connection.execute(
            """
            INSERT INTO outbox (item, device, route, content, body, size, made_running, made_wall, lifetime, state,
                trouble, trouble_since, attempts, next_try)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, .blob(item), .blob(device), .blob(route), .blob(content), .blob(deposit.body), .integer(size),
            .integer(clock.running), .optional(clock.wall), .integer(min(max(lifetime, 1), Self.maxLifetime)),
            .integer(new.state.rawValue), .optional(new.trouble?.rawValue), .integer(new.troubleSince),
            .integer(new.attempts), .integer(new.nextTry))
        let id = connection.lastInsertRowID
        for (place, target) in deposit.targets.enumerated() {
            try connection.execute(
                """
                INSERT INTO outbox_target (outbox, place, mailbox, envelope_id, header, state)
                VALUES (?, ?, ?, ?, ?, 1)
                """, .integer(id), .integer(Int64(place)), .blob(target.device), .blob(target.id),
                .blob(target.header))
        }
        try mailboxes.charge(Account.ownDevices, bytes: size, tombstones: 0, in: connection)
    }
}
