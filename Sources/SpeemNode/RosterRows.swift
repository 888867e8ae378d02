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

    static func insert(_ entry: RosterEntry, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "INSERT INTO roster_entry (sequence, encoded) VALUES (?, ?)",
            .integer(Int64(clamping: entry.sequence)), .blob(entry.encoded))
    }
}
