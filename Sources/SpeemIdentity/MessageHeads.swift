/// The rosters under which a message was sent: the newest entries that the sending device knew.
public struct MessageHeads: Sendable, Hashable {
    /// Of the sender's account.
    public let sender: RosterHead
    /// Of the recipient's account.
    public let recipient: RosterHead

    public init(sender: RosterHead, recipient: RosterHead) {
        self.sender = sender
        self.recipient = recipient
    }
}
