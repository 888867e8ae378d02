/// What to make of another chain of an account that is known already.
public enum RosterJudgement: Sendable, Equatable {
    case same
    /// It goes on from the known one: take it.
    case newer
    /// The known one goes on from it: keep the known one. Whoever serves it is behind, or withholds entries.
    case older
    /// Both go on differently behind entry `after`, which no honest device does: an alarm. The account key signed the
    /// other branch and not the known one: take it.
    case forkThatWins(after: UInt64)
    /// As before, and the known branch is the one that the account key signed, or neither is, or both: keep it.
    case forkThatLoses(after: UInt64)

    /// Whether the other chain is to be kept from now on.
    public var isTaken: Bool {
        switch self {
        case .newer, .forkThatWins: true
        case .same, .older, .forkThatLoses: false
        }
    }
}

extension Roster {
    /// Compares with another checked chain of the same account.
    ///
    /// - Precondition: it is of the same account.
    public func judge(_ other: Roster) -> RosterJudgement {
        precondition(account == other.account, "chains of two accounts")
        switch relation(of: other) {
        case .same: return .same
        case .newer: return .newer
        case .older: return .older
        case .fork(let after):
            // Below both counts: neither chain ends where they part.
            let index = Int(clamping: after)
            let isOurs = entries[index].signer == .account
            let isTheirs = other.entries[index].signer == .account
            return isTheirs && !isOurs ? .forkThatWins(after: after) : .forkThatLoses(after: after)
        }
    }
}
