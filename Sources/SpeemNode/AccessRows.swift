import SpeemProtocol
import SpeemCrypto
import SpeemIdentity
import SpeemStore
import SpeemTransport

/// The access table in the store.
enum AccessRows {
    /// Grants of all kinds but invites at the most.
    static let maxGrants: Int64 = 4096
    /// So many of them are kept free for own devices and recovery: contacts cannot lock the owner out.
    static let reservedForOwner: Int64 = 64

    /// Grants of recovery words at the most. There is one true one; the others are made up by a device, nobody withdraws
    /// them, and they must not take the places that are kept free.
    static let maxRecovery: Int64 = 8

    /// Devices that were restored elsewhere, and are remembered: the newest.
    static let maxOldCopies: Int64 = 8

    /// Routes of a contact at the most.
    static let maxRoutes: Int64 = 32

    /// A row, with what only the store knows.
    struct Row: Sendable {
        let entry: NodeAccess.Entry
        let origin: [UInt8]?

        var key: [UInt8] { entry.initiatorKey }
    }

    // MARK: Reading

    static func all(in connection: Connection) throws -> [NodeAccess.Entry] {
        try connection.query("SELECT \(Raw.columns) FROM access", row: Raw.read).map { try $0.row.entry }
    }

    static func find(key: [UInt8], in connection: Connection) throws -> Row? {
        try connection.first("SELECT \(Raw.columns) FROM access WHERE initiator_key = ?", .blob(key), row: Raw.read)?
            .row
    }

    static func find(_ id: Int64, in connection: Connection) throws -> Row? {
        try connection.first("SELECT \(Raw.columns) FROM access WHERE id = ?", .integer(id), row: Raw.read)?.row
    }

    /// What came from a key.
    static func from(origin: [UInt8], in connection: Connection) throws -> [Row] {
        try connection.query("SELECT \(Raw.columns) FROM access WHERE origin = ?", .blob(origin), row: Raw.read)
            .map { try $0.row }
    }

    /// Grants but those of invites, ordered by their keys, behind `after`.
    static func page(after: [UInt8], count: Int, in connection: Connection) throws -> [Row] {
        try connection.query(
            """
            SELECT \(Raw.columns) FROM access WHERE initiator_key > ? AND kind < ? ORDER BY initiator_key LIMIT ?
            """, .blob(after), .integer(GrantKind.firstInviteCode), .integer(Int64(count)), row: Raw.read
        ).map { try $0.row }
    }

    /// The keys of all grants but those of invites, in their order.
    static func keys(in connection: Connection) throws(StoreError) -> [[UInt8]] {
        try connection.query(
            "SELECT initiator_key FROM access WHERE kind < ? ORDER BY initiator_key",
            .integer(GrantKind.firstInviteCode)
        ) { row throws(StoreError) in try row.blob(0) }
    }

    /// How many grants of a kind a party has.
    static func count(_ kind: GrantKind, of party: Int64, in connection: Connection) throws(StoreError) -> Int64 {
        try connection.first(
            "SELECT count(*) FROM access WHERE party = ? AND kind = ?", .integer(party), .integer(kind.code)
        ) { row throws(StoreError) in try row.integer(0) } ?? 0
    }

    /// Whether an own device has a key here.
    static func hasKey(_ device: DeviceID, in connection: Connection) throws(StoreError) -> Bool {
        try connection.first(
            "SELECT 1 FROM access WHERE kind = ? AND device = ?", .integer(GrantKind.ownDevice(device).code),
            .blob(device.bytes)
        ) { row throws(StoreError) in try row.integer(0) } != nil
    }

    // MARK: Changing

    /// Adds a row; the key must be new.
    ///
    /// - Throws: ``Refused`` when the key was withdrawn before, there are too many grants, or an own device would have two
    ///   keys: a second one could be another device's, and would outlive its removal.
    static func insert(
        key: [UInt8], preSharedKey: SecretBytes, kind: GrantKind, party: Int64 = PartyRows.owner,
        origin: [UInt8]? = nil, in connection: Connection
    ) throws -> NodeAccess.Entry {
        guard try !RevokedRows.contains(key, in: connection) else {
            throw Refused(.grantRevoked, "this key was withdrawn: make another")
        }
        try requireRoom(for: kind, in: connection)
        let device: [UInt8]? = if case .ownDevice(let id) = kind { id.bytes } else { nil }
        if case .ownDevice(let id) = kind, try hasKey(id, in: connection) {
            throw Refused(.malformed, "the device has a key here already")
        }
        try connection.execute(
            """
            INSERT INTO access (initiator_key, pre_shared_key, kind, party, device, origin, counter)
            VALUES (?, ?, ?, ?, ?, ?, 0)
            """, .blob(key), .secret(preSharedKey), .integer(kind.code), .integer(party), .optional(device),
            .optional(origin))
        return NodeAccess.Entry(
            grant: AccessGrant(id: connection.lastInsertRowID, preSharedKey: preSharedKey), initiatorKey: key,
            kind: kind, party: party, counter: 0)
    }

    private static func requireRoom(for kind: GrantKind, in connection: Connection) throws {
        let limit: Int64
        switch kind {
        case .invite, .oldCopy: return
        case .ownDevice, .recovery: limit = maxGrants
        case .contact, .route: limit = maxGrants - reservedForOwner
        }
        let count = try connection.first(
            "SELECT count(*) FROM access WHERE kind < ?", .integer(GrantKind.firstInviteCode)
        ) { row throws(StoreError) in try row.integer(0) }
        guard count ?? 0 < limit else { throw Refused(.busy, "there are \(limit) grants already: withdraw some") }
    }

    static func write(counters: [Int64: UInt64], in connection: Connection) throws(StoreError) {
        for (id, counter) in counters {
            try connection.execute(
                "UPDATE access SET counter = max(counter, ?) WHERE id = ?", .integer(Int64(clamping: counter)),
                .integer(id))
        }
    }

    /// Lets a device's key open nothing any more, but for the word that it is an old copy's.
    ///
    /// - Returns: the row as it is now, and the ids of those that are forgotten for it.
    static func retire(
        _ entry: NodeAccess.Entry, in connection: Connection
    ) throws(StoreError) -> (entry: NodeAccess.Entry, forgotten: [Int64]) {
        let kind = GrantKind.oldCopy
        try connection.execute(
            "UPDATE prekey_pair SET reserved_for = NULL WHERE reserved_for = ?", .integer(entry.grant.id))
        try connection.execute(
            "UPDATE access SET kind = ?, device = NULL WHERE id = ?", .integer(kind.code), .integer(entry.grant.id))
        let forgotten = try connection.query(
            "SELECT id FROM access WHERE kind = ?1 AND id <> ?2 ORDER BY id DESC LIMIT -1 OFFSET ?3",
            .integer(kind.code), .integer(entry.grant.id), .integer(maxOldCopies - 1)
        ) { row throws(StoreError) in try row.integer(0) }
        for id in forgotten { try delete(id, in: connection) }
        let retired = NodeAccess.Entry(
            grant: entry.grant, initiatorKey: entry.initiatorKey, kind: kind, party: entry.party,
            counter: entry.counter)
        return (retired, forgotten)
    }

    static func delete(_ id: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute("UPDATE prekey_pair SET reserved_for = NULL WHERE reserved_for = ?", .integer(id))
        try connection.execute("DELETE FROM access WHERE id = ?", .integer(id))
    }

    /// A row as SQLite has it.
    private struct Raw {
        static let columns = "id, initiator_key, pre_shared_key, kind, device, counter, party, origin"

        let grant: AccessGrant
        let key: [UInt8]
        let kind: Int64
        let device: [UInt8]?
        let counter: Int64
        let party: Int64
        let origin: [UInt8]?

        static func read(_ row: SpeemStore.Row) throws(StoreError) -> Raw {
            Raw(
                grant: AccessGrant(id: try row.integer(0), preSharedKey: try row.secret(2)), key: try row.blob(1),
                kind: try row.integer(3), device: try row.optionalBlob(4), counter: try row.integer(5),
                party: try row.integer(6), origin: try row.optionalBlob(7))
        }

        var row: AccessRows.Row {
            get throws {
                AccessRows.Row(
                    entry: NodeAccess.Entry(
                        grant: grant, initiatorKey: key, kind: try GrantKind(code: kind, device: device),
                        party: party, counter: UInt64(clamping: counter)),
                    origin: origin)
            }
        }
    }
}
