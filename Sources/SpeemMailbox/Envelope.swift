/// One sealed message as its device reads it. The node reads none of it.
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

    /// The id, the indexes and the tombstone of an envelope: many empty envelopes are not free.
    static let rowOverhead: Int64 = 96
}

/// One body for one or more devices, each with a header of its own.
public struct Deposit: Sendable, Equatable {
    /// A device that gets the message.
    public struct Target: Sendable, Equatable {
        /// 16 bytes.
        public var device: [UInt8]
        /// Chosen by the sender, 32 bytes.
        public var id: [UInt8]
        /// Sealed to the device.
        public var header: [UInt8]

        public init(device: [UInt8], id: [UInt8], header: [UInt8]) {
            self.device = device
            self.id = id
            self.header = header
        }

        /// Bytes that count against a quota besides the body.
        var size: Int64 { Int64(header.count) + Envelope.rowOverhead }
    }

    public var targets: [Target]
    /// Encrypted under the key inside each header.
    public var body: [UInt8]

    public init(targets: [Target], body: [UInt8]) {
        self.targets = targets
        self.body = body
    }

    /// A body's own row.
    static let bodyOverhead: Int64 = 32

    /// Bytes of the body that count against a quota, once for all targets.
    var bodySize: Int64 { Int64(body.count) + Self.bodyOverhead }

    /// Bytes of all of it: for a queue that is bounded by bytes.
    public var size: Int { targets.reduce(body.count) { $0 + $1.header.count } }
}

extension Deposit {
    /// The bytes that the smallest target takes among those that were refused because there was no space; nil when none
    /// was.
    public func refusedForSpace(_ outcomes: [DepositOutcome]) -> Int64? {
        zip(targets, outcomes).compactMap { target, outcome -> Int64? in
            switch outcome {
            case .refused(.mailboxFull), .refused(.nodeFull): target.size + bodySize
            case .refused(.conflict), .refused(.unknownMailbox), .stored, .duplicate: nil
            }
        }.min()
    }
}

/// An envelope in its place.
public struct StoredEnvelope: Sendable, Equatable {
    /// Counts up; never used twice on a node.
    public var sequence: Int64
    public var envelope: Envelope
}

/// What became of one target of a deposit.
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
    /// Headers and bodies; a body that several mailboxes share counts in each.
    public var bytes: Int64
    /// How long the oldest envelope has waited, in seconds of running; 0 for an empty mailbox.
    public var oldestAge: Int64
}
