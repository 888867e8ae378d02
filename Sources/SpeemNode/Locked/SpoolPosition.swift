import SpeemSpool
import SpeemStore

/// How far the spool was replayed into the mailboxes: a row of the store, changed in the transactions that replay it.
struct SpoolPosition: Sendable, Equatable {
    static let linkLength = SpoolFormat.hashLength

    /// The last file that was replayed to its end.
    struct Last: Sendable, Equatable {
        /// 0 before the first one.
        var number: UInt64
        /// Its hash, 32 bytes: what the next one links to.
        var link: [UInt8]
    }

    var last: Last
    /// A file of which a part was replayed, and how many records.
    var partial: (number: UInt64, records: UInt64)

    static func == (left: SpoolPosition, right: SpoolPosition) -> Bool {
        left.last == right.last && left.partial == right.partial
    }

    static func createTable(_ connection: Connection) throws(StoreError) {
        try connection.execute(
            """
            CREATE TABLE spool (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                last_number INTEGER NOT NULL, last_link BLOB NOT NULL,
                partial_number INTEGER NOT NULL, partial_records INTEGER NOT NULL
            ) STRICT
            """)
        try connection.execute("INSERT INTO spool VALUES (1, 0, ?, 0, 0)", .blob(SpoolFormat.noLink))
    }

    static func read(in connection: Connection) throws -> SpoolPosition {
        let row = try connection.first(
            "SELECT last_number, last_link, partial_number, partial_records FROM spool"
        ) { row throws(StoreError) in
            SpoolPosition(
                last: Last(number: UInt64(clamping: try row.integer(0)), link: try row.blob(1)),
                partial: (UInt64(clamping: try row.integer(2)), UInt64(clamping: try row.integer(3))))
        }
        guard let row, row.last.link.count == linkLength else {
            throw NodeError.inconsistentStore("the row of the spool is missing or damaged")
        }
        return row
    }

    static func replayed(_ records: UInt64, of number: UInt64, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE spool SET partial_number = ?, partial_records = ?", .integer(Int64(clamping: number)),
            .integer(Int64(clamping: records)))
    }

    static func finished(_ last: Last, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE spool SET last_number = max(last_number, ?), last_link = ?, partial_number = 0, partial_records = 0",
            .integer(Int64(clamping: last.number)), .blob(last.link))
    }
}
