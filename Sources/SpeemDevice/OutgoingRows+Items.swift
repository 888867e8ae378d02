import SpeemIdentity
import SpeemProtocol
import SpeemStore

/// Envelopes that an own node brings, and those that are sent once more.
extension OutgoingRows {
    /// An own node has it in its outbox, as target number `place` of `item`.
    static func queued(
        _ envelope: OutgoingEnvelope, item: [UInt8], place: Int, at node: [UInt8], in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            """
            UPDATE outgoing SET state = 1, item = ?, item_place = ?, item_node = ?, trouble = NULL
            WHERE id = ? AND state = 0
            """, .blob(item), .integer(Int64(place)), .blob(node), .integer(envelope.id))
        try MessageRows.advance(envelope.messageID, to: .queued, in: connection)
    }

    /// The envelope that is target number `place` of an item, without its content; nil when nothing waits for that target any
    /// more: a device has confirmed it, it was given up, or it is sent anew.
    static func envelope(
        ofItem item: [UInt8], place: Int, in connection: Connection
    ) throws(StoreError) -> OutgoingEnvelope? {
        try connection.first(
            """
            SELECT id, device, message_id, envelope_id FROM outgoing
            WHERE item = ? AND item_place = ? AND state = 1 AND failure IS NULL
            """, .blob(item), .integer(Int64(place))
        ) { row throws(StoreError) in
            OutgoingEnvelope(
                id: try row.integer(0), device: try row.blob(1), messageID: try row.blob(2),
                envelopeID: try row.blob(3), header: [], body: [])
        }
    }

    /// What an own node tells of an envelope in its outbox.
    static func reported(
        _ envelope: OutgoingEnvelope, trouble: String?, since milliseconds: Int64, in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            "UPDATE outgoing SET trouble = ?, trouble_ms = ? WHERE id = ? AND state = 1",
            trouble.map { .text($0) } ?? .null, .integer(milliseconds), .integer(envelope.id))
    }

    /// A node has refused it for now.
    static func held(
        _ envelope: OutgoingEnvelope, trouble: String, now milliseconds: Int64, in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            """
            UPDATE outgoing SET trouble_ms = CASE WHEN trouble IS ?1 THEN trouble_ms ELSE ?2 END, trouble = ?1
            WHERE id = ?3
            """, .text(trouble), .integer(milliseconds), .integer(envelope.id))
    }

    /// A node of the contact does not know the mailbox of a device that the contact lists, or not yet, or the own node's key:
    /// this device tries on by itself, and what is for others does not wait behind it.
    static func goesDirect(
        _ envelope: OutgoingEnvelope, trouble: String, now milliseconds: Int64, in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            """
            UPDATE outgoing SET state = 0, item = NULL, item_node = NULL, direct = 1,
                trouble_ms = CASE WHEN trouble IS ?1 THEN trouble_ms ELSE ?2 END, trouble = ?1 WHERE id = ?3
            """, .text(trouble), .integer(milliseconds), .integer(envelope.id))
    }

    /// A node has said no: for good, or only because it does not know a listed device's mailbox.
    ///
    /// - Returns: false when it is tried on.
    @discardableResult
    static func refused(
        _ envelope: OutgoingEnvelope, _ error: RefusalError, now milliseconds: Int64, in connection: Connection
    ) throws -> Bool {
        guard error.code == .unknownMailbox, try isListed(envelope, in: connection) else {
            try failed(envelope, reason: error.description, in: connection)
            return true
        }
        try goesDirect(
            envelope, trouble: "the contact's node does not know this device of the contact", now: milliseconds,
            in: connection)
        try lookForRoster(of: envelope, in: connection)
        return false
    }

    /// Whether the recipient's roster, as it is known here, lists the device.
    private static func isListed(_ envelope: OutgoingEnvelope, in connection: Connection) throws -> Bool {
        guard let contact = try contact(of: envelope, in: connection) else { return false }
        let devices = try ContactRows.roster(of: contact, in: connection).devices
        return devices.contains { $0.id.bytes == envelope.device }
    }

    /// The recipient's chain is fetched with the next visit.
    static func lookForRoster(of envelope: OutgoingEnvelope, in connection: Connection) throws {
        guard let contact = try contact(of: envelope, in: connection), contact.wantedHead == nil else { return }
        try ContactRows.want(ContactRows.roster(of: contact, in: connection).head, of: contact.id, in: connection)
    }

    private static func contact(of envelope: OutgoingEnvelope, in connection: Connection) throws -> Contact? {
        let id = try connection.first("SELECT contact FROM outgoing WHERE id = ?", .integer(envelope.id)) {
            row throws(StoreError) in try row.integer(0)
        }
        return try id.flatMap { try ContactRows.find($0, in: connection) }
    }

    /// Whether an own node has something of which it has not told yet how a first try went.
    static func isUntried(in connection: Connection) throws(StoreError) -> Bool {
        try connection.first("SELECT 1 FROM outgoing WHERE state = 1 AND failure IS NULL AND trouble IS NULL LIMIT 1") {
            row throws(StoreError) in try row.integer(0)
        } != nil
    }

    // MARK: Once more

    /// The own node may not have any more what it was to forward: it is sent again, and doubles are harmless.
    static func requeue(node: [UInt8], in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE outgoing SET state = 0, item = NULL, item_node = NULL WHERE state = 1 AND item_node = ?",
            .blob(node))
    }

    /// What nodes have that the account does not list any more: it does not wait for them to come back.
    static func requeueRetired(in connection: Connection) throws(StoreError) {
        try connection.execute(
            """
            UPDATE outgoing SET state = 0, item = NULL, item_node = NULL
            WHERE state = 1 AND item_node IN (SELECT node_key FROM own_node WHERE retired = 1)
            """)
    }

    /// Items that an own node was known to have.
    static func items(at node: [UInt8], in connection: Connection) throws(StoreError) -> Set<[UInt8]> {
        Set(
            try connection.query(
                "SELECT DISTINCT item FROM outgoing WHERE state = 1 AND item_node = ? AND item IS NOT NULL", .blob(node)
            ) { row throws(StoreError) in try row.blob(0) })
    }

    /// An own node does not have this item any more, and has not told what became of it.
    static func requeue(item: [UInt8], in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE outgoing SET state = 0, item = NULL, item_node = NULL WHERE state = 1 AND item = ?", .blob(item))
    }

    /// A node of the contact may have lost what it had stored: all that no device has confirmed is sent again.
    static func resend(contact: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE outgoing SET state = 0 WHERE contact = ? AND state = 2 AND failure IS NULL AND header IS NOT NULL",
            .integer(contact))
    }
}
