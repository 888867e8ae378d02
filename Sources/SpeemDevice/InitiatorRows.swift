import SpeemCrypto
import SpeemIdentity
import SpeemStore
import SpeemTransport

/// What opens connections to one node for one purpose.
struct Initiator: Sendable {
    let id: Int64
    let credentials: NodeCredentials
    let addresses: [String]
}

/// Initiator keys in the store, each with the counter that its handshakes count with.
enum InitiatorRows {
    /// Counters that are reserved with one write: a crash skips the rest of them, and never repeats one.
    static let block: Int64 = 1024

    /// The key of a relationship, used by this device alone.
    static func insert(
        key: X25519.PrivateKey, preSharedKey: SecretBytes, node: NodeEntry, in connection: Connection
    ) throws(StoreError) -> Int64 {
        try insert(key: key, preSharedKey: preSharedKey, node: node, isOneTime: false, in: connection)
    }

    /// The key that an invite's secret derives.
    static func insertOneTime(
        _ keys: InviteKeys, node: NodeEntry, in connection: Connection
    ) throws(StoreError) -> Int64 {
        try insert(
            key: keys.initiatorKey, preSharedKey: keys.preSharedKey, node: node, isOneTime: true, in: connection)
    }

    private static func insert(
        key: X25519.PrivateKey, preSharedKey: SecretBytes, node: NodeEntry, isOneTime: Bool,
        in connection: Connection
    ) throws(StoreError) -> Int64 {
        try connection.execute(
            "INSERT INTO initiator (key, pre_shared_key, node_key, addresses, one_time) VALUES (?, ?, ?, ?, ?)",
            .secret(key.secret), .secret(preSharedKey), .blob(node.noise.bytes),
            .text(node.addresses.joined(separator: "\n")), .flag(isOneTime))
        return connection.lastInsertRowID
    }

    static func find(_ id: Int64, in connection: Connection) throws -> Initiator? {
        let row = try connection.first(
            "SELECT key, pre_shared_key, node_key, addresses FROM initiator WHERE id = ?", .integer(id)
        ) { row throws(StoreError) in
            (
                key: try row.secret(0), psk: try row.secret(1), node: try row.blob(2), addresses: try row.text(3)
            )
        }
        guard let row else { return nil }
        return Initiator(
            id: id,
            credentials: try DeviceError.stored("a node's key") {
                NodeCredentials(
                    initiatorKey: try X25519.PrivateKey(row.key), preSharedKey: row.psk,
                    nodeKey: try X25519.PublicKey(row.node))
            },
            addresses: row.addresses.split(separator: "\n").map(String.init))
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
            """, .integer(id))
    }

    /// Reserves a block and returns its first counter.
    ///
    /// Several people may hold an invite, and its node only answers counters above all that it has seen: for one-time
    /// keys they come from the clock (`now`, Unix milliseconds), so that whoever comes later is told "used".
    static func reserve(_ id: Int64, now: Int64, in connection: Connection) throws(StoreError) -> Int64 {
        try connection.execute(
            "UPDATE initiator SET counter = max(counter, ?3 * one_time) + ?1 WHERE id = ?2", .integer(block),
            .integer(id), .integer(max(now, 0)))
        let reserved =
            try connection.first("SELECT counter FROM initiator WHERE id = ?", .integer(id)) {
                row throws(StoreError) in try row.integer(0)
            } ?? block
        return reserved - block + 1
    }
}
