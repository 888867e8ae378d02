/// What became of a message, without its text: it can come before the message itself.
public struct MessageMark: Sendable, Hashable {
    public let id: [UInt8]
    public let progress: MessageRecord.Progress
    public let isSeen: Bool
    public let isDeleted: Bool

    public init(
        id: [UInt8], progress: MessageRecord.Progress = .none, isSeen: Bool = false, isDeleted: Bool = false
    ) {
        self.id = id
        self.progress = progress
        self.isSeen = isSeen
        self.isDeleted = isDeleted
    }

    /// The join of two marks of one message.
    ///
    /// - Precondition: both have the same id.
    public func joined(with other: MessageMark) -> MessageMark {
        precondition(id == other.id, "two messages")
        return MessageMark(
            id: id, progress: max(progress, other.progress), isSeen: isSeen || other.isSeen,
            isDeleted: isDeleted || other.isDeleted)
    }
}

extension MessageRecord {
    public var mark: MessageMark {
        MessageMark(id: id, progress: progress, isSeen: isSeen, isDeleted: isDeleted)
    }

    /// The message with what `mark` says of it.
    ///
    /// - Precondition: it is a mark of this message.
    public func joined(with mark: MessageMark) -> MessageRecord {
        precondition(id == mark.id, "two messages")
        return MessageRecord(
            id: id, conversation: conversation, isOutgoing: isOutgoing, sent: sent,
            text: mark.isDeleted ? nil : text, progress: max(progress, mark.progress), isSeen: isSeen || mark.isSeen)
    }
}
