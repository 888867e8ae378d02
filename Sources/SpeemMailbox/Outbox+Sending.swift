public import SpeemStore

/// Sending what waits, and telling how it went.
extension Outbox {
    /// An item that is due, with what is still to be asked for.
    public struct Due: Sendable {
        public let id: Int64
        public let item: OutboxItem
        /// Of the targets that wait.
        public let deposit: Deposit
    }

    /// Routes for which something is due.
    public func dueRoutes(clock: NodeClock, in connection: Connection) throws(StoreError) -> [[UInt8]] {
        try connection.query(
            "SELECT DISTINCT route FROM outbox INDEXED BY outbox_due WHERE state = 1 AND next_try <= ?",
            .integer(clock.running)
        ) { row throws(StoreError) in try row.blob(0) }
    }

    /// Whether something of a route is due.
    public func isDue(route: [UInt8], clock: NodeClock, in connection: Connection) throws(StoreError) -> Bool {
        try connection.first(
            "SELECT 1 FROM outbox INDEXED BY outbox_route WHERE route = ? AND state = 1 AND next_try <= ? LIMIT 1",
            .blob(route), .integer(clock.running)
        ) { row throws(StoreError) in try row.integer(0) } != nil
    }

    /// Seconds of running at which something that is not due yet will be; nil when there is nothing of it.
    public func nextTry(clock: NodeClock, in connection: Connection) throws(StoreError) -> Int64? {
        try connection.first(
            """
            SELECT next_try FROM outbox INDEXED BY outbox_due WHERE state = 1 AND next_try > ? ORDER BY next_try LIMIT 1
            """, .integer(clock.running)
        ) { row throws(StoreError) in try row.integer(0) }
    }

    /// The oldest items of a route, in the order in which they were put, as many as fit `bytes`; at least one.
    public func due(route: [UInt8], bytes: Int, in connection: Connection) throws -> [Due] {
        var result: [Due] = []
        var left = Int64(bytes)
        let rows = try connection.query(
            """
            SELECT id, size, state, trouble, trouble_since, attempts, next_try FROM outbox INDEXED BY outbox_route
            WHERE route = ? AND state = 1 ORDER BY id LIMIT ?
            """, .blob(route), .integer(Int64(Self.window))
        ) { row throws(StoreError) in
            (id: try row.integer(0), size: try row.integer(1), item: try Self.item(row, from: 2))
        }
        for row in rows {
            guard result.isEmpty || row.size <= left else { break }
            left -= row.size
            var item = row.item
            item.targets = try states(of: row.id, in: connection)
            let targets = try connection.query(
                """
                SELECT mailbox, envelope_id, header FROM outbox_target WHERE outbox = ? AND state = 1 ORDER BY place
                """, .integer(row.id)
            ) { row throws(StoreError) in
                Deposit.Target(device: try row.blob(0), id: try row.blob(1), header: try row.blob(2))
            }
            let body = try connection.first("SELECT content FROM outbox_body WHERE outbox = ?", .integer(row.id)) {
                row throws(StoreError) in try row.blob(0)
            }
            result.append(Due(id: row.id, item: item, deposit: Deposit(targets: targets, body: body ?? [])))
        }
        return result
    }

    /// Keeps what came of a try; what is over gives its space back and stays until its device was told.
    ///
    /// - Returns: the device that is to be told; nil, and nothing is kept, when the item was over before.
    @discardableResult
    public func keep(
        _ item: OutboxItem, id: Int64, clock: NodeClock, in connection: Connection
    ) throws(StoreError) -> [UInt8]? {
        let device = try connection.first("SELECT device FROM outbox WHERE id = ? AND state = 1", .integer(id)) {
            row throws(StoreError) in try row.blob(0)
        }
        guard let device else { return nil }
        try connection.execute(
            """
            UPDATE outbox SET state = ?, trouble = ?, trouble_since = ?, attempts = ?, next_try = ? WHERE id = ?
            """, .integer(item.state.rawValue), .optional(item.trouble?.rawValue), .integer(item.troubleSince),
            .integer(item.attempts), .integer(item.isOver ? clock.running : item.nextTry), .integer(id))
        for (place, target) in item.targets.enumerated() {
            let (state, code, detail): (Int64, Int64?, String?)
            switch target {
            case .waiting: continue
            case .stored: (state, code, detail) = (2, nil, nil)
            case .refused(let refusal, let words): (state, code, detail) = (3, refusal, words)
            }
            try connection.execute(
                """
                UPDATE outbox_target SET state = ?, refusal = ?, detail = ? WHERE outbox = ? AND place = ? AND state = 1
                """, .integer(state), .optional(code), detail.map { .text($0) } ?? .null, .integer(id),
                .integer(Int64(place)))
        }
        if item.isOver { try release(id, in: connection) }
        return device
    }

    // MARK: When a route is tried

    /// After a try of the items of a route up to `last`: those behind it are due when the first of those is, and at once
    /// when none of those waits any more. So a route has one time at which it is tried, however much waits for it.
    public func settle(route: [UInt8], last: Int64, clock: NodeClock, in connection: Connection) throws(StoreError) {
        let until = try connection.first(
            """
            SELECT min(next_try) FROM outbox INDEXED BY outbox_route WHERE route = ? AND state = 1 AND id <= ?
            """, .blob(route), .integer(last)
        ) { row throws(StoreError) in try row.optionalInteger(0) }
        if case .some(.some(let until)) = until {
            try connection.execute(
                "UPDATE outbox SET next_try = ?1 WHERE route = ?2 AND state = 1 AND id > ?3 AND next_try < ?1",
                .integer(until), .blob(route), .integer(last))
        } else {
            try hurry(route: route, moment: clock.running, in: connection)
        }
    }

    /// Makes what waits for a route due, or all that waits.
    public func wake(route: [UInt8]? = nil, in connection: Connection) throws(StoreError) {
        if let route { return try hurry(route: route, moment: 0, in: connection) }
        try connection.execute("UPDATE outbox SET next_try = 0 WHERE state = 1 AND next_try > 0")
    }

    private func hurry(route: [UInt8], moment: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE outbox SET next_try = ?1 WHERE route = ?2 AND state = 1 AND next_try > ?1", .integer(moment),
            .blob(route))
    }

    /// Whether something waits on the far node's word that there is room.
    public func waitsForRoom(route: [UInt8], in connection: Connection) throws(StoreError) -> Bool {
        try attemptsForRoom(route: route, in: connection) != nil
    }

    private func attemptsForRoom(route: [UInt8], in connection: Connection) throws(StoreError) -> Int64? {
        try connection.first(
            """
            SELECT attempts FROM outbox INDEXED BY outbox_route WHERE route = ? AND state = 1 AND trouble = ?
            ORDER BY id LIMIT 1
            """, .blob(route), .integer(OutboxSchedule.Trouble.mailboxFull.rawValue)
        ) { row throws(StoreError) in try row.integer(0) }
    }

    /// Whether ``allClear(route:clock:in:)`` would change anything.
    public func isHastened(route: [UInt8], clock: NodeClock, in connection: Connection) throws(StoreError) -> Bool {
        guard let attempts = try attemptsForRoom(route: route, in: connection) else { return false }
        let moment = Self.moment(OutboxSchedule.afterAllClear(attempts: attempts), after: clock)
        return try connection.first(
            "SELECT 1 FROM outbox INDEXED BY outbox_route WHERE route = ? AND state = 1 AND next_try > ? LIMIT 1",
            .blob(route), .integer(moment)
        ) { row throws(StoreError) in try row.integer(0) } != nil
    }

    /// The far node says that there is room again.
    public func allClear(route: [UInt8], clock: NodeClock, in connection: Connection) throws(StoreError) {
        guard let attempts = try attemptsForRoom(route: route, in: connection) else { return }
        try hurry(
            route: route, moment: Self.moment(OutboxSchedule.afterAllClear(attempts: attempts), after: clock),
            in: connection)
    }

    /// The connection is lost over which the far node would have said that there is room again.
    public func lostWord(
        route: [UInt8], jitter: Double, clock: NodeClock, in connection: Connection
    ) throws(StoreError) {
        guard try waitsForRoom(route: route, in: connection) else { return }
        try hurry(
            route: route, moment: Self.moment(OutboxSchedule.afterLostWord(jitter: jitter), after: clock),
            in: connection)
    }

    private static func moment(_ seconds: Int64, after clock: NodeClock) -> Int64 {
        let (moment, overflow) = clock.running.addingReportingOverflow(seconds)
        return overflow ? clock.running : moment
    }

    // MARK: Ends

    private func release(_ id: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute("DELETE FROM outbox_body WHERE outbox = ?", .integer(id))
        guard connection.changes > 0 else { return }
        let size = try connection.first("SELECT size FROM outbox WHERE id = ?", .integer(id)) {
            row throws(StoreError) in
            try row.integer(0)
        }
        guard let size else { return }
        try connection.execute("UPDATE outbox_target SET header = x'' WHERE outbox = ?", .integer(id))
        try Mailboxes(quota: quota, maxAge: 0).charge(
            Account.ownDevices, bytes: -size, tombstones: 0, in: connection)
    }

    /// Gives up what both clocks call too old, and forgets ends that nobody asked for; at most
    /// ``Mailboxes/cleanupRows`` of each.
    ///
    /// - Returns: the ids of items that are over now.
    public func expire(clock: NodeClock, in connection: Connection) throws -> [Int64] {
        var over: [Int64] = []
        if let wall = clock.wall {
            // What was put there before the first synchronisation begins to age by the wall clock now.
            try connection.execute(
                "UPDATE outbox SET made_wall = ? WHERE state = 1 AND made_wall IS NULL", .integer(wall))
            let rows = try connection.query(
                """
                SELECT id, state, trouble, trouble_since, attempts, next_try FROM outbox INDEXED BY outbox_due
                WHERE state = 1 AND made_running + lifetime <= ? AND made_wall + lifetime <= ? LIMIT ?
                """, .integer(clock.running), .integer(wall), .integer(Mailboxes.cleanupRows)
            ) { row throws(StoreError) in (id: try row.integer(0), item: try Self.item(row, from: 1)) }
            for row in rows {
                var item = row.item
                item.targets = try states(of: row.id, in: connection)
                try keep(item.expired(), id: row.id, clock: clock, in: connection)
                over.append(row.id)
            }
        }
        if let before = Expiry.moment(Self.memory, before: clock.running) {
            try connection.execute(
                "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE state > 1 AND next_try < ? LIMIT ?)",
                .integer(before), .integer(Mailboxes.cleanupRows))
        }
        return over
    }

    func states(of id: Int64, in connection: Connection) throws(StoreError) -> [OutboxItem.TargetState] {
        try connection.query(
            "SELECT state, refusal, detail FROM outbox_target WHERE outbox = ? ORDER BY place", .integer(id)
        ) { row throws(StoreError) in
            switch try row.integer(0) {
            case 1: .waiting
            case 2: .stored
            default: .refused(code: try row.optionalInteger(1) ?? 0, detail: try row.optionalText(2) ?? "")
            }
        }
    }

    /// The columns state, trouble, trouble_since, attempts, next_try.
    static func item(_ row: Row, from column: Int) throws(StoreError) -> OutboxItem {
        OutboxItem(
            state: OutboxItem.State(rawValue: try row.integer(column)) ?? .waiting, targets: [],
            trouble: try row.optionalInteger(column + 1).flatMap { OutboxSchedule.Trouble(rawValue: $0) },
            troubleSince: try row.integer(column + 2), attempts: try row.integer(column + 3),
            nextTry: try row.integer(column + 4))
    }
}
