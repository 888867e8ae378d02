public import SpeemStore

extension Mailboxes {
    /// Adds to what a grant has in use.
    func charge(_ bytes: Int64, tombstones: Int64, to grant: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute(
            """
            INSERT INTO usage (grant_id, bytes, tombstones) VALUES (?1, ?2, ?3)
            ON CONFLICT DO UPDATE SET bytes = bytes + ?2, tombstones = tombstones + ?3
            """, .integer(grant), .integer(bytes), .integer(tombstones))
    }

    /// Bytes that the envelopes of one grant take (``ownUsage``: of all own devices).
    func bytesUsed(by grant: Int64, in connection: Connection) throws(StoreError) -> Int64 {
        try connection.first("SELECT bytes FROM usage WHERE grant_id = ?", .integer(grant)) {
            row throws(StoreError) in try row.integer(0)
        } ?? 0
    }

    /// Bytes that all envelopes take. The table has one row a grant, so the sum stays cheap.
    public func bytesUsed(in connection: Connection) throws(StoreError) -> Int64 {
        try connection.first("SELECT coalesce(sum(bytes), 0) FROM usage") { row throws(StoreError) in
            try row.integer(0)
        } ?? 0
    }

    /// How full every mailbox is.
    public func states(clock: NodeClock, in connection: Connection) throws(StoreError) -> [MailboxState] {
        try connection.query(
            """
            SELECT mailbox.device, count(envelope.sequence),
                coalesce(sum(length(envelope.header) + length(envelope.body) + ?1), 0), min(envelope.made_running)
            FROM mailbox LEFT JOIN envelope ON envelope.mailbox = mailbox.id GROUP BY mailbox.id ORDER BY mailbox.id
            """, .integer(Envelope.rowOverhead)
        ) { row throws(StoreError) in
            MailboxState(
                device: try row.blob(0), envelopes: try row.integer(1), bytes: try row.integer(2),
                oldestAge: Expiry.elapsed(from: try row.optionalInteger(3) ?? clock.running, to: clock.running))
        }
    }

    // MARK: Expiry

    /// Deletes a bounded number of envelopes that both clocks call expired, and of tombstones that nobody needs.
    ///
    /// - Returns: how many envelopes were deleted; call again while it is ``cleanupRows``.
    public func expire(clock: NodeClock, in connection: Connection) throws -> Int {
        try connection.execute(
            """
            DELETE FROM deposit WHERE sequence IS NULL AND deleted_running < ?
            """, .integer(clock.running - Self.tombstoneAge))
        try recountTombstones(in: connection)
        guard let wall = clock.wall else { return 0 }
        // An envelope that came before the first synchronisation begins to age by the wall clock now.
        try connection.execute("UPDATE envelope SET made_wall = ? WHERE made_wall IS NULL", .integer(wall))
        let old = try connection.query(
            """
            SELECT mailbox.device, envelope.sequence, envelope.made_running, envelope.made_wall
            FROM envelope JOIN mailbox ON mailbox.id = envelope.mailbox
            WHERE envelope.made_running <= ? ORDER BY envelope.sequence LIMIT ?
            """, .integer(clock.running - maxAge), .integer(Self.cleanupRows)
        ) { row throws(StoreError) in
            (
                device: try row.blob(0), sequence: try row.integer(1),
                made: NodeClock(running: try row.integer(2), wall: try row.optionalInteger(3))
            )
        }
        var deleted = 0
        for envelope in old where Expiry.bothSay(made: envelope.made, now: clock, age: maxAge) {
            deleted += try acknowledge(
                device: envelope.device, sequences: [envelope.sequence], clock: clock, in: connection)
        }
        return deleted
    }

    private func recountTombstones(in connection: Connection) throws(StoreError) {
        guard connection.changes > 0 else { return }
        try connection.execute(
            """
            UPDATE usage SET tombstones =
                (SELECT count(*) FROM deposit WHERE deposit.grant_id = usage.grant_id AND deposit.sequence IS NULL)
            """)
    }
}
