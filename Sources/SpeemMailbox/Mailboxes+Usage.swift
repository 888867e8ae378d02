public import SpeemStore

/// Where an envelope is and who put it there: whom it is charged to.
struct Origin {
    let mailbox: Int64
    let party: Int64
    let isOwn: Bool
}

/// Rows of the usage table for more than one party; a party's own number is above them.
enum Account {
    /// All own devices, which have one share together.
    static let ownDevices: Int64 = 0
    /// All contacts, for the total.
    static let contacts: Int64 = -1
}

/// What is in use.
extension Mailboxes {
    /// Books what came (or went: negative) on its mailbox and on whoever deposited it.
    ///
    /// - Parameters:
    ///   - bytes: what the depositor is charged; a body once.
    ///   - shown: what the mailbox holds; a body in each.
    func charge(
        _ origin: Origin, envelopes: Int64, bytes: Int64, shown: Int64, in connection: Connection
    ) throws(StoreError) {
        if envelopes != 0 || shown != 0 {
            try connection.execute(
                "UPDATE mailbox SET envelopes = envelopes + ?, bytes = bytes + ? WHERE id = ?",
                .integer(envelopes), .integer(shown), .integer(origin.mailbox))
        }
        if origin.isOwn {
            try charge(Account.ownDevices, bytes: bytes, tombstones: 0, in: connection)
        } else {
            try charge(origin.party, bytes: bytes, tombstones: 0, in: connection)
            try charge(Account.contacts, bytes: bytes, tombstones: 0, in: connection)
        }
    }

    /// Adds to one row of the usage table.
    func charge(_ account: Int64, bytes: Int64, tombstones: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute(
            """
            INSERT INTO usage (party, bytes, tombstones) VALUES (?1, ?2, ?3)
            ON CONFLICT DO UPDATE SET bytes = bytes + ?2, tombstones = tombstones + ?3
            """, .integer(account), .integer(bytes), .integer(tombstones))
    }

    /// Bytes that the envelopes of a contact's party take, or of an ``Account``.
    func bytesUsed(by account: Int64, in connection: Connection) throws(StoreError) -> Int64 {
        try connection.first("SELECT bytes FROM usage WHERE party = ?", .integer(account)) {
            row throws(StoreError) in try row.integer(0)
        } ?? 0
    }

    /// Bytes that all envelopes take.
    public func bytesUsed(in connection: Connection) throws(StoreError) -> Int64 {
        try bytesUsed(by: Account.ownDevices, in: connection) + bytesUsed(by: Account.contacts, in: connection)
    }

    /// Bytes that a party may still deposit: as many are accepted, and not one more.
    public func free(
        for party: Int64, as depositor: Quota.Depositor, contacts: Int64, in connection: Connection
    ) throws(StoreError) -> Int64 {
        try quota.free(for: depositor, usage: usage(of: party, as: depositor, contacts: contacts, in: connection))
    }

    /// What a deposit of a party is judged by.
    func usage(
        of party: Int64, as depositor: Quota.Depositor, contacts: Int64, in connection: Connection
    ) throws(StoreError) -> Quota.Usage {
        let own = try bytesUsed(by: Account.ownDevices, in: connection)
        return Quota.Usage(
            depositor: depositor == .ownDevice ? own : try bytesUsed(by: party, in: connection), own: own,
            total: own + (try bytesUsed(by: Account.contacts, in: connection)), contacts: contacts)
    }

    /// Whether nothing is kept or remembered of a party.
    public func isUnknown(party: Int64, in connection: Connection) throws(StoreError) -> Bool {
        try connection.first("SELECT 1 FROM usage WHERE party = ?", .integer(party)) { row throws(StoreError) in
            try row.integer(0)
        } == nil
    }

    func tombstones(of party: Int64, in connection: Connection) throws(StoreError) -> Int64 {
        try connection.first("SELECT tombstones FROM usage WHERE party = ?", .integer(party)) {
            row throws(StoreError) in try row.integer(0)
        } ?? 0
    }

    /// How full every mailbox is. Costs the same however much is inside.
    public func states(clock: NodeClock, in connection: Connection) throws(StoreError) -> [MailboxState] {
        try connection.query(
            """
            SELECT device, envelopes, bytes,
                (SELECT made_running FROM envelope WHERE mailbox = mailbox.id ORDER BY sequence LIMIT 1)
            FROM mailbox WHERE device IS NOT NULL ORDER BY id
            """
        ) { row throws(StoreError) in
            MailboxState(
                device: try row.blob(0), envelopes: try row.integer(1), bytes: try row.integer(2),
                oldestAge: Expiry.elapsed(from: try row.optionalInteger(3) ?? clock.running, to: clock.running))
        }
    }
}
