public import SpeemStore

/// The tables of the outbox, in the node's store.
public enum OutboxSchema {
    /// Makes the tables; the node numbers this among its migrations.
    public static func create(_ connection: Connection) throws(StoreError) {
        for statement in statements { try connection.execute(statement) }
    }

    private static let statements = [
        // Where a route leads, and with which key. place: nodes of one route are tried from the lowest. counter: reserved up
        // to and including this one. discovery_key: what the node is recognised by on the same network.
        """
        CREATE TABLE route (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            route BLOB NOT NULL,
            node_key BLOB NOT NULL,
            addresses TEXT NOT NULL,
            discovery_key BLOB,
            initiator_secret BLOB NOT NULL,
            pre_shared_key BLOB NOT NULL,
            place INTEGER NOT NULL,
            counter INTEGER NOT NULL DEFAULT 0,
            UNIQUE (route, node_key)
        ) STRICT
        """,
        // device: who put it there and is told. next_try: once it is over, when it was.
        """
        CREATE TABLE outbox (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            item BLOB NOT NULL UNIQUE,
            device BLOB NOT NULL,
            route BLOB NOT NULL,
            content BLOB NOT NULL,
            size INTEGER NOT NULL,
            made_running INTEGER NOT NULL,
            made_wall INTEGER,
            lifetime INTEGER NOT NULL,
            state INTEGER NOT NULL,
            trouble INTEGER,
            trouble_since INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            next_try INTEGER NOT NULL
        ) STRICT
        """,
        // While an item waits. Apart from what changes with every try: SQLite writes a whole row anew when a number in it gets
        // longer, and a route's rows change together, so all bodies of a long queue would go through memory and log at once.
        """
        CREATE TABLE outbox_body (
            outbox INTEGER PRIMARY KEY REFERENCES outbox (id) ON DELETE CASCADE,
            content BLOB NOT NULL
        ) STRICT
        """,
        "CREATE INDEX outbox_route ON outbox (route, id) WHERE state = 1",
        "CREATE INDEX outbox_due ON outbox (next_try, route) WHERE state = 1",
        "CREATE INDEX outbox_over ON outbox (device, id) WHERE state > 1",
        // state: 1 waiting, 2 stored, 3 refused.
        """
        CREATE TABLE outbox_target (
            outbox INTEGER NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
            place INTEGER NOT NULL,
            mailbox BLOB NOT NULL,
            envelope_id BLOB NOT NULL,
            header BLOB NOT NULL,
            state INTEGER NOT NULL,
            refusal INTEGER,
            detail TEXT,
            PRIMARY KEY (outbox, place)
        ) STRICT, WITHOUT ROWID
        """,
    ]
}
