import SpeemTransport
import SpeemStore

/// Keys that were withdrawn, and withdrawing them.
enum RevokedRows {
    /// Kept at the most; the oldest go.
    static let maxCount: Int64 = 10_000

    static func contains(_ key: [UInt8], in connection: Connection) throws(StoreError) -> Bool {
        try connection.first("SELECT 1 FROM revoked_grant WHERE initiator_key = ?", .blob(key)) {
            row throws(StoreError) in try row.integer(0)
        } != nil
    }

    /// The newest, at most `count`.
    static func newest(_ count: Int, in connection: Connection) throws(StoreError) -> [[UInt8]] {
        try connection.query(
            "SELECT initiator_key FROM revoked_grant ORDER BY id DESC LIMIT ?", .integer(Int64(count))
        ) { row throws(StoreError) in try row.blob(0) }
    }

    /// All of them, in the order of the keys.
    static func keys(in connection: Connection) throws(StoreError) -> [[UInt8]] {
        try connection.query("SELECT initiator_key FROM revoked_grant ORDER BY initiator_key") {
            row throws(StoreError) in try row.blob(0)
        }
    }

    /// Withdraws a key for good, and what came from it: of an invite, the grants of those who redeemed it; of a grant,
    /// its routes and the invites that it registered and nobody has used. A key that nobody has here is remembered too,
    /// since another own node may have it.
    ///
    /// - Returns: the ids of the rows that are gone; nil, and nothing is done, for a key that is not withdrawn like that.
    static func revoke(_ key: [UInt8], in connection: Connection) throws -> [Int64]? {
        let row = try AccessRows.find(key: key, in: connection)
        if let row, !row.entry.kind.isRevocable { return nil }
        try remember(key, in: connection)
        var removed: [Int64] = []
        if let row { try delete(row, &removed, in: connection) }
        for grant in try AccessRows.from(origin: key, in: connection) where try isTakenAlong(grant, in: connection) {
            try delete(grant, &removed, in: connection)
            for child in try AccessRows.from(origin: grant.key, in: connection)
            where try isTakenAlong(child, in: connection) { try delete(child, &removed, in: connection) }
        }
        return removed
    }

    /// A spent sibling invite tells its holder "used" for a while; who redeemed it is a device of the contact in its own
    /// right.
    private static func isTakenAlong(_ row: AccessRows.Row, in connection: Connection) throws -> Bool {
        switch row.entry.kind {
        case .contact, .route: true
        case .invite: try InviteRow.find(row.entry.grant.id, in: connection)?.spentBy == nil
        case .ownDevice, .recovery, .oldCopy: false
        }
    }

    private static func delete(
        _ row: AccessRows.Row, _ removed: inout [Int64], in connection: Connection
    ) throws(StoreError) {
        try remember(row.key, in: connection)
        try AccessRows.delete(row.entry.grant.id, in: connection)
        removed.append(row.entry.grant.id)
    }

    private static func remember(_ key: [UInt8], in connection: Connection) throws(StoreError) {
        try connection.execute(
            "INSERT INTO revoked_grant (initiator_key) VALUES (?) ON CONFLICT DO NOTHING", .blob(key))
        guard connection.changes > 0 else { return }
        // Numbers are used one after the other, so the oldest are found without counting.
        try connection.execute(
            "DELETE FROM revoked_grant WHERE id <= ?", .integer(connection.lastInsertRowID - maxCount))
    }
}
