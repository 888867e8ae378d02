public import SpeemStore

/// What the device that put an item there is told.
extension Outbox {
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

    /// How much waits, and for how many routes in vain so far.
    public func counts(in connection: Connection) throws(StoreError) -> (waiting: Int64, routesInTrouble: Int64) {
        try connection.first(
            """
            SELECT count(*), count(DISTINCT CASE WHEN trouble <> ? THEN route END) FROM outbox WHERE state = 1
            """, .integer(OutboxSchedule.Trouble.notTriedYet.rawValue)
        ) { row throws(StoreError) in (waiting: try row.integer(0), routesInTrouble: try row.integer(1)) } ?? (0, 0)
    }
}
