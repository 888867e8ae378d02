import SpeemCrypto
public import SpeemStore

/// The mailboxes of a node: rules over one transaction of its store. Whoever calls commits, and answers only then.
public struct Mailboxes: Sendable {
    public var quota: Quota
    /// Seconds after which an envelope may be deleted, by both clocks.
    public var maxAge: Int64

    /// Tombstones kept for one grant. They only save work: a device recognises an envelope it had on its own.
    static let tombstonesPerGrant: Int64 = 4096
    /// Seconds of running after which a tombstone goes: a sender that retries longer is answered by a new deposit.
    static let tombstoneAge: Int64 = 60 * 24 * 3600
    /// Rows that one clean-up deletes, so that no transaction grows with the store.
    static let cleanupRows: Int64 = 256
    /// The row of ``usage`` that all own devices share.
    static let ownUsage: Int64 = 0

    public init(quota: Quota, maxAge: Int64) {
        self.quota = quota
        self.maxAge = maxAge
    }

    // MARK: Boxes

    /// Makes the mailbox of a device (16 bytes); one that is there stays as it is.
    public func open(device: [UInt8], in connection: Connection) throws(StoreError) {
        try connection.execute("INSERT INTO mailbox (device) VALUES (?) ON CONFLICT DO NOTHING", .blob(device))
    }

    /// Empties and removes the mailbox of a device.
    public func remove(device: [UInt8], clock: NodeClock, in connection: Connection) throws {
        guard let mailbox = try mailboxID(of: device, in: connection) else { return }
        let sequences = try connection.query(
            "SELECT sequence FROM envelope WHERE mailbox = ? ORDER BY sequence", .integer(mailbox)
        ) { row throws(StoreError) in try row.integer(0) }
        for sequence in sequences {
            _ = try delete(sequence, from: mailbox, clock: clock, in: connection)
        }
        try connection.execute("DELETE FROM mailbox WHERE id = ?", .integer(mailbox))
    }

    private func mailboxID(of device: [UInt8], in connection: Connection) throws(StoreError) -> Int64? {
        try connection.first("SELECT id FROM mailbox WHERE device = ?", .blob(device)) { row throws(StoreError) in
            try row.integer(0)
        }
    }

    // MARK: Depositing

    /// Puts an envelope into the mailbox of `device` for the holder of `grant`.
    ///
    /// - Parameter contacts: how many contacts have a grant.
    public func deposit(
        _ envelope: Envelope, for device: [UInt8], from grant: Int64, as depositor: Quota.Depositor,
        contacts: Int64, clock: NodeClock, in connection: Connection
    ) throws -> DepositOutcome {
        guard let mailbox = try mailboxID(of: device, in: connection) else { return .refused(.unknownMailbox) }
        let key = Self.key(mailbox: device, envelope: envelope.id)
        let content = Self.contentHash(envelope)
        if let known = try knownContent(grant: grant, key: key, in: connection) {
            return ConstantTime.equal(known, content) ? .duplicate : .refused(.conflict)
        }
        let account = depositor == .ownDevice ? Self.ownUsage : grant
        let usage = Quota.Usage(
            depositor: try bytesUsed(by: account, in: connection), total: try bytesUsed(in: connection),
            contacts: contacts)
        switch quota.decide(size: envelope.size, depositor: depositor, usage: usage) {
        case .shareFull: return .refused(.mailboxFull)
        case .nodeFull: return .refused(.nodeFull)
        case .accepted: break
        }
        try connection.execute(
            """
            INSERT INTO envelope (mailbox, grant_id, own, id, header, body, made_running, made_wall)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            .integer(mailbox), .integer(grant), .integer(depositor == .ownDevice ? 1 : 0), .blob(envelope.id),
            .blob(envelope.header), .blob(envelope.body), .integer(clock.running),
            clock.wall.map { .integer($0) } ?? .null)
        let sequence = connection.lastInsertRowID
        try connection.execute(
            "INSERT INTO deposit (grant_id, key, content, sequence) VALUES (?, ?, ?, ?)",
            .integer(grant), .blob(key), .blob(content), .integer(sequence))
        try charge(envelope.size, tombstones: 0, to: account, in: connection)
        return .stored(sequence: sequence)
    }

    /// The key of idempotency within a grant: mailbox and envelope id, hashed to 16 bytes to keep the index small.
    static func key(mailbox: [UInt8], envelope id: [UInt8]) -> [UInt8] {
        BLAKE2b.hash(domain: DomainSeparator("deposit key"), mailbox, id, length: 16)
    }

    static func contentHash(_ envelope: Envelope) -> [UInt8] {
        BLAKE2b.hash(domain: DomainSeparator("deposit content"), envelope.header, envelope.body, length: 16)
    }

    private func knownContent(grant: Int64, key: [UInt8], in connection: Connection) throws(StoreError) -> [UInt8]? {
        try connection.first(
            "SELECT content FROM deposit WHERE grant_id = ? AND key = ?", .integer(grant), .blob(key)
        ) { row throws(StoreError) in try row.blob(0) }
    }

    // MARK: Draining and acknowledging

    /// The envelopes of a mailbox behind `after`, oldest first: at most `count`, and as many as fit `bytes` but at
    /// least one.
    public func drain(
        device: [UInt8], after: Int64, count: Int, bytes: Int, in connection: Connection
    ) throws -> Drain? {
        guard let mailbox = try mailboxID(of: device, in: connection) else { return nil }
        var drain = Drain(envelopes: [], more: false)
        var size = 0
        try connection.forEach(
            "SELECT sequence, id, header, body FROM envelope WHERE mailbox = ? AND sequence > ? ORDER BY sequence",
            .integer(mailbox), .integer(after)
        ) { row throws(StoreError) in
            let envelope = Envelope(id: try row.blob(1), header: try row.blob(2), body: try row.blob(3))
            size += Int(envelope.size)
            if drain.envelopes.count >= count || (size > bytes && !drain.envelopes.isEmpty) {
                drain.more = true
                return .stop
            }
            drain.envelopes.append(StoredEnvelope(sequence: try row.integer(0), envelope: envelope))
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
        for sequence in sequences where try delete(sequence, from: mailbox, clock: clock, in: connection) {
            deleted += 1
        }
        return deleted
    }

    /// Deletes an envelope and leaves its tombstone.
    private func delete(
        _ sequence: Int64, from mailbox: Int64, clock: NodeClock, in connection: Connection
    ) throws -> Bool {
        let found = try connection.first(
            """
            SELECT grant_id, own, id, length(header) + length(body), (SELECT device FROM mailbox WHERE id = ?2)
            FROM envelope WHERE sequence = ?1 AND mailbox = ?2
            """, .integer(sequence), .integer(mailbox)
        ) { row throws(StoreError) in
            (
                grant: try row.integer(0), own: try row.integer(1) == 1, id: try row.blob(2),
                bytes: try row.integer(3), device: try row.blob(4)
            )
        }
        guard let found else { return false }
        try connection.execute("DELETE FROM envelope WHERE sequence = ?", .integer(sequence))
        try connection.execute(
            "UPDATE deposit SET sequence = NULL, deleted_running = ? WHERE grant_id = ? AND key = ?",
            .integer(clock.running), .integer(found.grant), .blob(Self.key(mailbox: found.device, envelope: found.id)))
        let size = found.bytes + Envelope.rowOverhead
        if found.own, found.grant != Self.ownUsage {
            try charge(-size, tombstones: 0, to: Self.ownUsage, in: connection)
            try charge(0, tombstones: 1, to: found.grant, in: connection)
        } else {
            try charge(-size, tombstones: 1, to: found.grant, in: connection)
        }
        try trimTombstones(of: found.grant, in: connection)
        return true
    }

    private func trimTombstones(of grant: Int64, in connection: Connection) throws(StoreError) {
        let count =
            try connection.first("SELECT tombstones FROM usage WHERE grant_id = ?", .integer(grant)) {
                row throws(StoreError) in try row.integer(0)
            } ?? 0
        // Some slack, so that the trimming is one statement for many deletions.
        guard count > Self.tombstonesPerGrant + Self.cleanupRows else { return }
        try connection.execute(
            """
            DELETE FROM deposit WHERE grant_id = ?1 AND key IN (
                SELECT key FROM deposit WHERE grant_id = ?1 AND sequence IS NULL ORDER BY deleted_running LIMIT ?2)
            """, .integer(grant), .integer(count - Self.tombstonesPerGrant))
        try charge(0, tombstones: -Int64(connection.changes), to: grant, in: connection)
    }
}
