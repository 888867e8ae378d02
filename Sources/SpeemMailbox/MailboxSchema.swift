public import SpeemStore

/// The tables of the mailboxes, in the node's store.
public enum MailboxSchema {
    /// Makes the tables; the node numbers this among its migrations.
    public static func create(_ connection: Connection) throws(StoreError) {
        for statement in statements { try connection.execute(statement) }
    }

    private static let statements = [
        // device: NULL once it was removed, until the clean-up has emptied it. AUTOINCREMENT: a mailbox that is opened
        // again is a new one, and neither the envelopes nor the memory of the old one are its own.
        """
        CREATE TABLE mailbox (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            device BLOB UNIQUE,
            envelopes INTEGER NOT NULL DEFAULT 0,
            bytes INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """,
        // AUTOINCREMENT: a sequence number is never used again, even after the newest envelope was deleted.
        // made_wall: NULL when the wall clock was unknown; `synchronisation` knows better later.
        """
        CREATE TABLE envelope (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            mailbox INTEGER NOT NULL,
            party INTEGER NOT NULL,
            own INTEGER NOT NULL,
            made_running INTEGER NOT NULL,
            made_wall INTEGER,
            id BLOB NOT NULL,
            header BLOB NOT NULL,
            body INTEGER NOT NULL
        ) STRICT
        """,
        // A body is there once for all mailboxes that refer to it, and goes with the last of them.
        "CREATE TABLE body (id INTEGER PRIMARY KEY AUTOINCREMENT, content BLOB NOT NULL) STRICT",
        // In each index the sequence follows by itself: it is the rowid.
        "CREATE INDEX envelope_mailbox ON envelope (mailbox)",
        "CREATE INDEX envelope_body ON envelope (body)",
        "CREATE INDEX envelope_age ON envelope (made_running, made_wall)",
        "CREATE INDEX envelope_undated ON envelope (made_wall) WHERE made_wall IS NULL",
        // The envelopes up to `sequence` that came while the wall clock was unknown count from `wall`: one row for all
        // of them, where an update would write their bodies again.
        "CREATE TABLE synchronisation (sequence INTEGER PRIMARY KEY, wall INTEGER NOT NULL) STRICT",
        // The memory of deposits: `sequence` names the envelope while it is there, and is NULL once it was acknowledged.
        """
        CREATE TABLE deposit (
            party INTEGER NOT NULL,
            key BLOB NOT NULL,
            content BLOB NOT NULL,
            sequence INTEGER,
            deleted_running INTEGER,
            PRIMARY KEY (party, key)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX deposit_tombstone ON deposit (party, deleted_running) WHERE sequence IS NULL",
        // What is in use, so that a quota costs no scan: one row a party, and those of `Account`.
        "CREATE TABLE usage (party INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, tombstones INTEGER NOT NULL) STRICT",
    ]
}
