/// What is put into a mailbox. The node reads none of it.
public struct Envelope: Sendable, Equatable {
    /// Chosen by the sender, 32 bytes.
    public var id: [UInt8]
    /// Sealed to the device.
    public var header: [UInt8]
    /// Encrypted under the key inside the header.
    public var body: [UInt8]

    public init(id: [UInt8], header: [UInt8], body: [UInt8]) {
        self.id = id
        self.header = header
        self.body = body
    }

    /// Bytes that count against a quota: the contents, and what a row costs besides.
    public var size: Int64 { Int64(header.count) + Int64(body.count) + Self.rowOverhead }

    /// The id, the indexes and the tombstone of an envelope: many empty envelopes are not free.
    static let rowOverhead: Int64 = 128
}

/// An envelope in its place.
public struct StoredEnvelope: Sendable, Equatable {
    /// Counts up; never used twice on a node.
    public var sequence: Int64
    public var envelope: Envelope
}

/// What became of a deposit.
public enum DepositOutcome: Sendable, Equatable {
    /// Written; durable once the transaction commits.
    case stored(sequence: Int64)
    /// The same envelope was deposited before, and may have been acknowledged since.
    case duplicate
    case refused(DepositRefusal)
}

/// Why a deposit is not kept.
public enum DepositRefusal: Error, Sendable, Equatable {
    /// The depositor's share is used up; the sender keeps the envelope and retries.
    case mailboxFull
    /// All space is used up; the sender keeps the envelope and retries.
    case nodeFull
    /// The same id came before with other bytes.
    case conflict
    /// No such mailbox.
    case unknownMailbox
}

/// A part of a mailbox, in order.
public struct Drain: Sendable, Equatable {
    public var envelopes: [StoredEnvelope]
    /// Whether there are more behind the last one.
    public var more: Bool
}

/// How full a mailbox is.
public struct MailboxState: Sendable, Equatable {
    public var device: [UInt8]
    public var envelopes: Int64
    public var bytes: Int64
    /// How long the oldest envelope has waited, in seconds of running; 0 for an empty mailbox.
    public var oldestAge: Int64
}
