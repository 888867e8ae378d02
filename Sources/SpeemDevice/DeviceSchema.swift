import SpeemStore

/// The tables of a device's store.
enum DeviceSchema {
    static let migrations = [
        Migration(number: 1, name: "device, roster, contacts, sessions, messages") { connection in
            for sql in tables { try connection.execute(sql) }
        }
    ]

    private static let tables = [
        // prekey_epoch: of the newest prekeys. prekey_number: the highest that a prekey was given. prekey_uploaded: the
        // epoch of the signed prekey that the node is known to have.
        """
        CREATE TABLE device (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            signing BLOB NOT NULL, identity BLOB NOT NULL, seal BLOB NOT NULL, noise BLOB NOT NULL,
            account BLOB NOT NULL,
            name TEXT NOT NULL,
            prekey_epoch INTEGER NOT NULL DEFAULT 0,
            prekey_number INTEGER NOT NULL DEFAULT 0,
            prekey_uploaded INTEGER NOT NULL DEFAULT 0,
            rejected INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """,
        "CREATE TABLE roster_entry (sequence INTEGER PRIMARY KEY, encoded BLOB NOT NULL) STRICT",
        // What opens connections to one node: addresses in lines. counter: reserved up to and including this one.
        // one_time: an invite's key, which others may hold, too.
        """
        CREATE TABLE initiator (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            key BLOB NOT NULL, pre_shared_key BLOB NOT NULL,
            node_key BLOB NOT NULL, addresses TEXT NOT NULL,
            counter INTEGER NOT NULL DEFAULT 0,
            one_time INTEGER NOT NULL
        ) STRICT
        """,
        // claim_secret: set until the node has confirmed the claim. claim_sent: it may have been asked, and granted.
        """
        CREATE TABLE own_node (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            initiator INTEGER NOT NULL REFERENCES initiator (id),
            one_time INTEGER REFERENCES initiator (id),
            claim_secret BLOB,
            claim_sent INTEGER NOT NULL DEFAULT 0,
            node_epoch BLOB,
            commit_number INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """,
        // redeem_secret: of the reciprocal invite, until it is redeemed; redeem_one_time: its key; redeem_key: the
        // permanent one that it is redeemed for. renew: our next message begins a new session. problem: why nothing can
        // be brought to the contact any more.
        """
        CREATE TABLE contact (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            account BLOB NOT NULL UNIQUE,
            name TEXT NOT NULL UNIQUE,
            name_is_given INTEGER NOT NULL,
            state INTEGER NOT NULL,
            verified INTEGER NOT NULL DEFAULT 0,
            initiator INTEGER NOT NULL REFERENCES initiator (id),
            redeem_secret BLOB,
            redeem_one_time INTEGER REFERENCES initiator (id),
            redeem_key INTEGER REFERENCES initiator (id),
            renew INTEGER NOT NULL DEFAULT 0,
            problem TEXT
        ) STRICT
        """,
        """
        CREATE TABLE contact_roster (
            contact INTEGER NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
            sequence INTEGER NOT NULL, encoded BLOB NOT NULL,
            PRIMARY KEY (contact, sequence)
        ) STRICT, WITHOUT ROWID
        """,
        // used: counts up with every message, so that the session that was used last is found.
        """
        CREATE TABLE session (
            id BLOB PRIMARY KEY,
            contact INTEGER NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
            device BLOB NOT NULL,
            encoded BLOB NOT NULL,
            used INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        // outgoing: 1 for a message that was sent. state: MessageState. sent_ms: the sender's clock.
        """
        CREATE TABLE message (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            contact INTEGER NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
            message_id BLOB NOT NULL,
            outgoing INTEGER NOT NULL,
            text TEXT NOT NULL,
            sent_ms INTEGER NOT NULL,
            state INTEGER NOT NULL,
            UNIQUE (contact, outgoing, message_id)
        ) STRICT
        """,
        // An envelope for one device of a contact. stored: the far node has it. failure: why it was given up; then header
        // and body are empty.
        """
        CREATE TABLE outgoing (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            contact INTEGER NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
            device BLOB NOT NULL,
            message_id BLOB NOT NULL,
            keep_until_delivered INTEGER NOT NULL,
            envelope_id BLOB NOT NULL, header BLOB NOT NULL, body BLOB NOT NULL,
            stored INTEGER NOT NULL DEFAULT 0,
            failure TEXT
        ) STRICT
        """,
        "CREATE INDEX outgoing_waiting ON outgoing (contact, stored, id)",
        "CREATE INDEX outgoing_message ON outgoing (message_id)",
        // made: Unix seconds. signed_epoch, signed_number: the signed prekey of a message that begins a session.
        """
        CREATE TABLE seen_envelope (
            hash BLOB PRIMARY KEY, made INTEGER NOT NULL, signed_epoch INTEGER, signed_number INTEGER
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX seen_envelope_made ON seen_envelope (made)",
        // kind: PrekeyStore.Kind. made: Unix seconds; replaced: since when the node has it no more.
        """
        CREATE TABLE prekey (
            epoch INTEGER NOT NULL, number INTEGER NOT NULL, kind INTEGER NOT NULL,
            secret BLOB NOT NULL, made INTEGER NOT NULL, replaced INTEGER,
            PRIMARY KEY (epoch, number, kind)
        ) STRICT, WITHOUT ROWID
        """,
        // own: 1 for an invite that the person made, 0 for one offered in return inside a contact request.
        """
        CREATE TABLE invite (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            secret BLOB NOT NULL UNIQUE,
            own INTEGER NOT NULL,
            expires INTEGER NOT NULL,
            registered INTEGER NOT NULL DEFAULT 0,
            used INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """,
        // An accepted invite whose answer has not come: what is repeated is the same, byte for byte.
        """
        CREATE TABLE pending_accept (
            secret BLOB PRIMARY KEY,
            account BLOB NOT NULL, head BLOB NOT NULL,
            name TEXT,
            initiator INTEGER NOT NULL REFERENCES initiator (id),
            one_time INTEGER NOT NULL REFERENCES initiator (id),
            reciprocal BLOB NOT NULL,
            contact INTEGER,
            device BLOB, envelope_id BLOB, header BLOB, body BLOB
        ) STRICT, WITHOUT ROWID
        """,
    ]
}
