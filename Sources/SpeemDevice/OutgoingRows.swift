import SpeemIdentity
import SpeemSessions
import SpeemStore

/// An envelope on its way to one device of a contact.
struct OutgoingEnvelope: Sendable {
    let id: Int64
    let device: [UInt8]
    let messageID: [UInt8]
    let envelopeID: [UInt8]
    let header: [UInt8]
    let body: [UInt8]
}

/// Envelopes that wait for the far node, or for "delivered".
enum OutgoingRows {
    static func insert(
        contact: Int64, device: DeviceID, message: MessageID, keepUntilDelivered: Bool, envelopeID: [UInt8],
        header: [UInt8], body: [UInt8], in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            """
            INSERT INTO outgoing (contact, device, message_id, keep_until_delivered, envelope_id, header, body)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """, .integer(contact), .blob(device.bytes), .blob(message.bytes), .flag(keepUntilDelivered),
            .blob(envelopeID), .blob(header), .blob(body))
    }

    /// Contacts for whom something waits: to be deposited, or a grant to be taken up, or a session to be begun anew.
    static func waitingContacts(in connection: Connection) throws(StoreError) -> [Int64] {
        try connection.query(
            """
            SELECT DISTINCT contact FROM outgoing WHERE stored = 0 AND failure IS NULL
            UNION SELECT id FROM contact WHERE redeem_secret IS NOT NULL OR renew = 1 ORDER BY 1
            """
        ) { row throws(StoreError) in try row.integer(0) }
    }

    static func waiting(contact: Int64, limit: Int64, in connection: Connection) throws(StoreError)
        -> [OutgoingEnvelope]
    {
        try connection.query(
            """
            SELECT id, device, message_id, envelope_id, header, body FROM outgoing
            WHERE contact = ? AND stored = 0 AND failure IS NULL ORDER BY id LIMIT ?
            """, .integer(contact), .integer(limit)
        ) { row throws(StoreError) in
            OutgoingEnvelope(
                id: try row.integer(0), device: try row.blob(1), messageID: try row.blob(2),
                envelopeID: try row.blob(3), header: try row.blob(4), body: try row.blob(5))
        }
    }

    /// The far node has it on disk: what is kept until "delivered" stays.
    static func stored(_ envelope: OutgoingEnvelope, in connection: Connection) throws(StoreError) {
        try connection.execute("UPDATE outgoing SET stored = 1 WHERE id = ?", .integer(envelope.id))
        try connection.execute(
            "DELETE FROM outgoing WHERE id = ? AND keep_until_delivered = 0", .integer(envelope.id))
        try MessageRows.advance(envelope.messageID, to: .stored, in: connection)
    }

    static func failed(_ envelope: OutgoingEnvelope, reason: String, in connection: Connection) throws(StoreError) {
        // The words stay for the person; a body that nobody takes need not.
        try connection.execute(
            "UPDATE outgoing SET failure = ?, header = x'', body = x'' WHERE id = ?", .text(reason),
            .integer(envelope.id))
        try connection.execute(
            "DELETE FROM outgoing WHERE id = ? AND keep_until_delivered = 0", .integer(envelope.id))
        try MessageRows.advance(envelope.messageID, to: .failed, in: connection)
    }

    /// Gives up all that waits for a contact.
    static func fail(contact: Int64, reason: String, in connection: Connection) throws(StoreError) {
        while true {
            let envelopes = try waiting(contact: contact, limit: 64, in: connection)
            guard !envelopes.isEmpty else { return }
            for envelope in envelopes { try failed(envelope, reason: reason, in: connection) }
        }
    }

    /// A device of the contact has the message; when none is missing any more the message counts as delivered.
    static func delivered(
        _ messageID: [UInt8], contact: Int64, device: DeviceID, in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            "DELETE FROM outgoing WHERE contact = ? AND message_id = ? AND device = ?", .integer(contact),
            .blob(messageID), .blob(device.bytes))
        // One device is enough for "delivered"; the bodies for others stay until they have it.
        try connection.execute(
            "UPDATE message SET state = ?1 WHERE contact = ?2 AND outgoing = 1 AND message_id = ?3 AND state < ?1",
            .integer(MessageState.delivered.rawValue), .integer(contact), .blob(messageID))
    }

    static func count(in connection: Connection) throws(StoreError) -> (waiting: Int64, undelivered: Int64) {
        let waiting =
            try connection.first("SELECT count(*) FROM outgoing WHERE stored = 0 AND failure IS NULL") {
                row throws(StoreError) in try row.integer(0)
            } ?? 0
        let all =
            try connection.first("SELECT count(*) FROM outgoing WHERE failure IS NULL") {
                row throws(StoreError) in try row.integer(0)
            } ?? 0
        return (waiting, all - waiting)
    }
}
