import SpeemMailbox
import SpeemStore

/// The tables of a node's store.
enum NodeSchema {
    static let migrations = [
        Migration(number: 1, name: "node, roster, grants, invites, prekeys, mailboxes") { connection in
            // account: NULL until the node is claimed. running: seconds over all starts.
            try connection.execute(
                """
                CREATE TABLE node (
                    id INTEGER PRIMARY KEY CHECK (id = 1),
                    noise_key BLOB NOT NULL,
                    epoch BLOB NOT NULL,
                    account BLOB,
                    running INTEGER NOT NULL
                ) STRICT
                """)
            try connection.execute(
                "CREATE TABLE roster_entry (sequence INTEGER PRIMARY KEY, encoded BLOB NOT NULL) STRICT")
            // kind: GrantKind.Code. device: whose, for an own device. counter: the highest that was seen.
            try connection.execute(
                """
                CREATE TABLE access (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    initiator_key BLOB NOT NULL UNIQUE,
                    pre_shared_key BLOB NOT NULL,
                    kind INTEGER NOT NULL,
                    device BLOB,
                    counter INTEGER NOT NULL
                ) STRICT
                """)
            // deadline: Unix seconds, 0 for none. spent_by: the permanent key that redeemed it.
            try connection.execute(
                """
                CREATE TABLE invite (
                    access_id INTEGER PRIMARY KEY REFERENCES access (id) ON DELETE CASCADE,
                    grant_pre_shared_key BLOB NOT NULL,
                    made_running INTEGER NOT NULL,
                    lifetime INTEGER NOT NULL,
                    deadline INTEGER NOT NULL,
                    spent_by BLOB,
                    spent_running INTEGER
                ) STRICT
                """)
            try connection.execute(
                """
                CREATE TABLE device_prekeys (
                    device BLOB PRIMARY KEY,
                    signed_prekey BLOB NOT NULL,
                    last_resort BLOB NOT NULL
                ) STRICT, WITHOUT ROWID
                """)
            // reserved_for: the grant that alone may take the pair.
            try connection.execute(
                """
                CREATE TABLE prekey_pair (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    device BLOB NOT NULL,
                    one_time_prekey BLOB NOT NULL,
                    kem_prekey BLOB NOT NULL,
                    reserved_for INTEGER
                ) STRICT
                """)
            try connection.execute("CREATE INDEX prekey_pair_place ON prekey_pair (device, reserved_for, id)")
            try MailboxSchema.create(connection)
            try OutboxSchema.create(connection)
        }
    ]
}
