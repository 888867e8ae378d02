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

    /// Seconds of running at which something is due next; nil when nothing waits.
    public func nextTry(in connection: Connection) throws(StoreError) -> Int64? {
        try connection.first(
            "SELECT next_try FROM outbox INDEXED BY outbox_due WHERE state = 1 ORDER BY next_try LIMIT 1"
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
            let body = try connection.first("SELECT body FROM outbox WHERE id = ?", .integer(row.id)) {
                row throws(StoreError) in try row.blob(0)
            }
            result.append(Due(id: row.id, item: item, deposit: Deposit(targets: targets, body: body ?? [])))
        }
        return result
    }

    /// Keeps what came of a try; what is over gives its space back and stays until its device was told.
    public func keep(_ item: OutboxItem, id: Int64, clock: NodeClock, in connection: Connection) throws(StoreError) {
        try connection.execute(
            """
            UPDATE outbox SET state = ?, trouble = ?, trouble_since = ?, attempts = ?, next_try = ? WHERE id = ?
            """, .integer(item.state.rawValue), .optional(item.trouble?.rawValue), .integer(item.troubleSince),
            .integer(item.attempts), .integer(item.isOver ? clock.running : item.nextTry), .integer(id))
        for (place, target) in item.targets.enumerated() {
            let (state, code, detail): (Int64, Int64?, String?) =
                switch target {
                case .waiting: (1, nil, nil)
                case .stored: (2, nil, nil)
                case .refused(let code, let detail): (3, code, detail)
                }
            try connection.execute(
                "UPDATE outbox_target SET state = ?, refusal = ?, detail = ? WHERE outbox = ? AND place = ?",
                .integer(state), .optional(code), detail.map { .text($0) } ?? .null, .integer(id),
                .integer(Int64(place)))
        }
        if item.isOver { try release(id, in: connection) }
    }

    private func release(_ id: Int64, in connection: Connection) throws(StoreError) {
        let size = try connection.first("SELECT size FROM outbox WHERE id = ? AND body IS NOT NULL", .integer(id)) {
            row throws(StoreError) in try row.integer(0)
        }
        guard let size else { return }
        try connection.execute("UPDATE outbox SET body = NULL WHERE id = ?", .integer(id))
        try connection.execute("UPDATE outbox_target SET header = x'' WHERE outbox = ?", .integer(id))
        try Mailboxes(quota: quota, maxAge: 0).charge(
            Account.ownDevices, bytes: -size, tombstones: 0, in: connection)
    }

    /// Gives up what both clocks call too old, and forgets ends that nobody asked for; at most
    /// ``Mailboxes/cleanupRows`` of each.
    ///
    /// - Returns: the ids of items that are over now.
    public func expire(clock: NodeClock, in connection: Connection) throws -> [Int64] {
        let rows = try connection.query(
            """
            SELECT id, made_running, made_wall, lifetime, state, trouble, trouble_since, attempts, next_try
            FROM outbox INDEXED BY outbox_due WHERE state = 1 AND made_running + lifetime <= ? LIMIT ?
            """, .integer(clock.running), .integer(Mailboxes.cleanupRows)
        ) { row throws(StoreError) in
            (
                id: try row.integer(0),
                made: NodeClock(running: try row.integer(1), wall: try row.optionalInteger(2)),
                lifetime: try row.integer(3), item: try Self.item(row, from: 4)
            )
        }
        var over: [Int64] = []
        for row in rows where Expiry.bothSay(made: row.made, now: clock, age: row.lifetime) {
            var item = row.item
            item.targets = try states(of: row.id, in: connection)
            try keep(item.expired(), id: row.id, clock: clock, in: connection)
            over.append(row.id)
        }
        if let before = Expiry.moment(Self.memory, before: clock.running) {
            try connection.execute(
                "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE state > 1 AND next_try < ? LIMIT ?)",
                .integer(before), .integer(Mailboxes.cleanupRows))
        }
        return over
    }

    // MARK: Reports

    /// An item for the device that put it there.
    public struct Report: Sendable, Equatable {
        public let name: [UInt8]
        public let item: OutboxItem
        /// Seconds of running since it was put there.
        public let age: Int64
    }

    /// The items of a device behind `after` (a name; empty for the first page), in the order of their names.
    public func reports(
        of device: [UInt8], after: [UInt8], limit: Int, clock: NodeClock, in connection: Connection
    ) throws -> [Report] {
        try reports(
            "WHERE device = ?1 AND item > ?2 ORDER BY item LIMIT ?3", .blob(device), .blob(after),
            .integer(Int64(limit)), clock: clock, in: connection
        ).map(\.report)
    }

    /// One item, and whose it is.
    public func report(
        id: Int64, clock: NodeClock, in connection: Connection
    ) throws -> (device: [UInt8], report: Report)? {
        try reports(
            "WHERE id = ?1 AND ?2 = ?2 AND ?3 = ?3", .integer(id), .blob([]), .integer(0), clock: clock, in: connection
        ).first
    }

    private func reports(
        _ condition: String, _ one: Value, _ two: Value, _ three: Value, clock: NodeClock, in connection: Connection
    ) throws -> [(device: [UInt8], report: Report)] {
        let rows = try connection.query(
            """
            SELECT id, device, item, made_running, state, trouble, trouble_since, attempts, next_try FROM outbox
            """ + " " + condition, one, two, three
        ) { row throws(StoreError) in
            (
                id: try row.integer(0), device: try row.blob(1), name: try row.blob(2), made: try row.integer(3),
                item: try Self.item(row, from: 4)
            )
        }
        return try rows.map { row in
            var item = row.item
            item.targets = try states(of: row.id, in: connection)
            return (
                row.device,
                Report(name: row.name, item: item, age: Expiry.elapsed(from: row.made, to: clock.running))
            )
        }
    }

    /// Forgets items that are over and whose end the device has committed.
    public func acknowledge(items: [[UInt8]], device: [UInt8], in connection: Connection) throws(StoreError) {
        for item in items {
            try connection.execute(
                "DELETE FROM outbox WHERE item = ? AND device = ? AND state > 1", .blob(item), .blob(device))
        }
    }

    private func states(of id: Int64, in connection: Connection) throws(StoreError) -> [OutboxItem.TargetState] {
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
    private static func item(_ row: Row, from column: Int) throws(StoreError) -> OutboxItem {
        OutboxItem(
            state: OutboxItem.State(rawValue: try row.integer(column)) ?? .waiting, targets: [],
            trouble: try row.optionalInteger(column + 1).flatMap { OutboxSchedule.Trouble(rawValue: $0) },
            troubleSince: try row.integer(column + 2), attempts: try row.integer(column + 3),
            nextTry: try row.integer(column + 4))
    }
}
