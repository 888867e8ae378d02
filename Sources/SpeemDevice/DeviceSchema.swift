import SpeemStore

/// The tables of a device's store.
enum DeviceSchema {
    static let migrations = [
        Migration(number: 1, name: "device, roster, contacts, sessions, messages") { connection in
            for sql in tables { try connection.execute(sql) }
        }
    ]

    private static let tables = [
        // prekey_epoch: of the newest prekeys. prekey_number: the highest that a prekey was given. own_initiator: opens the
        // account's own nodes. recovery_key, recovery_psk: what nodes are told of the recovery grant. stamp: the highest
        // counter of a register that was seen. grants_version: counts the changes of node_grant and node_grant_revoked.
        // linked_by: the own device that said yes to this one. old_copy: 1 once a node has said that the device was restored
        // from a backup elsewhere.
        """
        CREATE TABLE device (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            signing BLOB NOT NULL, identity BLOB NOT NULL, seal BLOB NOT NULL, noise BLOB NOT NULL,
            account BLOB NOT NULL,
            name TEXT NOT NULL,
            prekey_epoch INTEGER NOT NULL DEFAULT 0,
            prekey_number INTEGER NOT NULL DEFAULT 0,
            own_initiator INTEGER REFERENCES initiator (id),
            recovery_key BLOB, recovery_psk BLOB,
            stamp INTEGER NOT NULL DEFAULT 0,
            grants_version INTEGER NOT NULL DEFAULT 0,
            linked_by BLOB,
            rejected INTEGER NOT NULL DEFAULT 0,
            old_copy INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """,
        "CREATE TABLE roster_entry (sequence INTEGER PRIMARY KEY, encoded BLOB NOT NULL) STRICT",
        // What opens connections for one purpose. node: the entry of the only node that a one-time key is for; else the nodes
        // are in the roster of whoever owns them. counter: reserved up to and including this one. one_time: an invite's key,
        // which others may hold, too.
        """
        CREATE TABLE initiator (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            key BLOB NOT NULL, pre_shared_key BLOB NOT NULL,
            node BLOB,
            counter INTEGER NOT NULL DEFAULT 0,
            one_time INTEGER NOT NULL
        ) STRICT
        """,
        // The claim of a node that is not answered yet. sent: the node may have been asked, and have granted it. entry: the
        // number of the roster entry that lists it, when no other node has that entry yet. replaces: the entry of the node whose
        // place it takes; lost: which never comes back.
        """
        CREATE TABLE claim (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            secret BLOB NOT NULL,
            node BLOB NOT NULL,
            one_time INTEGER NOT NULL REFERENCES initiator (id),
            entry INTEGER,
            replaces BLOB, lost INTEGER NOT NULL DEFAULT 0,
            sent INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """,
        // Nodes that a file has promised to this account, and that were not found yet. node: the entry by which they are
        // recognised until then; expires: Unix seconds; replaces, lost: as in a claim, by the node's key. problem: why the last
        // attempt failed, where the node was there.
        """
        CREATE TABLE provision (
            name TEXT PRIMARY KEY,
            secret BLOB NOT NULL UNIQUE,
            node BLOB NOT NULL,
            expires INTEGER NOT NULL,
            one_time INTEGER REFERENCES initiator (id) ON DELETE SET NULL,
            replaces BLOB, lost INTEGER NOT NULL DEFAULT 0,
            problem TEXT
        ) STRICT, WITHOUT ROWID
        """,
        // What is known of the account's nodes. node: the entry, of one that is not listed any more, too: it is drained as long
        // as it answers. prekeys: the epoch of the signed prekey that it is known to have. grants: the digest of its grants when
        // they were the same as here; grants_version: of those here, then. invites_due: it has lost the invites that were made
        // at it. clock_unknown: it did not know the time when it was last asked.
        """
        CREATE TABLE own_node (
            node_key BLOB PRIMARY KEY,
            node BLOB NOT NULL,
            node_epoch BLOB,
            commit_number INTEGER NOT NULL DEFAULT 0,
            prekeys INTEGER NOT NULL DEFAULT 0,
            grants BLOB, grants_version INTEGER,
            retired INTEGER NOT NULL DEFAULT 0,
            invites_due INTEGER NOT NULL DEFAULT 0,
            clock_unknown INTEGER NOT NULL DEFAULT 0
        ) STRICT, WITHOUT ROWID
        """,
        // The account's grants as its nodes know them, and the keys that were withdrawn: carried from one node to another.
        """
        CREATE TABLE node_grant (
            initiator_key BLOB PRIMARY KEY, encoded BLOB NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE TABLE node_grant_revoked (initiator_key BLOB PRIMARY KEY) STRICT, WITHOUT ROWID",
        // is_self: the account's own other devices. redeem_secret: of the invite that was offered, until it is redeemed;
        // redeem_one_time: its key; redeem_key: the permanent one that it is redeemed for. renew: 1 when our next message begins
        // a new session, 2 when nothing goes out in the old ones. problem: why nothing can be brought to the contact any more.
        // wanted_head: a head that a message named and the known chain has not. told_roster: the newest entries in the contact's
        // own words. alarm: what is wrong with the contact's chain. route, route_key, route_psk: of the own nodes to the contact;
        // route_state: RouteState. way_asked: NULL once this device has a key at the contact's nodes; else when another own
        // device was last asked to make a way in, Unix seconds. unknown_routes: keys that the contact had withdrawn, and that nobody
        // knows here. discovery_key: what the account is recognised by on a network, with its stamp.
        """
        CREATE TABLE contact (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            account BLOB NOT NULL UNIQUE,
            name TEXT NOT NULL UNIQUE,
            state INTEGER NOT NULL,
            verified INTEGER NOT NULL DEFAULT 0,
            initiator INTEGER NOT NULL REFERENCES initiator (id),
            is_self INTEGER NOT NULL DEFAULT 0,
            redeem_secret BLOB,
            redeem_one_time INTEGER REFERENCES initiator (id),
            redeem_key INTEGER REFERENCES initiator (id),
            renew INTEGER NOT NULL DEFAULT 0,
            problem TEXT,
            wanted_head BLOB,
            told_roster BLOB,
            alarm TEXT,
            route BLOB, route_key BLOB, route_psk BLOB,
            route_state INTEGER NOT NULL DEFAULT 0,
            way_asked INTEGER,
            unknown_routes INTEGER NOT NULL DEFAULT 0,
            blocked INTEGER NOT NULL DEFAULT 0,
            texts_again INTEGER NOT NULL DEFAULT 0,
            discovery_key BLOB, discovery_counter INTEGER, discovery_device BLOB
        ) STRICT
        """,
        """
        CREATE TABLE contact_roster (
            contact INTEGER NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
            sequence INTEGER NOT NULL, encoded BLOB NOT NULL,
            PRIMARY KEY (contact, sequence)
        ) STRICT, WITHOUT ROWID
        """,
        // Own nodes whose key of a route the contact's node has taken, or (refused) will not take.
        """
        CREATE TABLE route_node (
            contact INTEGER NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
            node_key BLOB NOT NULL,
            refused INTEGER NOT NULL,
            PRIMARY KEY (contact, node_key)
        ) STRICT, WITHOUT ROWID
        """,
        // Which one-time keys at own nodes opened the way for a device of a contact: withdrawn when the device is removed.
        """
        CREATE TABLE contact_key (
            contact INTEGER NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
            device BLOB NOT NULL, one_time_key BLOB NOT NULL,
            PRIMARY KEY (contact, device, one_time_key)
        ) STRICT, WITHOUT ROWID
        """,
        // The way in at a contact's node for another own device: made by this one. state: SponsorRows.State.
        """
        CREATE TABLE sponsored (
            contact INTEGER NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
            device BLOB NOT NULL,
            secret BLOB NOT NULL,
            state INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (contact, device)
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
        // outgoing: 1 for a message that was sent, here or on another own device. state: MessageState. sent_ms: the sender's
        // clock. deleted: nothing is left of it but its id.
        """
        CREATE TABLE message (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            contact INTEGER NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
            message_id BLOB NOT NULL,
            outgoing INTEGER NOT NULL,
            text TEXT NOT NULL,
            sent_ms INTEGER NOT NULL,
            state INTEGER NOT NULL,
            deleted INTEGER NOT NULL DEFAULT 0,
            UNIQUE (contact, outgoing, message_id)
        ) STRICT
        """,
        "CREATE INDEX message_time ON message (sent_ms)",
        // What was told of a message before it came itself.
        """
        CREATE TABLE early_mark (
            message_id BLOB PRIMARY KEY,
            progress INTEGER NOT NULL, seen INTEGER NOT NULL, deleted INTEGER NOT NULL, made INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        // A body on its way, encrypted under `key`, kept once for all its envelopes.
        """
        CREATE TABLE outgoing_body (
            id INTEGER PRIMARY KEY AUTOINCREMENT, message_id BLOB NOT NULL, key BLOB NOT NULL, ciphertext BLOB NOT NULL,
            recipient INTEGER NOT NULL REFERENCES contact (id) ON DELETE CASCADE
        ) STRICT
        """,
        // An envelope for one device of a contact. header: NULL until there is a session to seal it in. state: OutgoingState.
        // item, item_place: of the outbox of the own node that has it. direct: a node did not know its mailbox or key, so this
        // device brings it itself, and nothing waits behind it. failure: why it was given up; then header and body are gone. trouble,
        // trouble_ms: what keeps it waiting, and since when.
        """
        CREATE TABLE outgoing (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            contact INTEGER NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
            device BLOB NOT NULL,
            message_id BLOB NOT NULL,
            keep_until_delivered INTEGER NOT NULL,
            envelope_id BLOB NOT NULL, header BLOB,
            body INTEGER REFERENCES outgoing_body (id),
            state INTEGER NOT NULL DEFAULT 0,
            item BLOB, item_place INTEGER, item_node BLOB,
            direct INTEGER NOT NULL DEFAULT 0,
            failure TEXT,
            trouble TEXT, trouble_ms INTEGER
        ) STRICT
        """,
        "CREATE INDEX outgoing_waiting ON outgoing (contact, state, id)",
        "CREATE INDEX outgoing_message ON outgoing (message_id)",
        "CREATE INDEX outgoing_body_use ON outgoing (body)",
        "CREATE INDEX outgoing_item ON outgoing (item) WHERE item IS NOT NULL",
        // Routes of contacts that were removed, by the own nodes that still know them.
        """
        CREATE TABLE removed_route (
            route BLOB NOT NULL, node_key BLOB NOT NULL, PRIMARY KEY (route, node_key)
        ) STRICT, WITHOUT ROWID
        """,
        // The address at which a node or device was reached last.
        """
        CREATE TABLE worked_address (static_key BLOB PRIMARY KEY, address TEXT NOT NULL) STRICT, WITHOUT ROWID
        """,
        // The highest counter that was seen of a key that opens connections to this device.
        """
        CREATE TABLE direct_counter (
            initiator_key BLOB PRIMARY KEY, counter INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        // Settings and names that own devices agree on.
        """
        CREATE TABLE register (
            key BLOB PRIMARY KEY, value BLOB NOT NULL, counter INTEGER NOT NULL, device BLOB NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        // What the person has to be told, once: about a device, whose name may come later, or in words. subject: a roster head
        // about which it is told once.
        """
        CREATE TABLE notice (
            id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, device BLOB, text TEXT NOT NULL,
            subject BLOB, shown INTEGER NOT NULL DEFAULT 0,
            UNIQUE (subject, text)
        ) STRICT
        """,
        // Devices that ask to be linked: until the person says yes or no.
        """
        CREATE TABLE link_request (
            device BLOB PRIMARY KEY,
            entry BLOB NOT NULL, initiator_key BLOB NOT NULL, name TEXT NOT NULL,
            invite INTEGER NOT NULL REFERENCES invite (id),
            answer INTEGER NOT NULL DEFAULT 0, history_since INTEGER
        ) STRICT, WITHOUT ROWID
        """,
        // This device asks to be linked: until it is listed.
        """
        CREATE TABLE link (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            secret BLOB NOT NULL, inviter_device BLOB NOT NULL, head BLOB NOT NULL,
            node BLOB NOT NULL,
            one_time INTEGER NOT NULL REFERENCES initiator (id),
            expires INTEGER NOT NULL,
            device BLOB, envelope_id BLOB, header BLOB, body BLOB
        ) STRICT
        """,
        // Other own devices: the oldest message that each may be given by this one, Unix milliseconds. compared_ms: when this one
        // last began to compare with it.
        """
        CREATE TABLE own_device (
            device BLOB PRIMARY KEY, since_ms INTEGER NOT NULL, compared_ms INTEGER
        ) STRICT, WITHOUT ROWID
        """,
        // Exchanges of messages with other own devices that this one began. total: messages of the other one. asked_ms: when the
        // last round went out or came in; 0 once nothing is left to ask for.
        """
        CREATE TABLE history (
            device BLOB PRIMARY KEY,
            session BLOB NOT NULL, since_ms INTEGER NOT NULL, total INTEGER NOT NULL DEFAULT 0,
            asked_ms INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        // What is still to be exchanged: items of the other one that this device lacks, and messages that the other one lacks.
        // asked: in the round that is not answered yet.
        """
        CREATE TABLE history_want (
            device BLOB NOT NULL REFERENCES history (device) ON DELETE CASCADE,
            item INTEGER NOT NULL, asked INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (device, item)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE history_give (
            device BLOB NOT NULL REFERENCES history (device) ON DELETE CASCADE, message INTEGER NOT NULL,
            PRIMARY KEY (device, message)
        ) STRICT, WITHOUT ROWID
        """,
        // Envelopes whose sender is not known yet: they stay on the node for a while. asked: when its account's roster was last
        // asked for.
        """
        CREATE TABLE early_envelope (
            hash BLOB PRIMARY KEY, made INTEGER NOT NULL, asked INTEGER
        ) STRICT, WITHOUT ROWID
        """,
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
        // own: 1 for an invite that the person made, 0 for one offered in return inside a contact request. kind: Invite.Kind.
        """
        CREATE TABLE invite (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            secret BLOB NOT NULL UNIQUE,
            own INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            expires INTEGER NOT NULL,
            registered INTEGER NOT NULL DEFAULT 0,
            used INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """,
        // This device is being restored from a backup, or was. phase: RestoreRows.Phase. made_ms: when the backup was made;
        // backup: a hash over it. The keys are those of the new device, until it is this one.
        """
        CREATE TABLE restore (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            phase INTEGER NOT NULL, account BLOB NOT NULL, made_ms INTEGER NOT NULL, backup BLOB NOT NULL,
            signing BLOB, identity BLOB, seal BLOB, noise BLOB,
            initiator INTEGER REFERENCES initiator (id)
        ) STRICT
        """,
        // Devices of contacts that were restored, and have been given what was sent to them since their backup, at
        // `made`, Unix seconds.
        """
        CREATE TABLE restored_device (
            contact INTEGER NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
            device BLOB NOT NULL, made INTEGER NOT NULL,
            PRIMARY KEY (contact, device)
        ) STRICT, WITHOUT ROWID
        """,
        // An accepted invite whose answer has not come: what is repeated is the same, byte for byte.
        """
        CREATE TABLE pending_accept (
            secret BLOB PRIMARY KEY,
            account BLOB NOT NULL, head BLOB NOT NULL, inviter_device BLOB NOT NULL,
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
