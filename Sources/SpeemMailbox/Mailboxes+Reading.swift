public import SpeemStore

/// Draining and acknowledging.
extension Mailboxes {
    /// The envelopes of a mailbox behind `after`, oldest first: at most `count`, and as many as fit `bytes`, but where
    /// there is one, at least one.
    ///
    /// - Returns: nil when there is no such mailbox.
    public func drain(
        device: [UInt8], after: Int64, count: Int, bytes: Int, in connection: Connection
    ) throws -> Drain? {
        guard let mailbox = try mailboxID(of: device, in: connection) else { return nil }
        var drain = Drain(envelopes: [], more: false)
        var left = Int64(bytes)
        // The length of a row is in its first page: one that does not fit is not read.
        try connection.forEach(
            """
            SELECT sequence, length(header) + length(content), envelope.id, header, content
            FROM envelope CROSS JOIN body ON body.id = envelope.body
            WHERE mailbox = ? AND sequence > ? ORDER BY sequence
            """, .integer(mailbox), .integer(after)
        ) { row throws(StoreError) in
            let size = try row.integer(1) + Envelope.rowOverhead + Deposit.bodyOverhead
            guard drain.envelopes.isEmpty || (drain.envelopes.count < count && size <= left) else {
                drain.more = true
                return .stop
            }
            drain.envelopes.append(
                StoredEnvelope(
                    sequence: try row.integer(0),
                    envelope: Envelope(id: try row.blob(2), header: try row.blob(3), body: try row.blob(4))))
            left = left < size ? 0 : left - size
            return .next
        }
        return drain
    }

    /// Deletes what the device has committed; returns how many envelopes were there.
    public func acknowledge(
        device: [UInt8], sequences: [Int64], clock: NodeClock, in connection: Connection
    ) throws -> Int {
        guard let mailbox = try mailboxID(of: device, in: connection) else { return 0 }
        var deleted = 0
        for sequence in sequences {
            guard let origin = try delete(sequence, from: mailbox, leaving: .tombstone(clock), in: connection) else {
                continue
            }
            deleted += 1
            try trimTombstones(of: origin.party, in: connection)
        }
        return deleted
    }

    /// What a deleted envelope leaves behind.
    enum Trace {
        /// Its device has it: the same again is a duplicate.
        case tombstone(NodeClock)
        /// No device had it: told "duplicate", a sender that tries again would think that it is kept.
        case nothing
    }

    /// Deletes an envelope.
    ///
    /// - Returns: nil when it is not in that mailbox.
    func delete(
        _ sequence: Int64, from mailbox: Int64, leaving trace: Trace, in connection: Connection
    ) throws(StoreError) -> Origin? {
        let found = try connection.first(
            """
            SELECT party, own, envelope.id, length(header), body.id, length(content)
            FROM envelope JOIN body ON body.id = envelope.body WHERE sequence = ? AND mailbox = ?
            """, .integer(sequence), .integer(mailbox)
        ) { row throws(StoreError) in
            (
                origin: Origin(mailbox: mailbox, party: try row.integer(0), isOwn: try row.flag(1)),
                id: try row.blob(2), header: try row.integer(3), body: try row.integer(4),
                content: try row.integer(5)
            )
        }
        guard let (origin, id, header, body, content) = found else { return nil }
        try connection.execute("DELETE FROM envelope WHERE sequence = ?", .integer(sequence))
        // The last mailbox takes the body with it.
        try connection.execute(
            "DELETE FROM body WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM envelope WHERE body = ?1)", .integer(body))
        let isLast = connection.changes > 0
        let key = Self.key(mailbox: mailbox, envelope: id)
        switch trace {
        case .tombstone(let clock):
            try connection.execute(
                "UPDATE deposit SET sequence = NULL, deleted_running = ? WHERE party = ? AND key = ?",
                .integer(clock.running), .integer(origin.party), .blob(key))
            try charge(origin.party, bytes: 0, tombstones: 1, in: connection)
        case .nothing:
            try connection.execute(
                "DELETE FROM deposit WHERE party = ? AND key = ?", .integer(origin.party), .blob(key))
        }
        let size = header + Envelope.rowOverhead
        let bodySize = content + Deposit.bodyOverhead
        try charge(
            origin, envelopes: -1, bytes: -(isLast ? size + bodySize : size), shown: -(size + bodySize),
            in: connection)
        return origin
    }

    /// Forgets the oldest tombstones of a party that has too many.
    private func trimTombstones(of party: Int64, in connection: Connection) throws(StoreError) {
        let count = try tombstones(of: party, in: connection)
        // Some slack, so that the trimming is one statement for many deletions.
        guard count > Self.tombstonesPerParty + Self.cleanupRows else { return }
        try connection.execute(
            """
            DELETE FROM deposit WHERE party = ?1 AND key IN (
                SELECT key FROM deposit WHERE party = ?1 AND sequence IS NULL ORDER BY deleted_running LIMIT ?2)
            """, .integer(party), .integer(count - Self.tombstonesPerParty))
        try charge(party, bytes: 0, tombstones: -Int64(connection.changes), in: connection)
    }
}
