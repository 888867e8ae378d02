import SpeemSessions
import SpeemStore

/// How far a message has come.
enum MessageState: Int64, Sendable {
    // Received:
    case unread = 0
    case read = 1
    // Sent:
    /// Only here so far.
    case queued = 10
    /// The far node has it.
    case stored = 11
    /// The far side refused for good.
    case failed = 12
    /// A device has it, committed: that counts, whatever was refused for another.
    case delivered = 13

    var word: String {
        switch self {
        case .unread: "unread"
        case .read: "read"
        case .queued: "queued"
        case .stored: "stored"
        case .delivered: "delivered"
        case .failed: "failed"
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
    static func insert(
        contact: Int64, id: MessageID, outgoing: Bool, text: String, sent: Int64, in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            """
            INSERT INTO message (contact, message_id, outgoing, text, sent_ms, state) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT DO NOTHING
            """, .integer(contact), .blob(id.bytes), .flag(outgoing), .text(text), .integer(sent),
            .integer((outgoing ? MessageState.queued : .unread).rawValue))
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
            \(columns) WHERE outgoing = 0 AND message.id > ?1 AND (?2 = 0 OR message.state = 0) ORDER BY message.id
            """, .integer(after), .flag(unreadOnly), in: connection)
    }

    /// The newest sent messages before the number `before`; oldest first.
    static func sent(contact: Int64?, before: Int64, in connection: Connection) throws(StoreError) -> Page {
        var page = try page(
            """
            \(columns) WHERE outgoing = 1 AND (?1 IS NULL OR message.contact = ?1) AND message.id < ?2
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

    static func markRead(upTo number: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE message SET state = ? WHERE outgoing = 0 AND state = ? AND id <= ?",
            .integer(MessageState.read.rawValue), .integer(MessageState.unread.rawValue), .integer(number))
    }

    /// Moves a sent message on; never back.
    static func advance(_ id: [UInt8], to state: MessageState, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE message SET state = ?1 WHERE outgoing = 1 AND message_id = ?2 AND state < ?1",
            .integer(state.rawValue), .blob(id))
    }

    static func counts(in connection: Connection) throws(StoreError) -> [Int64: Int64] {
        var counts: [Int64: Int64] = [:]
        try connection.forEach("SELECT state, count(*) FROM message GROUP BY state") { row throws(StoreError) in
            counts[try row.integer(0)] = try row.integer(1)
            return .next
        }
        return counts
    }
}
