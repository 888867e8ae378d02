import SpeemSessions
import SpeemStore

/// How far a message has come.
enum MessageState: Int64, Sendable {
    // Received:
    case unread = 0
    case read = 1
    // Sent:
    /// Only here so far.
    case waiting = 10
    /// In the outbox of an own node.
    case queued = 11
    /// The far node has it.
    case stored = 12
    /// The far side refused for good.
    case failed = 13
    /// A device has it, committed: that counts, whatever was refused for another.
    case delivered = 14
    /// A person saw it, and lets that be known.
    case seen = 15

    var word: String {
        switch self {
        case .unread: "unread"
        case .read: "read"
        case .waiting: "waiting"
        case .queued: "queued"
        case .stored: "stored"
        case .delivered: "delivered"
        case .failed: "failed"
        case .seen: "read"
        }
    }
}

/// A text in a conversation.
struct Message: Sendable {
    let number: Int64
    let contact: String
    let id: [UInt8]
    let text: String
    /// The sender's clock, Unix milliseconds.
    let sent: Int64
    let state: MessageState
    /// Why it was given up for a device.
    let failure: String?
}

/// Conversations in the store.
enum MessageRows {
    /// Keeps a message once; what was told of it before it came is joined to it.
    static func insert(
        contact: Int64, id: MessageID, outgoing: Bool, text: String, sent: Int64, state: MessageState? = nil,
        in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            """
            INSERT INTO message (contact, message_id, outgoing, text, sent_ms, state) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT DO NOTHING
            """, .integer(contact), .blob(id.bytes), .flag(outgoing), .text(text), .integer(sent),
            .integer((state ?? (outgoing ? .waiting : .unread)).rawValue))
        let early = try connection.first(
            "DELETE FROM early_mark WHERE message_id = ? RETURNING progress, seen, deleted", .blob(id.bytes)
        ) { row throws(StoreError) in
            (progress: try row.integer(0), seen: try row.flag(1), deleted: try row.flag(2))
        }
        guard let early else { return }
        if let progress = MessageState(rawValue: early.progress) {
            try advance(id.bytes, to: progress, in: connection)
        }
        if early.seen { try markSeen(id.bytes, in: connection) }
        if early.deleted { try delete(id.bytes, in: connection) }
    }

    /// A piece of a listing.
    struct Page: Sendable {
        var messages: [Message] = []
        /// There are further ones, in the direction of the listing.
        var hasMore = false
    }

    /// Messages of a page at the most.
    static let pageCount = 256
    /// Bytes of text of a page, but for its last message: in JSON a byte may need six, and a line has its limit.
    static let pageBytes = 512 * 1024

    /// Received messages behind `after`, in the order in which they were committed here.
    static func received(after: Int64, unreadOnly: Bool, in connection: Connection) throws(StoreError) -> Page {
        try page(
            """
            \(columns) WHERE outgoing = 0 AND deleted = 0 AND message.id > ?1 AND (?2 = 0 OR message.state = 0) ORDER BY message.id
            """, .integer(after), .flag(unreadOnly), in: connection)
    }

    /// The newest sent messages before the number `before`; oldest first.
    static func sent(contact: Int64?, before: Int64, in connection: Connection) throws(StoreError) -> Page {
        var page = try page(
            """
            \(columns) WHERE outgoing = 1 AND deleted = 0 AND (?1 IS NULL OR message.contact = ?1) AND message.id < ?2
            ORDER BY message.id DESC
            """, .optional(contact), .integer(before), in: connection)
        page.messages.reverse()
        return page
    }

    /// How far a sent message has come.
    static func state(of id: MessageID, in connection: Connection) throws(StoreError) -> MessageState? {
        try connection.first(
            "SELECT state FROM message WHERE outgoing = 1 AND message_id = ?", .blob(id.bytes)
        ) { row throws(StoreError) in MessageState(rawValue: try row.integer(0)) } ?? nil
    }

    private static let columns = """
        SELECT message.id, contact.name, message.message_id, message.text, message.sent_ms, message.state,
            (SELECT failure FROM outgoing WHERE outgoing.message_id = message.message_id AND message.outgoing = 1
                AND outgoing.contact = message.contact AND failure IS NOT NULL LIMIT 1)
        FROM message JOIN contact ON contact.id = message.contact
        """

    private static func page(
        _ sql: String, _ first: Value, _ second: Value, in connection: Connection
    ) throws(StoreError) -> Page {
        var page = Page()
        var bytes = 0
        try connection.forEach(sql, first, second) { row throws(StoreError) in
            guard page.messages.count < pageCount, bytes < pageBytes else {
                page.hasMore = true
                return .stop
            }
            let message = Message(
                number: try row.integer(0), contact: try row.text(1), id: try row.blob(2), text: try row.text(3),
                sent: try row.integer(4), state: MessageState(rawValue: try row.integer(5)) ?? .failed,
                failure: try row.optionalText(6))
            page.messages.append(message)
            bytes += message.text.utf8.count
            return .next
        }
        return page
    }

    /// What the person has seen now: the messages that were unread.
    static func markRead(
        upTo number: Int64, in connection: Connection
    ) throws(StoreError) -> [(contact: Int64, id: [UInt8])] {
        try connection.query(
            """
            UPDATE message SET state = ? WHERE outgoing = 0 AND state = ? AND id <= ? AND deleted = 0
            RETURNING contact, message_id
            """,
            .integer(MessageState.read.rawValue), .integer(MessageState.unread.rawValue), .integer(number)
        ) { row throws(StoreError) in (contact: try row.integer(0), id: try row.blob(1)) }
    }

    /// Moves a sent message on; never back.
    static func advance(_ id: [UInt8], to state: MessageState, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE message SET state = ?1 WHERE outgoing = 1 AND message_id = ?2 AND state < ?1",
            .integer(state.rawValue), .blob(id))
    }

    /// The person has seen a received message, on another device.
    static func markSeen(_ id: [UInt8], in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE message SET state = ?1 WHERE outgoing = 0 AND message_id = ?2 AND state < ?1",
            .integer(MessageState.read.rawValue), .blob(id))
    }

    /// Nothing stays of a message but its id.
    static func delete(_ id: [UInt8], in connection: Connection) throws(StoreError) {
        try connection.execute("UPDATE message SET deleted = 1, text = '' WHERE message_id = ?", .blob(id))
    }

    /// The messages of a conversation that are still there.
    static func ids(contact: Int64, in connection: Connection) throws(StoreError) -> [[UInt8]] {
        try connection.query(
            "SELECT message_id FROM message WHERE contact = ? AND deleted = 0 ORDER BY id", .integer(contact)
        ) { row throws(StoreError) in try row.blob(0) }
    }

    /// Whom a sent message is for; nil when it is not known.
    static func contact(ofSent id: [UInt8], in connection: Connection) throws(StoreError) -> Int64? {
        try connection.first("SELECT contact FROM message WHERE outgoing = 1 AND message_id = ?", .blob(id)) {
            row throws(StoreError) in try row.integer(0)
        }
    }

    /// Whether a message is there in another conversation, or in the other direction.
    static func isElsewhere(
        _ id: [UInt8], contact: Int64, outgoing: Bool, in connection: Connection
    ) throws(StoreError) -> Bool {
        try connection.first(
            "SELECT 1 FROM message WHERE message_id = ? AND (contact <> ? OR outgoing <> ?) LIMIT 1", .blob(id),
            .integer(contact), .flag(outgoing)
        ) { row throws(StoreError) in try row.integer(0) } != nil
    }

    static func isKnown(_ id: [UInt8], in connection: Connection) throws(StoreError) -> Bool {
        try connection.first("SELECT 1 FROM message WHERE message_id = ? LIMIT 1", .blob(id)) {
            row throws(StoreError) in try row.integer(0)
        } != nil
    }

    /// Seconds that a mark waits for its message.
    private static let earlyRetention: Int64 = 120 * 24 * 3600
    /// Marks that wait at the most: a bound on what somebody can make this device keep. Those that only own devices give
    /// stay longest, so that no contact can bring back what was deleted.
    private static let maxEarly: Int64 = 20_000

    /// Joins what is told of a message to it, or keeps it until the message comes.
    static func mark(
        _ id: [UInt8], progress: MessageState? = nil, seen: Bool = false, deleted: Bool = false, now: Int64,
        in connection: Connection
    ) throws(StoreError) {
        guard try !isKnown(id, in: connection) else {
            if let progress { try advance(id, to: progress, in: connection) }
            if seen { try markSeen(id, in: connection) }
            if deleted { try delete(id, in: connection) }
            return
        }
        try connection.execute(
            """
            INSERT INTO early_mark (message_id, progress, seen, deleted, made) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (message_id) DO UPDATE SET progress = max(progress, ?2), seen = max(seen, ?3),
                deleted = max(deleted, ?4)
            """, .blob(id), .integer(progress?.rawValue ?? 0), .flag(seen), .flag(deleted), .integer(now))
        try connection.execute("DELETE FROM early_mark WHERE made < ?", .integer(now - earlyRetention))
        try connection.execute(
            """
            DELETE FROM early_mark WHERE message_id IN
                (SELECT message_id FROM early_mark ORDER BY deleted DESC, seen DESC, made DESC LIMIT -1 OFFSET ?)
            """, .integer(maxEarly))
    }

    static func counts(in connection: Connection) throws(StoreError) -> [Int64: Int64] {
        var counts: [Int64: Int64] = [:]
        try connection.forEach("SELECT state, count(*) FROM message WHERE deleted = 0 GROUP BY state") {
            row throws(StoreError) in
            counts[try row.integer(0)] = try row.integer(1)
            return .next
        }
        return counts
    }
}
