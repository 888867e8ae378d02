import SpeemCrypto
import SpeemIdentity
import SpeemSessions
import SpeemStore

/// Sessions in the store.
enum SessionRows {
    /// Sessions with one device at the most: both sides may begin one at the same time, and a restored one begins anew.
    private static let perDevice = 8

    static func find(_ id: [UInt8], in connection: Connection) throws -> (session: Session, contact: Int64)? {
        let row = try connection.first("SELECT encoded, contact FROM session WHERE id = ?", .blob(id)) {
            row throws(StoreError) in (encoded: try row.secret(0), contact: try row.integer(1))
        }
        return try row.map { row in
            (try DeviceError.stored("a session") { try Session(encoded: row.encoded) }, row.contact)
        }
    }

    /// The session with a device that was used last and can send.
    static func newest(contact: Int64, device: DeviceID, in connection: Connection) throws -> Session? {
        let rows = try connection.query(
            "SELECT encoded FROM session WHERE contact = ? AND device = ? ORDER BY used DESC", .integer(contact),
            .blob(device.bytes)
        ) { row throws(StoreError) in try row.secret(0) }
        for row in rows {
            let session = try DeviceError.stored("a session") { try Session(encoded: row) }
            if session.canSend { return session }
        }
        return nil
    }

    /// Whether no session with the same device was used later.
    static func isNewest(_ id: [UInt8], in connection: Connection) throws(StoreError) -> Bool {
        try connection.first(
            """
            SELECT 1 FROM session AS this JOIN session AS other
                ON other.contact = this.contact AND other.device = this.device AND other.used > this.used
            WHERE this.id = ?
            """, .blob(id)
        ) { row throws(StoreError) in try row.integer(0) } == nil
    }

    /// Keeps the session's new state, together with what the message did.
    static func save(_ session: Session, contact: Int64, in connection: Connection) throws(StoreError) {
        let device = session.peer.device.id
        try connection.execute(
            """
            INSERT INTO session (id, contact, device, encoded, used)
            VALUES (?1, ?2, ?3, ?4, (SELECT coalesce(max(used), 0) + 1 FROM session))
            ON CONFLICT (id) DO UPDATE SET encoded = ?4, used = excluded.used
            """, .blob(session.id), .integer(contact), .blob(device.bytes), .secret(session.encoded))
        try connection.execute(
            """
            DELETE FROM session WHERE contact = ?1 AND device = ?2 AND id NOT IN
                (SELECT id FROM session WHERE contact = ?1 AND device = ?2 ORDER BY used DESC LIMIT ?3)
            """, .integer(contact), .blob(device.bytes), .integer(Int64(perDevice)))
    }

    /// Others may have closed all sessions with this device. Whoever has not may go on in them; what goes out waits for
    /// new ones, also what was sealed in these and may not have been opened.
    static func distrust(random: some RandomSource, in connection: Connection) throws(StoreError) {
        try connection.execute("UPDATE contact SET renew = 2")
        let sealed = try connection.query(
            "SELECT id FROM outgoing WHERE failure IS NULL AND header IS NOT NULL AND body IS NOT NULL"
        ) { row throws(StoreError) in try row.integer(0) }
        for id in sealed {
            try connection.execute(
                "UPDATE outgoing SET header = NULL, state = 0, item = NULL, item_node = NULL, envelope_id = ? WHERE id = ?",
                .blob(random.bytes(32)), .integer(id))
        }
    }

    /// Whether what goes out to a contact waits for new sessions.
    static func areDistrusted(_ contact: Int64, in connection: Connection) throws(StoreError) -> Bool {
        try connection.first("SELECT 1 FROM contact WHERE id = ? AND renew = 2", .integer(contact)) {
            row throws(StoreError) in try row.integer(0)
        } != nil
    }

    /// Ends all sessions with a device.
    static func close(device: DeviceID, contact: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "DELETE FROM session WHERE contact = ? AND device = ?", .integer(contact), .blob(device.bytes))
    }
}
