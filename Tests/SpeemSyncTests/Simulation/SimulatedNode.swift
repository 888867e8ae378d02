import SpeemIdentity
import SpeemMailbox
import SpeemSync

/// A node as its peers see it. A value: a copy of it is an old disk.
struct SimulatedNode {
    struct Slot {
        let sequence: Int
        let letter: Letter
        /// Whose share of the space it takes.
        let party: Int
    }

    struct Job {
        let device: DeviceID
        let parcel: Int
        /// Of the far account, by their places in the world.
        let nodes: [Int]
        let letters: [Letter]
        var item: OutboxItem
    }

    enum Outcome {
        case stored
        case duplicate
        case full
        case unknownMailbox
    }

    /// Envelopes that a party may have waiting: few, so that mailboxes fill up.
    static let quota = Quota(total: 40, perContact: 14, own: 26)

    let account: Int
    var epoch: Int
    var commit: UInt64 = 0
    /// nil until the owner's devices have taken it.
    var roster: Roster?
    var mailboxes: [DeviceID: [Slot]] = [:]
    /// What was ever deposited: the same letter again is the same deposit.
    var known: Set<Int> = []
    var sequence = 0
    var revoked: Set<DeviceID> = []
    /// After a reset: contacts have no grants yet.
    var isBare = false
    var outbox: [Job] = []
    /// Parties that were refused for want of room.
    var refusedParties: Set<Int> = []

    init(account: Int, epoch: Int, roster: Roster?) {
        self.account = account
        self.epoch = epoch
        if let roster { take(roster) }
    }

    var continuity: NodeContinuity {
        NodeContinuity(
            epoch: [UInt8(truncatingIfNeeded: epoch >> 8), UInt8(truncatingIfNeeded: epoch)], commit: commit)
    }

    func serves(_ device: DeviceID, of account: Int) -> Bool {
        guard let roster else { return false }
        return account == self.account ? roster.device(device) != nil : !isBare && !revoked.contains(device)
    }

    mutating func deposit(_ letter: Letter) -> Outcome {
        guard mailboxes[letter.target] != nil else { return .unknownMailbox }
        guard !known.contains(letter.number) else { return .duplicate }
        let own = mailboxes.values.joined().count { $0.party == account }
        let all = mailboxes.values.reduce(0) { $0 + $1.count }
        let isOwn = letter.account == account
        let usage = Quota.Usage(
            depositor: Int64(isOwn ? own : all - own), own: Int64(own), total: Int64(all), contacts: 1)
        guard Self.quota.decide(size: 1, depositor: isOwn ? .ownDevice : .contact, usage: usage) == .accepted else {
            refusedParties.insert(letter.account)
            return .full
        }
        commit += 1
        sequence += 1
        known.insert(letter.number)
        mailboxes[letter.target]?.append(Slot(sequence: sequence, letter: letter, party: letter.account))
        return .stored
    }

    /// - Returns: whether somebody who was refused can be told that there is room.
    mutating func acknowledge(_ sequences: Set<Int>, of device: DeviceID) -> Bool {
        guard let box = mailboxes[device], box.contains(where: { sequences.contains($0.sequence) }) else {
            return false
        }
        commit += 1
        mailboxes[device] = box.filter { !sequences.contains($0.sequence) }
        defer { refusedParties = [] }
        return !refusedParties.isEmpty
    }

    /// The home node's compare and swap.
    mutating func append(_ entry: RosterEntry, bug: Bug?) -> Bool {
        guard var chain = roster else { return false }
        if chain.contains(entry.head) { return true }
        if bug == .nodeWithoutCompareAndSwap,
            let index = chain.entries.firstIndex(where: { $0.head == entry.previous }),
            var cut = try? Roster(verifying: chain.entries[...index].map(\.encoded), account: chain.account)
        {
            guard (try? cut.append(entry)) != nil else { return false }
            take(cut)
            return true
        }
        guard (try? chain.append(entry)) != nil else { return false }
        take(chain)
        return true
    }

    /// Another own node's chain, or the one that a device brings: only descendants.
    mutating func take(_ chain: Roster) {
        if let roster, roster.account != chain.account { return }
        commit += 1
        roster = chain
        let listed = Set(chain.devices.map(\.id))
        mailboxes = mailboxes.filter { listed.contains($0.key) }
        for id in listed where mailboxes[id] == nil { mailboxes[id] = [] }
    }

    mutating func reset(from old: NodeContinuity, to epoch: Int) {
        guard old.epoch == continuity.epoch else { return }
        self.epoch = epoch
        commit += 1
        isBare = true
        revoked = []
    }
}
