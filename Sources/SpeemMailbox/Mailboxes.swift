import SpeemCrypto
public import SpeemStore

/// The mailboxes of a node: rules over one transaction of its store. Whoever calls commits, and answers only then.
public struct Mailboxes: Sendable {
    public var quota: Quota
    /// Seconds after which an envelope may be deleted, by both clocks.
    public var maxAge: Int64

    /// Tombstones kept for one party. They only save work: a device recognises an envelope it had on its own.
    static let tombstonesPerParty: Int64 = 4096
    /// Seconds of running after which a tombstone goes: a sender that retries longer is answered by a new deposit.
    static let tombstoneAge: Int64 = 60 * 24 * 3600
    /// Rows that one clean-up deletes, so that no transaction grows with the store.
    static let cleanupRows: Int64 = 256

    public init(quota: Quota, maxAge: Int64) {
        self.quota = quota
        self.maxAge = maxAge
    }

    // MARK: Boxes

    /// Makes the mailbox of a device (16 bytes); one that is there stays as it is.
    public func open(device: [UInt8], in connection: Connection) throws(StoreError) {
        try connection.execute("INSERT INTO mailbox (device) VALUES (?) ON CONFLICT DO NOTHING", .blob(device))
    }

    /// Removes the mailbox of a device; its envelopes are out of reach at once.
    ///
    /// ``expire(clock:in:)`` deletes them in pieces, and they count against the quota until then: a removal must not
    /// fail because the disk is full, nor hold a large mailbox in memory.
    public func remove(device: [UInt8], clock _: NodeClock, in connection: Connection) throws {
        try connection.execute("UPDATE mailbox SET device = NULL WHERE device = ?", .blob(device))
    }

    /// The devices that have a mailbox.
    public func devices(in connection: Connection) throws(StoreError) -> [[UInt8]] {
        try connection.query("SELECT device FROM mailbox WHERE device IS NOT NULL") { row throws(StoreError) in
            try row.blob(0)
        }
    }

    func mailboxID(of device: [UInt8], in connection: Connection) throws(StoreError) -> Int64? {
        try connection.first("SELECT id FROM mailbox WHERE device = ?", .blob(device)) { row throws(StoreError) in
            try row.integer(0)
        }
    }

    // MARK: Depositing

    /// Puts a body into the mailboxes of its targets.
    ///
    /// - Parameters:
    ///   - party: who deposits, counted from 1: a contact with all its devices and routes, or the owner. All of one party
    ///     share what is remembered of deposits, and a share of the quota.
    ///   - contacts: how many contacts have a share.
    /// - Returns: what became of each target, in their order.
    public func deposit(
        _ deposit: Deposit, from party: Int64, as depositor: Quota.Depositor, contacts: Int64, clock: NodeClock,
        in connection: Connection
    ) throws -> [DepositOutcome] {
        precondition(party > 0, "parties are counted from 1")
        var body: Int64?
        var outcomes: [DepositOutcome] = []
        for target in deposit.targets {
            guard let mailbox = try mailboxID(of: target.device, in: connection) else {
                outcomes.append(.refused(.unknownMailbox))
                continue
            }
            let key = Self.key(mailbox: mailbox, envelope: target.id)
            let content = Self.contentHash(header: target.header, body: deposit.body)
            if let known = try knownContent(party: party, key: key, in: connection) {
                outcomes.append(ConstantTime.equal(known, content) ? .duplicate : .refused(.conflict))
                continue
            }
            let origin = Origin(mailbox: mailbox, party: party, isOwn: depositor == .ownDevice)
            // The first target that is stored pays for the body.
            let size = target.size + (body == nil ? deposit.bodySize : 0)
            if let refusal = try refusal(size: size, origin, depositor, contacts: contacts, in: connection) {
                outcomes.append(.refused(refusal))
                continue
            }
            let stored = try body ?? insertBody(deposit, origin, in: connection)
            body = stored
            try connection.execute(
                """
                INSERT INTO envelope (mailbox, party, own, made_running, made_wall, id, header, body)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
                .integer(mailbox), .integer(party), .flag(origin.isOwn), .integer(clock.running),
                .optional(clock.wall), .blob(target.id), .blob(target.header), .integer(stored))
            let sequence = connection.lastInsertRowID
            try connection.execute(
                "INSERT INTO deposit (party, key, content, sequence) VALUES (?, ?, ?, ?)",
                .integer(party), .blob(key), .blob(content), .integer(sequence))
            try charge(
                origin, envelopes: 1, bytes: target.size, shown: target.size + deposit.bodySize,
                in: connection)
            outcomes.append(.stored(sequence: sequence))
        }
        return outcomes
    }

    private func insertBody(_ deposit: Deposit, _ origin: Origin, in connection: Connection) throws -> Int64 {
        try connection.execute("INSERT INTO body (content) VALUES (?)", .blob(deposit.body))
        let id = connection.lastInsertRowID
        try charge(origin, envelopes: 0, bytes: deposit.bodySize, shown: 0, in: connection)
        return id
    }

    private func refusal(
        size: Int64, _ origin: Origin, _ depositor: Quota.Depositor, contacts: Int64, in connection: Connection
    ) throws(StoreError) -> DepositRefusal? {
        let usage = try usage(of: origin.party, as: depositor, contacts: contacts, in: connection)
        switch quota.decide(size: size, depositor: depositor, usage: usage) {
        case .accepted: return nil
        case .shareFull: return .mailboxFull
        case .nodeFull: return .nodeFull
        }
    }

    /// The key of idempotency within a party: mailbox and envelope id, hashed to 16 bytes to keep the index small.
    static func key(mailbox: Int64, envelope id: [UInt8]) -> [UInt8] {
        BLAKE2b.hash(
            domain: DomainSeparator("deposit key"), BigEndian.bytes(UInt64(bitPattern: mailbox)), id, length: 16)
    }

    static func contentHash(header: [UInt8], body: [UInt8]) -> [UInt8] {
        BLAKE2b.hash(domain: DomainSeparator("deposit content"), header, body, length: 16)
    }

    private func knownContent(party: Int64, key: [UInt8], in connection: Connection) throws(StoreError) -> [UInt8]? {
        try connection.first(
            "SELECT content FROM deposit WHERE party = ? AND key = ?", .integer(party), .blob(key)
        ) { row throws(StoreError) in try row.blob(0) }
    }
}
