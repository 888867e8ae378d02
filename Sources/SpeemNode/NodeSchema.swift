import SpeemMailbox
import SpeemStore

/// The tables of a node's store.
enum NodeSchema {
    static let migrations = [
        Migration(number: 1, name: "node, roster, grants, invites, prekeys, mailboxes") { connection in
            // account: NULL until the node is claimed. running: seconds over all starts. discovery_key: what it is
            // recognised by on its network; NULL until a device has told.
            try connection.execute(
                """
                CREATE TABLE node (
                    id INTEGER PRIMARY KEY CHECK (id = 1),
                    noise_key BLOB NOT NULL,
                    epoch BLOB NOT NULL,
                    account BLOB,
                    running INTEGER NOT NULL,
                    discovery_key BLOB
                ) STRICT
                """)
            // What a file has promised this node to, until a device of that account has come. node_key: the static key that it
            // answers to meanwhile, beside its own. access_id: what opens it; the row may have expired and be gone.
            try connection.execute(
                """
                CREATE TABLE provision (
                    id INTEGER PRIMARY KEY CHECK (id = 1),
                    account BLOB NOT NULL,
                    node_key BLOB NOT NULL,
                    discovery_key BLOB NOT NULL,
                    access_id INTEGER NOT NULL
                ) STRICT
                """)
            try connection.execute(
                "CREATE TABLE roster_entry (sequence INTEGER PRIMARY KEY, encoded BLOB NOT NULL) STRICT")
            // Who deposits: the owner in row 1, and each contact. name: the same at all nodes of the owner.
            try connection.execute(
                "CREATE TABLE party (id INTEGER PRIMARY KEY AUTOINCREMENT, name BLOB NOT NULL UNIQUE) STRICT")
            try connection.execute(
                "INSERT INTO party (id, name) VALUES (?, randomblob(16))", .integer(PartyRows.owner))
            // kind: GrantKind.code. device: whose, for an own device. origin: the key that this one came from, which
            // takes it along when it is withdrawn. counter: the highest that was seen.
            try connection.execute(
                """
                CREATE TABLE access (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    initiator_key BLOB NOT NULL UNIQUE,
                    pre_shared_key BLOB NOT NULL,
                    kind INTEGER NOT NULL,
                    party INTEGER NOT NULL REFERENCES party (id),
                    device BLOB,
                    origin BLOB,
                    counter INTEGER NOT NULL
                ) STRICT
                """)
            try connection.execute("CREATE INDEX access_party ON access (party, kind)")
            try connection.execute("CREATE INDEX access_kind ON access (kind)")
            try connection.execute("CREATE INDEX access_origin ON access (origin) WHERE origin IS NOT NULL")
            // Keys that were withdrawn and are never granted again; the oldest go.
            try connection.execute(
                """
                CREATE TABLE revoked_grant (
                    id INTEGER PRIMARY KEY AUTOINCREMENT, initiator_key BLOB NOT NULL UNIQUE
                ) STRICT
                """)
            // device: who registered it, for one of the owner's. deadline: Unix seconds, 0 for none. spent_by: the permanent key that redeemed it.
            try connection.execute(
                """
                CREATE TABLE invite (
                    access_id INTEGER PRIMARY KEY REFERENCES access (id) ON DELETE CASCADE,
                    device BLOB,
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
            try SpoolPosition.createTable(connection)
            try MailboxSchema.create(connection)
            try OutboxSchema.create(connection)
        }
    ]
}
