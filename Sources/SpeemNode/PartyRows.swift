import SpeemMailbox
import SpeemStore

/// Who deposits: the owner, or a contact with all its devices and routes, who share one part of the quota.
enum PartyRows {
    /// The owner's row, made with the schema.
    static let owner: Int64 = 1
    /// Bytes of a name.
    static let nameLength = 16

    /// The row of a name; makes it.
    static func id(of name: [UInt8], in connection: Connection) throws(StoreError) -> Int64 {
        try connection.execute("INSERT INTO party (name) VALUES (?) ON CONFLICT DO NOTHING", .blob(name))
        let id = try connection.first("SELECT id FROM party WHERE name = ?", .blob(name)) { row throws(StoreError) in
            try row.integer(0)
        }
        guard let id else { preconditionFailure("the row was made above") }
        return id
    }

    static func names(in connection: Connection) throws(StoreError) -> [Int64: [UInt8]] {
        let rows = try connection.query("SELECT id, name FROM party") { row throws(StoreError) in
            (try row.integer(0), try row.blob(1))
        }
        return Dictionary(rows) { first, _ in first }
    }

    /// Deletes contacts that have no grant and no invite, and of whom nothing is kept.
    static func clean(_ mailboxes: Mailboxes, in connection: Connection) throws(StoreError) {
        let idle = try connection.query(
            "SELECT id FROM party WHERE id <> ? AND NOT EXISTS (SELECT 1 FROM access WHERE party = party.id)",
            .integer(owner)
        ) { row throws(StoreError) in try row.integer(0) }
        for party in idle where try mailboxes.isUnknown(party: party, in: connection) {
            try connection.execute("DELETE FROM party WHERE id = ?", .integer(party))
        }
    }
}
