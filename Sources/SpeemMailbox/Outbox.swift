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
    /// Nodes of all routes at the most: contacts times their nodes.
    static let maxHops: Int64 = 4096
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

    // MARK: Putting

    /// Takes an item over for `device`; the same again is the same item while it waits. One that is over is sent again: whoever
    /// puts it has not heard of its end, or knows that the far node has lost it.
    ///
    /// - Throws: ``Refusal``, ``SpeemStore/StoreError``.
    public func put(
        item: [UInt8], route: [UInt8], deposit: Deposit, lifetime: Int64, device: [UInt8], clock: NodeClock,
        in connection: Connection
    ) throws {
        let content = BLAKE2b.hash(
            domain: DomainSeparator("outbox item"), route, deposit.body,
            deposit.targets.flatMap { $0.device + $0.id + $0.header }, length: 16)
        let known = try connection.first("SELECT content, state > 1 FROM outbox WHERE item = ?", .blob(item)) {
            row throws(StoreError) in (content: try row.blob(0), isOver: try row.flag(1))
        }
        if let known {
            guard ConstantTime.equal(known.content, content) else { throw Refusal.conflict }
            guard known.isOver else { return }
            try connection.execute("DELETE FROM outbox WHERE item = ?", .blob(item))
        }
        guard try !hops(of: route, in: connection).isEmpty else { throw Refusal.noRoute }
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
        var new = OutboxItem.new(targets: deposit.targets.count, now: clock.running)
        if let untilRoom = try untilRoom(route: route, in: connection) { new.waitBehind(untilRoom) }
        try connection.execute(
            """
            INSERT INTO outbox (item, device, route, content, size, made_running, made_wall, lifetime, state,
                trouble, trouble_since, attempts, next_try)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, .blob(item), .blob(device), .blob(route), .blob(content), .integer(size),
            .integer(clock.running), .optional(clock.wall), .integer(min(max(lifetime, 1), Self.maxLifetime)),
            .integer(new.state.rawValue), .optional(new.trouble?.rawValue), .integer(new.troubleSince),
            .integer(new.attempts), .integer(new.nextTry))
        let id = connection.lastInsertRowID
        try connection.execute(
            "INSERT INTO outbox_body (outbox, content) VALUES (?, ?)", .integer(id), .blob(deposit.body))
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

    /// Seconds of running at which a route is asked again whose oldest item waits for room at the other end.
    private func untilRoom(route: [UInt8], in connection: Connection) throws(StoreError) -> Int64? {
        let oldest = try connection.first(
            """
            SELECT trouble, next_try FROM outbox INDEXED BY outbox_route WHERE route = ? AND state = 1
            ORDER BY id LIMIT 1
            """, .blob(route)
        ) { row throws(StoreError) in (trouble: try row.optionalInteger(0), nextTry: try row.integer(1)) }
        guard let oldest, oldest.trouble == OutboxSchedule.Trouble.mailboxFull.rawValue else { return nil }
        return oldest.nextTry
    }
}
