/// How much space the mailboxes of a node may take, in bytes of envelopes.
public struct Quota: Sendable, Equatable {
    /// All mailboxes together.
    public var total: Int64
    /// One contact at the most.
    public var perContact: Int64
    /// Set aside for the owner's own devices.
    public var own: Int64

    public init(total: Int64, perContact: Int64, own: Int64) {
        self.total = total
        self.perContact = perContact
        self.own = own
    }

    /// Who deposits.
    public enum Depositor: Sendable, Equatable {
        case ownDevice
        case contact
    }

    /// What is in use before a deposit, in bytes.
    public struct Usage: Sendable, Equatable {
        /// By the depositor (for an own device: by all own devices).
        public var depositor: Int64
        /// By all own devices.
        public var own: Int64
        /// By everybody.
        public var total: Int64
        /// How many contacts there are: each has an equal reserved share.
        public var contacts: Int64

        public init(depositor: Int64, own: Int64, total: Int64, contacts: Int64) {
            self.depositor = depositor
            self.own = own
            self.total = total
            self.contacts = contacts
        }
    }

    public enum Verdict: Sendable, Equatable {
        case accepted
        /// The depositor's own share is used up.
        case shareFull
        /// All space is used up, although the depositor's share is not: shares shrank when contacts came, a party was
        /// revoked before its envelopes were read, or the quota was lowered.
        case nodeFull
    }

    /// The share of a depositor, in bytes. The shares of all never add up to more than ``total``, so a contact's share
    /// is reserved: no other contact can use it up.
    public func share(of depositor: Depositor, contacts: Int64) -> Int64 {
        let own = min(max(own, 0), max(total, 0))
        switch depositor {
        case .ownDevice: return own
        case .contact: return min(max(perContact, 0), (max(total, 0) - own) / max(contacts, 1))
        }
    }

    /// Whether `size` more bytes are accepted.
    public func decide(size: Int64, depositor: Depositor, usage: Usage) -> Verdict {
        guard size <= freeOfShare(depositor, usage) else { return .shareFull }
        return size <= freeOfAll(depositor, usage) ? .accepted : .nodeFull
    }

    /// How many more bytes are accepted.
    public func free(for depositor: Depositor, usage: Usage) -> Int64 {
        max(min(freeOfShare(depositor, usage), freeOfAll(depositor, usage)), 0)
    }

    private func freeOfShare(_ depositor: Depositor, _ usage: Usage) -> Int64 {
        Self.difference(share(of: depositor, contacts: usage.contacts), usage.depositor)
    }

    private func freeOfAll(_ depositor: Depositor, _ usage: Usage) -> Int64 {
        // What contacts used before their shares shrank is not made up for by the owner's devices.
        let reserved =
            switch depositor {
            case .ownDevice: 0 as Int64
            case .contact: max(share(of: .ownDevice, contacts: usage.contacts) - max(usage.own, 0), 0)
            }
        return Self.difference(max(total, 0) - reserved, usage.total)
    }

    private static func difference(_ limit: Int64, _ used: Int64) -> Int64 {
        let (difference, overflow) = limit.subtractingReportingOverflow(used)
        guard overflow else { return difference }
        return used > 0 ? .min : .max
    }
}
