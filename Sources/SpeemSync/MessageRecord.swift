public import SpeemIdentity

/// A message of a conversation as all devices of the account have it.
public struct MessageRecord: Sendable, Hashable {
    /// How far a message has come. A later one never gives way to an earlier one.
    public enum Progress: UInt8, Sendable, Comparable {
        /// Sent: only on an own device so far. Received: always this.
        case none = 0
        /// Sent: the own node has it.
        case queued = 1
        /// Sent: a node of the contact has it on disk.
        case stored = 2
        /// Sent: a device of the contact has it.
        case delivered = 3
        /// Sent: a person saw it, and lets that be known.
        case read = 4

        public static func < (lhs: Progress, rhs: Progress) -> Bool { lhs.rawValue < rhs.rawValue }
    }

    /// 32 bytes.
    public let id: [UInt8]
    /// The other account of the conversation.
    public let conversation: AccountPublicKey
    public let isOutgoing: Bool
    /// The sender's clock, Unix milliseconds: for display, and a place in the order that never changes.
    public let sent: UInt64
    /// nil once the message was deleted: nothing of it stays but its id.
    public private(set) var text: String?
    public private(set) var progress: Progress
    /// Received: the person of this account saw it, on any device.
    public private(set) var isSeen: Bool

    public init(
        id: [UInt8], conversation: AccountPublicKey, isOutgoing: Bool, sent: UInt64, text: String?,
        progress: Progress = .none, isSeen: Bool = false
    ) {
        self.id = id
        self.conversation = conversation
        self.isOutgoing = isOutgoing
        self.sent = sent
        self.text = text
        self.progress = progress
        self.isSeen = isSeen
    }

    public var isDeleted: Bool { text == nil }

    /// The join of two copies of one message: the further progress, seen when either is, deleted when either is.
    ///
    /// - Precondition: both have the same id. What never changes is taken from `self`: the id binds it.
    public func joined(with other: MessageRecord) -> MessageRecord {
        precondition(id == other.id, "two messages")
        var result = self
        result.progress = max(progress, other.progress)
        result.isSeen = isSeen || other.isSeen
        if other.isDeleted { result.text = nil }
        return result
    }

    /// What reconciliation compares besides the id: deleted, seen and progress in one byte.
    public var marks: UInt8 { progress.rawValue | (isSeen ? 0x40 : 0) | (isDeleted ? 0x80 : 0) }
}
