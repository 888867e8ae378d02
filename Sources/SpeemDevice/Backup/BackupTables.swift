import SpeemStore

/// Which tables a backup has, and in which order: rows that others refer to come first.
///
/// What is not here a restored device has no use for: claims, nodes that were waited for, links and invites that were being
/// accepted (they are begun anew),
/// what is being exchanged with other own devices, counters of those who connect to the device, and envelopes that were seen
/// (only its old keys open them).
enum BackupTables {
    /// All that does not grow with the history: read at once.
    static let state: [(name: String, select: String)] = [
        ("initiator", "SELECT * FROM initiator"),
        ("device", "SELECT * FROM device"),
        ("own_node", "SELECT * FROM own_node"),
        ("node_grant", "SELECT * FROM node_grant"),
        ("node_grant_revoked", "SELECT * FROM node_grant_revoked"),
        ("contact", "SELECT * FROM contact"),
        ("contact_roster", "SELECT * FROM contact_roster"),
        ("route_node", "SELECT * FROM route_node"),
        ("contact_key", "SELECT * FROM contact_key"),
        ("sponsored", "SELECT * FROM sponsored"),
        ("session", "SELECT * FROM session"),
        ("early_mark", "SELECT * FROM early_mark"),
        ("removed_route", "SELECT * FROM removed_route"),
        ("worked_address", "SELECT * FROM worked_address"),
        ("register", "SELECT * FROM register"),
        ("notice", "SELECT * FROM notice"),
        ("own_device", "SELECT * FROM own_device"),
        ("prekey", "SELECT * FROM prekey"),
        ("invite", "SELECT * FROM invite"),
    ]

    /// Read page by page, up to the highest number at the cut. ?1: the last one that was read, ?2: the highest, ?3: `page`, so
    /// many rows that of the longest ones a few MiB are held.
    static let history: [(name: String, select: String, highest: String, page: Int64)] = [
        (
            "message", "SELECT * FROM message WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
            "SELECT coalesce(max(id), 0) FROM message", 128
        ),
        (
            "outgoing_body", "SELECT * FROM outgoing_body WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
            "SELECT coalesce(max(id), 0) FROM outgoing_body", 32
        ),
    ]

    /// Envelopes on their way, without what was sealed: a restored device seals them anew, under new ids.
    static let outgoing = (
        name: "outgoing",
        columns: [
            "id", "contact", "device", "message_id", "keep_until_delivered", "envelope_id", "body", "failure",
            "trouble",
            "trouble_ms",
        ],
        select: """
        SELECT id, contact, device, message_id, keep_until_delivered, randomblob(32), body, failure, trouble,
            trouble_ms FROM outgoing
        """
    )

    /// Those that are not in a backup; the roster stands in records of its own.
    static let left: Set<String> = [
        "roster_entry", "restore", "restored_device", "claim", "link", "link_request", "pending_accept", "history",
        "history_want", "history_give", "provision", "direct_counter", "early_envelope", "seen_envelope",
    ]

    static let names = Set(state.map(\.name) + history.map(\.name) + [outgoing.name])

    /// The columns of a table, in the order of `SELECT *`.
    static func columns(of table: String, in connection: Connection) throws(StoreError) -> [String] {
        try connection.query("SELECT name FROM pragma_table_info(?) ORDER BY cid", .text(table)) {
            row throws(StoreError) in try row.text(0)
        }
    }
}
