import SpeemMailbox

/// Whose deposits the spool has room for: the rules of the mailboxes (``SpeemMailbox/Quota``) over what is left of the spool
/// at this boot. Pure.
///
/// What earlier boots took in cannot be read, so whose it was is not known; each boot shares out what they left.
struct LockedShares: Sendable {
    private let quota: Quota
    private let contacts: Int64
    private var used: [Int64: Int64] = [:]
    private var own: Int64 = 0
    private var total: Int64 = 0

    /// Bytes of a file's header, and of what a record has beside its entries, in the worst case.
    static let overhead: Int64 = 1024

    /// - Parameters:
    ///   - free: bytes that earlier boots have left.
    ///   - perContact: bytes that one contact may have at the most.
    init(free: Int64, perContact: Int64, contacts: Int64) {
        quota = Quota(total: max(free, 0), perContact: perContact, own: max(free, 0) / 10)
        self.contacts = contacts
    }

    /// Takes `size` bytes of a party's share.
    mutating func take(_ size: Int64, of party: Int64) -> Quota.Verdict {
        let depositor = Quota.Depositor(party: party)
        let size = size + Self.overhead
        let usage = Quota.Usage(
            depositor: depositor == .ownDevice ? own : used[party] ?? 0, own: own, total: total, contacts: contacts)
        let verdict = quota.decide(size: size, depositor: depositor, usage: usage)
        if verdict == .accepted { book(size, party, depositor) }
        return verdict
    }

    /// Gives back what was not written after all.
    mutating func giveBack(_ size: Int64, of party: Int64) {
        book(-size - Self.overhead, party, Quota.Depositor(party: party))
    }

    private mutating func book(_ size: Int64, _ party: Int64, _ depositor: Quota.Depositor) {
        total += size
        switch depositor {
        case .ownDevice: own += size
        case .contact: used[party, default: 0] += size
        }
    }
}
