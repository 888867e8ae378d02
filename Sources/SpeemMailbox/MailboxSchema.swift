public import SpeemStore

/// The tables of the mailboxes, in the node's store.
public enum MailboxSchema {
    /// Makes the tables; the node numbers this among its migrations.
    public static func create(_ connection: Connection) throws(StoreError) {
        try connection.execute(
            """
            CREATE TABLE mailbox (
                id INTEGER PRIMARY KEY,
                device BLOB NOT NULL UNIQUE
            ) STRICT
            """)
        // AUTOINCREMENT: a sequence number is never used again, even after the newest envelope was deleted.
        try connection.execute(
            """
            CREATE TABLE envelope (
                sequence INTEGER PRIMARY KEY AUTOINCREMENT,
                mailbox INTEGER NOT NULL,
                grant_id INTEGER NOT NULL,
                own INTEGER NOT NULL,
                id BLOB NOT NULL,
                header BLOB NOT NULL,
                body BLOB NOT NULL,
                made_running INTEGER NOT NULL,
                made_wall INTEGER
            ) STRICT
            """)
        try connection.execute("CREATE INDEX envelope_mailbox ON envelope (mailbox, sequence)")
        // The memory of deposits: `sequence` names the envelope while it is there, and is null once it was deleted.
        try connection.execute(
            """
            CREATE TABLE deposit (
                grant_id INTEGER NOT NULL,
                key BLOB NOT NULL,
                content BLOB NOT NULL,
                sequence INTEGER,
                deleted_running INTEGER,
                PRIMARY KEY (grant_id, key)
            ) STRICT, WITHOUT ROWID
            """)
        try connection.execute(
            "CREATE INDEX deposit_tombstone ON deposit (grant_id, deleted_running) WHERE sequence IS NULL")
        // Bytes in use, so that a quota costs no scan: one row a grant, and grant 0 for all own devices together.
        try connection.execute(
            "CREATE TABLE usage (grant_id INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, tombstones INTEGER NOT NULL) STRICT"
        )
    }
}
