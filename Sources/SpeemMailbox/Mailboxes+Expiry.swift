public import SpeemStore

/// Cleaning up, in pieces.
extension Mailboxes {
    /// Deletes a bounded number of envelopes that both clocks call expired or whose mailbox was removed, and of
    /// tombstones that nobody needs.
    ///
    /// - Returns: how many envelopes were deleted; call again while it is above 0.
    public func expire(clock: NodeClock, in connection: Connection) throws -> Int {
        try forgetTombstones(clock: clock, in: connection)
        var deleted = try emptyRemoved(in: connection)
        if let wall = clock.wall { try date(by: wall, in: connection) }
        deleted += try deleteExpired(clock: clock, limit: Self.cleanupRows - deleted, in: connection)
        return Int(deleted)
    }

    /// Deletes the oldest tombstones of each party, and the rows of parties of which nothing is left.
    private func forgetTombstones(clock: NodeClock, in connection: Connection) throws(StoreError) {
        guard let before = Expiry.moment(Self.tombstoneAge, before: clock.running) else { return }
        let parties = try connection.query("SELECT party FROM usage WHERE tombstones > 0") {
            row throws(StoreError) in try row.integer(0)
        }
        var left = Self.cleanupRows
        for party in parties where left > 0 {
            try connection.execute(
                """
                DELETE FROM deposit WHERE party = ?1 AND key IN (
                    SELECT key FROM deposit WHERE party = ?1 AND sequence IS NULL AND deleted_running < ?2
                    ORDER BY deleted_running LIMIT ?3)
                """, .integer(party), .integer(before), .integer(left))
            let forgotten = Int64(connection.changes)
            guard forgotten > 0 else { continue }
            left -= forgotten
            try charge(party, bytes: 0, tombstones: -forgotten, in: connection)
        }
        try connection.execute("DELETE FROM usage WHERE bytes = 0 AND tombstones = 0")
    }

    /// Empties mailboxes whose device was removed.
    private func emptyRemoved(in connection: Connection) throws(StoreError) -> Int64 {
        let removed = try connection.query("SELECT id FROM mailbox WHERE device IS NULL") { row throws(StoreError) in
            try row.integer(0)
        }
        var deleted: Int64 = 0
        for mailbox in removed {
            let sequences = try connection.query(
                "SELECT sequence FROM envelope WHERE mailbox = ? ORDER BY sequence LIMIT ?",
                .integer(mailbox), .integer(Self.cleanupRows - deleted)
            ) { row throws(StoreError) in try row.integer(0) }
            for sequence in sequences {
                if try delete(sequence, from: mailbox, leaving: .nothing, in: connection) != nil { deleted += 1 }
            }
            try connection.execute("DELETE FROM mailbox WHERE id = ? AND envelopes = 0", .integer(mailbox))
        }
        return deleted
    }

    /// Envelopes that came before the first synchronisation begin to age by the wall clock now.
    private func date(by wall: Int64, in connection: Connection) throws(StoreError) {
        func sequence(_ sql: String) throws(StoreError) -> Int64? {
            try connection.first(sql) { row throws(StoreError) in try row.integer(0) }
        }
        guard
            let newest = try sequence(
                """
                SELECT sequence FROM envelope INDEXED BY envelope_undated WHERE made_wall IS NULL
                ORDER BY sequence DESC LIMIT 1
                """),
            let oldest = try sequence(
                """
                SELECT sequence FROM envelope INDEXED BY envelope_undated WHERE made_wall IS NULL
                ORDER BY sequence LIMIT 1
                """)
        else {
            return try connection.execute("DELETE FROM synchronisation")
        }
        try connection.execute("DELETE FROM synchronisation WHERE sequence < ?", .integer(oldest))
        let dated = try sequence("SELECT sequence FROM synchronisation ORDER BY sequence DESC LIMIT 1") ?? 0
        guard newest > dated else { return }
        try connection.execute(
            "INSERT INTO synchronisation (sequence, wall) VALUES (?, ?)", .integer(newest), .integer(wall))
    }

    private func deleteExpired(
        clock: NodeClock, limit: Int64, in connection: Connection
    ) throws(StoreError) -> Int64 {
        guard let limits = Expiry.latest(now: clock, age: maxAge) else { return 0 }
        // The rule of ``Expiry/bothSay(made:now:age:)``, asked of the index alone: what is old by one clock only stays
        // there, and must not hide the rest.
        let expired = try connection.query(
            """
            SELECT sequence FROM envelope INDEXED BY envelope_age
            WHERE made_running <= ?1 AND coalesce(made_wall, (
                SELECT wall FROM synchronisation WHERE synchronisation.sequence >= envelope.sequence
                ORDER BY synchronisation.sequence LIMIT 1)) <= ?2
            ORDER BY made_running LIMIT ?3
            """, .integer(limits.running), .integer(limits.wall), .integer(limit)
        ) { row throws(StoreError) in try row.integer(0) }
        var deleted: Int64 = 0
        for sequence in expired {
            let mailbox = try connection.first("SELECT mailbox FROM envelope WHERE sequence = ?", .integer(sequence)) {
                row throws(StoreError) in try row.integer(0)
            }
            guard let mailbox,
                try delete(sequence, from: mailbox, leaving: .nothing, in: connection) != nil
            else { continue }
            deleted += 1
        }
        return deleted
    }
}
