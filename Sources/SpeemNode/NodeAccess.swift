import SpeemCrypto
import SpeemIdentity
import SpeemStore
import SpeemTransport
import Synchronization

/// The access table in memory: what the handshake asks. The store holds the same rows.
final class NodeAccess: AccessTable {
    struct Entry: Sendable {
        let grant: AccessGrant
        let initiatorKey: [UInt8]
        let kind: GrantKind
        var counter: UInt64
    }

    private struct Table {
        var byKey: [[UInt8]: Entry] = [:]
        var keys: [Int64: [UInt8]] = [:]
        /// Counters that the store does not have yet.
        var dirty: Set<Int64> = []
        var contacts: Int64 = 0
    }

    private let table = Mutex(Table())

    func grant(for initiatorKey: X25519.PublicKey) -> AccessGrant? {
        table.withLock { $0.byKey[initiatorKey.bytes]?.grant }
    }

    func admit(_ grant: AccessGrant, counter: UInt64) -> Bool {
        table.withLock { table in
            guard let key = table.keys[grant.id], var entry = table.byKey[key], counter > entry.counter,
                counter <= UInt64(Int64.max)
            else { return false }
            entry.counter = counter
            table.byKey[key] = entry
            table.dirty.insert(grant.id)
            return true
        }
    }

    func kind(of grant: AccessGrant) -> GrantKind? {
        table.withLock { table in table.keys[grant.id].flatMap { table.byKey[$0]?.kind } }
    }

    /// The row of an initiator key.
    func entry(for initiatorKey: [UInt8]) -> Entry? { table.withLock { $0.byKey[initiatorKey] } }

    /// How many contacts have a grant: each has an equal share of the mailboxes.
    var contacts: Int64 { table.withLock { $0.contacts } }

    /// A hash over all grants but those of invites: nodes with the same digest have the same grants.
    var digest: [UInt8] {
        let keys = table.withLock { table in
            table.byKey.values.filter { entry in
                if case .invite = entry.kind { false } else { true }
            }.map(\.initiatorKey)
        }
        return BLAKE2b.hash(
            domain: DomainSeparator("grants"), keys.sorted { $0.lexicographicallyPrecedes($1) }.flatMap { $0 })
    }

    // MARK: Following the store

    /// Takes over committed rows.
    func insert(_ entries: [Entry]) {
        table.withLock { table in
            for entry in entries {
                table.byKey[entry.initiatorKey] = entry
                table.keys[entry.grant.id] = entry.initiatorKey
            }
            Self.recount(&table)
        }
    }

    /// Forgets rows whose deletion is committed.
    func remove(_ ids: [Int64]) {
        table.withLock { table in
            for id in ids {
                if let key = table.keys.removeValue(forKey: id) { table.byKey[key] = nil }
                table.dirty.remove(id)
            }
            Self.recount(&table)
        }
    }

    private static func recount(_ table: inout Table) {
        table.contacts = Int64(table.byKey.values.count { $0.kind == .contact })
    }

    /// The counters that were seen since they were last written.
    ///
    /// When the transaction that writes them fails they are written with a later one: a crash in between only lets
    /// recorded first messages be answered again, which spends nothing.
    var dirtyCounters: [Int64: UInt64] {
        table.withLock { table in
            var counters: [Int64: UInt64] = [:]
            for id in table.dirty {
                guard let key = table.keys[id], let entry = table.byKey[key] else { continue }
                counters[id] = entry.counter
            }
            return counters
        }
    }

    /// After a commit that wrote `counters`; one that has grown since is still to be written.
    func countersWritten(_ counters: [Int64: UInt64]) {
        table.withLock { table in
            for (id, counter) in counters {
                guard let key = table.keys[id], table.byKey[key]?.counter == counter else { continue }
                table.dirty.remove(id)
            }
        }
    }
}

/// The access table in the store.
enum AccessRows {
    static func all(in connection: Connection) throws -> [NodeAccess.Entry] {
        let rows = try connection.query(
            "SELECT id, initiator_key, pre_shared_key, kind, device, counter FROM access"
        ) { row throws(StoreError) in
            (
                id: try row.integer(0), key: try row.blob(1), psk: try row.secret(2), kind: try row.integer(3),
                device: try row.optionalBlob(4), counter: try row.integer(5)
            )
        }
        return try rows.map { row in
            NodeAccess.Entry(
                grant: AccessGrant(id: row.id, preSharedKey: row.psk), initiatorKey: row.key,
                kind: try GrantKind(code: row.kind, device: row.device), counter: UInt64(clamping: row.counter))
        }
    }

    /// Adds a row; the key must be new.
    static func insert(
        key: [UInt8], preSharedKey: SecretBytes, kind: GrantKind, in connection: Connection
    ) throws(StoreError) -> NodeAccess.Entry {
        let device: [UInt8]? = if case .ownDevice(let id) = kind { id.bytes } else { nil }
        try connection.execute(
            "INSERT INTO access (initiator_key, pre_shared_key, kind, device, counter) VALUES (?, ?, ?, ?, 0)",
            .blob(key), .secret(preSharedKey), .integer(kind.code), .optional(device))
        return NodeAccess.Entry(
            grant: AccessGrant(id: connection.lastInsertRowID, preSharedKey: preSharedKey), initiatorKey: key,
            kind: kind, counter: 0)
    }

    static func write(counters: [Int64: UInt64], in connection: Connection) throws(StoreError) {
        for (id, counter) in counters {
            try connection.execute(
                "UPDATE access SET counter = max(counter, ?) WHERE id = ?", .integer(Int64(clamping: counter)),
                .integer(id))
        }
    }

    static func delete(_ id: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute("UPDATE prekey_pair SET reserved_for = NULL WHERE reserved_for = ?", .integer(id))
        try connection.execute("DELETE FROM access WHERE id = ?", .integer(id))
    }

    static func exists(key: [UInt8], in connection: Connection) throws(StoreError) -> Bool {
        try connection.first("SELECT 1 FROM access WHERE initiator_key = ?", .blob(key)) { row throws(StoreError) in
            try row.integer(0)
        } != nil
    }
}
