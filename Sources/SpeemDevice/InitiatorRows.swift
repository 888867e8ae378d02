import SpeemCrypto
import SpeemIdentity
import SpeemStore
import SpeemTransport

/// What opens connections for one purpose: to the nodes of one account, or with an invite to one node.
struct Initiator: Sendable {
    let id: Int64
    let key: X25519.PrivateKey
    let preSharedKey: SecretBytes
    /// The node that a one-time key is for.
    let node: NodeEntry?

    func credentials(for node: NodeEntry) -> NodeCredentials {
        NodeCredentials(initiatorKey: key, preSharedKey: preSharedKey, nodeKey: node.noise)
    }
}

/// Initiator keys in the store, each with the counter that its handshakes count with.
enum InitiatorRows {
    /// Counters that are reserved with one write: a crash skips the rest of them, and never repeats one.
    static let block: Int64 = 1024

    /// The key of a relationship, used by this device alone.
    static func insert(
        key: X25519.PrivateKey, preSharedKey: SecretBytes, in connection: Connection
    ) throws(StoreError) -> Int64 {
        try insert(key, preSharedKey, node: nil, in: connection)
    }

    /// The key that an invite's secret derives.
    static func insertOneTime(
        _ keys: InviteKeys, node: NodeEntry, in connection: Connection
    ) throws(StoreError) -> Int64 {
        try insert(keys.initiatorKey, keys.preSharedKey, node: node, in: connection)
    }

    /// A key that others may hold, too, for one node.
    static func insertShared(
        _ key: X25519.PrivateKey, preSharedKey: SecretBytes, node: NodeEntry, in connection: Connection
    ) throws(StoreError) -> Int64 {
        try insert(key, preSharedKey, node: node, in: connection)
    }

    private static func insert(
        _ key: X25519.PrivateKey, _ preSharedKey: SecretBytes, node: NodeEntry?, in connection: Connection
    ) throws(StoreError) -> Int64 {
        try connection.execute(
            "INSERT INTO initiator (key, pre_shared_key, node, one_time) VALUES (?, ?, ?, ?)", .secret(key.secret),
            .secret(preSharedKey), .optional(node?.encoded), .flag(node != nil))
        return connection.lastInsertRowID
    }

    static func find(_ id: Int64, in connection: Connection) throws -> Initiator? {
        let row = try connection.first("SELECT key, pre_shared_key, node FROM initiator WHERE id = ?", .integer(id)) {
            row throws(StoreError) in
            (key: try row.secret(0), psk: try row.secret(1), node: try row.optionalBlob(2))
        }
        guard let row else { return nil }
        return try DeviceError.stored("a node's key") {
            Initiator(
                id: id, key: try X25519.PrivateKey(row.key), preSharedKey: row.psk,
                node: try row.node.map { try NodeEntry(stored: $0) })
        }
    }

    static func delete(_ id: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute("DELETE FROM initiator WHERE id = ?", .integer(id))
    }

    /// Deletes a key that no contact and no accepted invite needs.
    static func deleteUnused(_ id: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute(
            """
            DELETE FROM initiator WHERE id = ?1
                AND NOT EXISTS (SELECT 1 FROM contact WHERE initiator = ?1 OR redeem_key = ?1)
                AND NOT EXISTS (SELECT 1 FROM pending_accept WHERE initiator = ?1)
                AND NOT EXISTS (SELECT 1 FROM device WHERE own_initiator = ?1)
            """, .integer(id))
    }

    /// Goes on above all counters that a copy of this device with the same key may have used: from the clock, which runs ahead of
    /// any count of handshakes. `now` is in Unix milliseconds.
    static func skip(_ id: Int64, now: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE initiator SET counter = max(counter, ?) WHERE id = ?", .integer(now), .integer(id))
    }

    /// Reserves counters.
    ///
    /// Several people may hold an invite, and its node only answers counters above all that it has seen: for one-time
    /// keys they come from the clock (`now`, Unix milliseconds), so that whoever comes later is told "used". Of them one is
    /// reserved at a time: a block would run ahead of the clock, and of whoever begins anew within a second.
    static func reserve(
        _ id: Int64, now: Int64, in connection: Connection
    ) throws(StoreError) -> Range<Int64> {
        let known = try connection.first("SELECT counter, one_time FROM initiator WHERE id = ?", .integer(id)) {
            row throws(StoreError) in (counter: try row.integer(0), isOneTime: try row.flag(1))
        }
        guard let known else { return 1..<block + 1 }
        let first = max(known.counter, known.isOneTime ? max(now, 0) : 0) + 1
        let end = first + (known.isOneTime ? 1 : block)
        try connection.execute(
            "UPDATE initiator SET counter = ? WHERE id = ?", .integer(end - 1), .integer(id))
        return first..<end
    }
}

extension NodeEntry {
    /// An entry as the store keeps it.
    init(stored bytes: [UInt8]) throws(IdentityError) {
        var reader = ByteReader(bytes)
        try self.init(&reader)
        guard reader.remaining == 0 else { throw .malformed("a node entry") }
    }
}
