public import SpeemIdentity

/// What a device does about the heads that a message carries, and about the chain that it then fetches. Pure.
public enum RosterWatch {
    /// What the heads of a message ask for.
    public struct Reaction: Sendable, Equatable {
        /// The sender's chain is fetched before the message counts: the known one does not contain the named entry.
        public var fetchesSender = false
        /// This account's own chain is fetched: the sender knows an entry of it that this device does not.
        public var fetchesOwn = false
        /// The sender is told of this account's newest entry: it knows an older one.
        public var tellsSender = false
        /// Own devices that the sender did not know of: they have no copy, and get one from here. The sender would send them
        /// one when it hears of them; that may be long.
        public var missedBy: [DeviceID] = []
    }

    /// What `device` does about the heads of a message.
    ///
    /// - Parameters:
    ///   - sender: the chain of the sender's account as it is known here.
    ///   - own: this account's chain; the same as `sender` for a message of an own device.
    public static func reaction(
        of device: DeviceID, to heads: MessageHeads, sender: Roster, own: Roster
    ) -> Reaction {
        var reaction = Reaction(fetchesSender: !sender.contains(heads.sender))
        guard heads.recipient != own.head else { return reaction }
        guard let entry = own.entries.last(where: { $0.head == heads.recipient }) else {
            reaction.fetchesOwn = true
            return reaction
        }
        reaction.tellsSender = sender.account != own.account
        reaction.missedBy = own.devices.map(\.id).filter { id in
            id != device && !entry.devices.contains { $0.id == id }
        }
        return reaction
    }

    /// What came of a fetch.
    public enum Outcome: Sendable, Equatable {
        /// Nothing new; the named entry was known.
        case unchanged
        case taken
        /// The chain that is served does not reach the entry that the message names, although there is one: a node that is
        /// behind, or withholds a removal. A warning. What there is of it is taken when `taken`.
        case withheld(taken: Bool)
        /// An alarm: two chains that go on differently behind entry `after`. The other one is taken when `taken`.
        case fork(after: UInt64, taken: Bool)

        /// Whether the fetched chain is the known one from now on.
        public var isTaken: Bool {
            switch self {
            case .unchanged: false
            case .taken: true
            case .withheld(let taken), .fork(_, let taken): taken
            }
        }
    }

    /// Compares a checked chain that was fetched with the known one.
    ///
    /// - Parameter named: the entry that the message names.
    /// - Precondition: both are of the same account.
    public static func outcome(of fetched: Roster, known: Roster, named: RosterHead) -> Outcome {
        switch known.judge(fetched) {
        case .same, .older: known.contains(named) ? .unchanged : .withheld(taken: false)
        case .newer: fetched.contains(named) ? .taken : .withheld(taken: true)
        case .forkThatWins(let after): .fork(after: after, taken: true)
        case .forkThatLoses(let after): .fork(after: after, taken: false)
        }
    }

    /// Whether a message counts.
    public enum Admission: Sendable, Equatable {
        case accepted
        /// The chain goes through the entry that the message names, and its newest does not list the sender.
        case refused
        /// The sender is not listed yet, and the entry that it names could not be fetched. The envelope stays where it is,
        /// unacknowledged: a sender that was told "stored" does not send it again.
        case undecided
    }

    /// Judges a sender by its account's chain after a fetch, if there was one.
    public static func admission(of sender: DeviceID, naming head: RosterHead, under roster: Roster) -> Admission {
        if roster.device(sender) != nil { return .accepted }
        return roster.contains(head) ? .refused : .undecided
    }

    /// Which own devices are to be compared with, by reconciliation, after `new` took the place of `old`.
    ///
    /// A device that was removed may have sent to some of them and not to others, and from now on nobody takes what it
    /// sends. A device that is new to this one lacks what was sent and received here under the old roster; and one that is
    /// new itself asks everybody.
    ///
    /// - Parameter own: this account's newest chain; the same as `new` when it is this account's.
    public static func compares(_ device: DeviceID, old: Roster, new: Roster, own: Roster) -> [DeviceID] {
        let others = own.devices.map(\.id).filter { $0 != device }
        let isSomebodyGone = old.devices.contains { new.device($0.id) == nil }
        let isNewItself = new.account == own.account && old.device(device) == nil
        if isSomebodyGone || isNewItself { return others }
        return new.account == own.account ? others.filter { old.device($0) == nil } : []
    }
}
