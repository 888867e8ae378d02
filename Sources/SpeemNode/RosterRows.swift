import SpeemIdentity
import SpeemStore

/// The owner's chain in a store.
enum RosterRows {
    static func load(account: AccountPublicKey, in connection: Connection) throws -> Roster {
        let entries = try connection.query("SELECT encoded FROM roster_entry ORDER BY sequence") {
            row throws(StoreError) in try row.blob(0)
        }
        return try Roster(verifying: entries, account: account)
    }

    /// Encoded entries with a higher sequence number, oldest first: as many as fit `bytes`, at least one where there is
    /// one. Nothing is checked: they were before they were stored.
    static func encoded(
        after sequence: Int64, bytes: Int, in connection: Connection
    ) throws(StoreError) -> (entries: [[UInt8]], more: Bool) {
        var entries: [[UInt8]] = []
        var left = bytes
        var more = false
        try connection.forEach(
            "SELECT encoded FROM roster_entry WHERE sequence > ? ORDER BY sequence", .integer(sequence)
        ) { row throws(StoreError) in
            let entry = try row.blob(0)
            guard entries.isEmpty || entry.count <= left else {
                more = true
                return .stop
            }
            entries.append(entry)
            left -= entry.count
            return .next
        }
        return (entries, more)
    }

    /// The newest entry; nil before the claim.
    static func newest(in connection: Connection) throws -> RosterEntry? {
        try connection.first("SELECT encoded FROM roster_entry ORDER BY sequence DESC LIMIT 1") {
            row throws(StoreError) in try row.blob(0)
        }.map { bytes in try RosterEntry(bytes) }
    }

    /// Deletes the entries behind `sequence`: another branch takes their place.
    static func delete(after sequence: UInt64, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "DELETE FROM roster_entry WHERE sequence > ?", .integer(Int64(clamping: sequence)))
    }

    static func insert(_ entry: RosterEntry, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "INSERT INTO roster_entry (sequence, encoded) VALUES (?, ?)",
            .integer(Int64(clamping: entry.sequence)), .blob(entry.encoded))
    }
}
