import SpeemCrypto
import SpeemIdentity
import SpeemSessions
import SpeemStore

/// How far an envelope has come on its way.
enum OutgoingState: Int64, Sendable {
    /// Only here.
    case waiting = 0
    /// In the outbox of an own node.
    case queued = 1
    /// A node of the recipient has it on disk.
    case stored = 2
}

/// An envelope on its way to one device of a contact, or of the account itself.
struct OutgoingEnvelope: Sendable {
    let id: Int64
    /// 16 bytes.
    let device: [UInt8]
    let messageID: [UInt8]
    let envelopeID: [UInt8]
    let header: [UInt8]
    let body: [UInt8]
}

/// Envelopes that wait for a node, or for "delivered".
enum OutgoingRows {
    // MARK: Queueing

    /// Keeps a body once for all its envelopes.
    ///
    /// - Parameter recipient: the contact that the message is for, whoever gets a copy.
    static func insert(
        _ body: MessageBody, recipient: Int64, in connection: Connection
    ) throws(StoreError) -> Int64 {
        try connection.execute(
            "INSERT INTO outgoing_body (message_id, key, ciphertext, recipient) VALUES (?, ?, ?, ?)",
            .blob(body.id.bytes), .secret(body.key), .blob(body.ciphertext), .integer(recipient))
        return connection.lastInsertRowID
    }

    /// - Parameter header: nil until there is a session to seal it in.
    static func insert(
        contact: Int64, device: DeviceID, message: MessageID, keepUntilDelivered: Bool, envelopeID: [UInt8],
        header: [UInt8]?, body: Int64, in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            """
            INSERT INTO outgoing (contact, device, message_id, keep_until_delivered, envelope_id, header, body)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """, .integer(contact), .blob(device.bytes), .blob(message.bytes), .flag(keepUntilDelivered),
            .blob(envelopeID), .optional(header), .integer(body))
    }

    /// An envelope that waits for a session.
    struct Unsealed: Sendable {
        let id: Int64
        let body: MessageBody
        /// The contact that the message is for.
        let recipient: Int64
    }

    static func unsealed(
        contact: Int64, device: DeviceID, in connection: Connection
    ) throws -> [Unsealed] {
        let rows = try connection.query(
            """
            SELECT outgoing.id, outgoing_body.message_id, key, ciphertext, recipient
            FROM outgoing JOIN outgoing_body ON outgoing_body.id = outgoing.body
            WHERE contact = ? AND device = ? AND header IS NULL ORDER BY outgoing.id
            """, .integer(contact), .blob(device.bytes)
        ) { row throws(StoreError) in
            (
                id: try row.integer(0), message: try row.blob(1), key: try row.secret(2), text: try row.blob(3),
                recipient: try row.integer(4)
            )
        }
        return try rows.map { row in
            let body = try DeviceError.stored("a body") {
                try MessageBody(id: MessageID(row.message), ciphertext: row.text, key: row.key)
            }
            return Unsealed(id: row.id, body: body, recipient: row.recipient)
        }
    }

    static func isUnsealed(contact: Int64, device: DeviceID, in connection: Connection) throws(StoreError) -> Bool {
        try connection.first(
            """
            SELECT 1 FROM outgoing WHERE contact = ? AND device = ? AND header IS NULL AND body IS NOT NULL LIMIT 1
            """, .integer(contact), .blob(device.bytes)
        ) { row throws(StoreError) in try row.integer(0) } != nil
    }

    /// A body that no device of the contact has told to have.
    struct Undelivered: Sendable {
        let row: Int64
        let body: MessageBody
        /// Devices that it is on its way to.
        let targets: Set<DeviceID>
    }

    static func undelivered(contact: Int64, in connection: Connection) throws -> [Undelivered] {
        let rows = try connection.query(
            """
            SELECT outgoing_body.id, outgoing_body.message_id, key, ciphertext FROM outgoing_body
            WHERE recipient = ?1 AND EXISTS
                (SELECT 1 FROM outgoing WHERE body = outgoing_body.id AND contact = ?1 AND keep_until_delivered = 1)
                AND EXISTS (SELECT 1 FROM message WHERE message.message_id = outgoing_body.message_id AND outgoing = 1
                    AND state < ?2 AND deleted = 0)
            ORDER BY outgoing_body.id
            """, .integer(contact), .integer(MessageState.delivered.rawValue)
        ) { row throws(StoreError) in
            (id: try row.integer(0), message: try row.blob(1), key: try row.secret(2), text: try row.blob(3))
        }
        return try rows.map { row in
            let targets = try connection.query(
                "SELECT device FROM outgoing WHERE contact = ? AND message_id = ?", .integer(contact),
                .blob(row.message)
            ) { row throws(StoreError) in try row.blob(0) }
            return try DeviceError.stored("a body") {
                Undelivered(
                    row: row.id,
                    body: try MessageBody(id: MessageID(row.message), ciphertext: row.text, key: row.key),
                    targets: Set(try targets.map { try DeviceID($0) }))
            }
        }
    }

    static func sealed(_ id: Int64, header: [UInt8], in connection: Connection) throws(StoreError) {
        try connection.execute("UPDATE outgoing SET header = ? WHERE id = ?", .blob(header), .integer(id))
    }

    /// Devices for whom something waits for a session.
    static func devicesWithoutSession(contact: Int64, in connection: Connection) throws -> [DeviceID] {
        try connection.query(
            "SELECT DISTINCT device FROM outgoing WHERE contact = ? AND header IS NULL AND failure IS NULL",
            .integer(contact)
        ) { row throws(StoreError) in try row.blob(0) }.map { bytes in
            try DeviceError.stored("a device") { try DeviceID(bytes) }
        }
    }

    // MARK: Sending

    /// Contacts for whom something waits: to be sent, or a grant to be taken up or made, or a session to be begun anew, or
    /// a roster to be fetched.
    static func waitingContacts(in connection: Connection) throws(StoreError) -> [Int64] {
        try connection.query(
            """
            SELECT DISTINCT contact FROM outgoing WHERE state = 0 AND failure IS NULL
            UNION SELECT id FROM contact
                WHERE redeem_secret IS NOT NULL OR renew <> 0 OR (wanted_head IS NOT NULL AND is_self = 0)
                    OR \(RouteRows.isUnfinished)
            UNION SELECT contact FROM sponsored WHERE state = 0 ORDER BY 1
            """
        ) { row throws(StoreError) in try row.integer(0) }
    }

    /// Whether there is something to do at the contact's node besides sending.
    static func needsVisit(_ contact: Int64, in connection: Connection) throws(StoreError) -> Bool {
        try connection.first(
            """
            SELECT 1 FROM outgoing WHERE contact = ?1 AND header IS NULL AND failure IS NULL
            UNION ALL SELECT 1 FROM contact
                WHERE id = ?1
                    AND (renew <> 0 OR \(RouteRows.isUnfinished) OR (wanted_head IS NOT NULL AND is_self = 0))
            UNION ALL SELECT 1 FROM sponsored WHERE contact = ?1 AND state = 0 LIMIT 1
            """, .integer(contact)
        ) { row throws(StoreError) in try row.integer(0) } != nil
    }

    /// The oldest sealed envelopes that are only here.
    ///
    /// - Parameter direct: those that this device brings itself, because a node did not know their mailbox.
    static func waiting(
        contact: Int64, direct: Bool = false, limit: Int64, in connection: Connection
    ) throws(StoreError) -> [OutgoingEnvelope] {
        try envelopes(
            """
            contact = ?1 AND state = 0 AND failure IS NULL AND header IS NOT NULL AND direct = \(direct ? 1 : 0)
            ORDER BY outgoing.id LIMIT ?2
            """, .integer(contact), .integer(limit), in: connection)
    }

    /// Sealed envelopes for a device that no node of the contact has yet.
    static func undelivered(
        to device: DeviceID, of contact: Int64, limit: Int64, in connection: Connection
    ) throws(StoreError) -> [OutgoingEnvelope] {
        try envelopes(
            """
            device = ?1 AND contact = \(contact) AND state < 2 AND failure IS NULL AND header IS NOT NULL
            ORDER BY outgoing.id LIMIT ?2
            """, .blob(device.bytes), .integer(limit), in: connection)
    }

    private static func envelopes(
        _ condition: String, _ first: Value, _ second: Value, in connection: Connection
    ) throws(StoreError) -> [OutgoingEnvelope] {
        try connection.query(
            """
            SELECT outgoing.id, device, outgoing.message_id, envelope_id, header, ciphertext
            FROM outgoing JOIN outgoing_body ON outgoing_body.id = outgoing.body WHERE
            """ + " " + condition, first, second
        ) { row throws(StoreError) in
            OutgoingEnvelope(
                id: try row.integer(0), device: try row.blob(1), messageID: try row.blob(2),
                envelopeID: try row.blob(3), header: try row.optionalBlob(4) ?? [], body: try row.blob(5))
        }
    }

    // MARK: What came of it

    /// The far node has it on disk: what is kept until "delivered" stays.
    static func stored(_ envelope: OutgoingEnvelope, in connection: Connection) throws(StoreError) {
        let isOwn = try isOwnCopy(envelope, in: connection)
        try connection.execute(
            "UPDATE outgoing SET state = 2, item = NULL, item_node = NULL, trouble = NULL WHERE id = ?",
            .integer(envelope.id))
        try remove("id = ?1 AND keep_until_delivered = 0", .integer(envelope.id), in: connection)
        if !isOwn { try MessageRows.advance(envelope.messageID, to: .stored, in: connection) }
    }

    /// Whether it goes to another own device: how far that has come says nothing about the message.
    private static func isOwnCopy(
        _ envelope: OutgoingEnvelope, in connection: Connection
    ) throws(StoreError) -> Bool {
        try connection.first(
            "SELECT 1 FROM outgoing JOIN contact ON contact.id = contact WHERE outgoing.id = ? AND is_self = 1",
            .integer(envelope.id)
        ) { row throws(StoreError) in try row.integer(0) } != nil
    }

    static func failed(_ envelope: OutgoingEnvelope, reason: String, in connection: Connection) throws(StoreError) {
        let isOwn = try isOwnCopy(envelope, in: connection)
        // The words stay for the person; a body that nobody takes need not.
        let body = try connection.first("SELECT body FROM outgoing WHERE id = ?", .integer(envelope.id)) {
            row throws(StoreError) in try row.optionalInteger(0)
        }
        try connection.execute(
            "UPDATE outgoing SET failure = ?, header = x'', body = NULL, item = NULL, item_node = NULL WHERE id = ?",
            .text(reason), .integer(envelope.id))
        try dropBodies([body ?? nil], in: connection)
        try remove("id = ?1 AND keep_until_delivered = 0", .integer(envelope.id), in: connection)
        // What is on its way to another device of the recipient is not lost.
        guard !isOwn, try !isOnItsWay(envelope.messageID, in: connection) else { return }
        try MessageRows.advance(envelope.messageID, to: .failed, in: connection)
    }

    private static func isOnItsWay(_ message: [UInt8], in connection: Connection) throws(StoreError) -> Bool {
        try connection.first(
            """
            SELECT 1 FROM outgoing JOIN contact ON contact.id = contact
            WHERE message_id = ? AND is_self = 0 AND failure IS NULL LIMIT 1
            """, .blob(message)
        ) { row throws(StoreError) in try row.integer(0) } != nil
    }

    /// What keeps an envelope waiting, in words; the time is of the first failure of this kind.
    static func trouble(
        _ words: String, contact: Int64, now milliseconds: Int64, in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            """
            UPDATE outgoing SET trouble_ms = CASE WHEN trouble IS ?1 THEN trouble_ms ELSE ?2 END, trouble = ?1
            WHERE contact = ?3 AND state = 0 AND failure IS NULL
            """, .text(words), .integer(milliseconds), .integer(contact))
    }

    /// Gives up all that waits for a contact.
    static func fail(contact: Int64, reason: String, in connection: Connection) throws(StoreError) {
        while true {
            let envelopes = try envelopes(
                "contact = ?1 AND state = 0 AND failure IS NULL ORDER BY outgoing.id LIMIT ?2", .integer(contact),
                .integer(64), in: connection)
            guard !envelopes.isEmpty else { return }
            for envelope in envelopes { try failed(envelope, reason: reason, in: connection) }
        }
    }

    /// The contact's node does not know a device that is listed here: the contact's roster is fetched, and says who gets
    /// instead what nobody has.
    ///
    /// - Returns: false when the device is not listed here either.
    static func takeBack(_ envelope: OutgoingEnvelope, in connection: Connection) throws -> Bool {
        let id = try connection.first("SELECT contact FROM outgoing WHERE id = ?", .integer(envelope.id)) {
            row throws(StoreError) in try row.integer(0)
        }
        guard let contact = try id.flatMap({ try ContactRows.find($0, in: connection) }) else { return false }
        let roster = try ContactRows.roster(of: contact, in: connection)
        guard roster.devices.contains(where: { $0.id.bytes == envelope.device }) else { return false }
        try connection.execute(
            "UPDATE outgoing SET state = 0, item = NULL, item_node = NULL WHERE id = ?", .integer(envelope.id))
        try ContactRows.want(roster.head, of: contact.id, in: connection)
        return true
    }

    /// A device that is not listed any more gets nothing.
    static func forget(device: DeviceID, contact: Int64, in connection: Connection) throws(StoreError) {
        try remove("contact = ?1 AND device = ?2", .integer(contact), .blob(device.bytes), in: connection)
    }

    /// A device of the contact has the message: it need not be kept for that one.
    static func delivered(
        _ messageID: [UInt8], contact: Int64, device: DeviceID, in connection: Connection
    ) throws(StoreError) {
        try remove(
            "contact = ?1 AND message_id = ?2 AND device = ?3", .integer(contact), .blob(messageID),
            .blob(device.bytes), in: connection)
    }

    private static func remove(
        _ condition: String, _ values: Value..., in connection: Connection
    ) throws(StoreError) {
        let bodies = try connection.query(
            "DELETE FROM outgoing WHERE " + condition + " RETURNING body", values: values
        ) { row throws(StoreError) in try row.optionalInteger(0) }
        try dropBodies(bodies, in: connection)
    }

    /// The last envelope takes the body with it.
    private static func dropBodies(_ bodies: [Int64?], in connection: Connection) throws(StoreError) {
        for case let body? in Set(bodies) {
            try connection.execute(
                "DELETE FROM outgoing_body WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM outgoing WHERE body = ?1)",
                .integer(body))
        }
    }

    static func count(in connection: Connection) throws(StoreError) -> (waiting: Int64, undelivered: Int64) {
        let waiting =
            try connection.first("SELECT count(*) FROM outgoing WHERE state < 2 AND failure IS NULL") {
                row throws(StoreError) in try row.integer(0)
            } ?? 0
        let all =
            try connection.first("SELECT count(*) FROM outgoing WHERE failure IS NULL") {
                row throws(StoreError) in try row.integer(0)
            } ?? 0
        return (waiting, all - waiting)
    }
}
