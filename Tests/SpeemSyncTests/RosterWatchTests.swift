import SpeemIdentity
import Testing

@testable import SpeemSync

struct RosterWatchTests {
    private static func theirs(_ steps: [[Int]]) throws -> Roster { try Chain.make(steps, account: 1) }

    // MARK: What the heads ask for

    @Test func headsThatAreKnownAskForNothing() throws {
        let own = try Chain.make([[0, 1]])
        let sender = try Self.theirs([[0], [0, 1]])
        let heads = MessageHeads(sender: sender.head, recipient: own.head)
        #expect(RosterWatch.reaction(of: Chain.id(0), to: heads, sender: sender, own: own) == .init())
        // A sender that is behind on its own account hears of it from its own node.
        let behind = MessageHeads(sender: sender.entries[0].head, recipient: own.head)
        #expect(RosterWatch.reaction(of: Chain.id(0), to: behind, sender: sender, own: own) == .init())
    }

    @Test func unknownHeadsAreFetched() throws {
        let own = try Chain.make([[0, 1]])
        let ownNewer = try Chain.make([[0, 1], [0, 1, 2]])
        let sender = try Self.theirs([[0]])
        let senderNewer = try Self.theirs([[0], [0, 1]])
        let heads = MessageHeads(sender: senderNewer.head, recipient: ownNewer.head)
        #expect(
            RosterWatch.reaction(of: Chain.id(0), to: heads, sender: sender, own: own)
                == .init(fetchesSender: true, fetchesOwn: true))
    }

    @Test func aSenderThatIsBehindIsToldAndMissedDevicesGetACopy() throws {
        let own = try Chain.make([[0, 1], [0, 1, 2], [0, 1, 2, 3]])
        let sender = try Self.theirs([[0]])
        let heads = MessageHeads(sender: sender.head, recipient: own.entries[0].head)
        #expect(
            RosterWatch.reaction(of: Chain.id(0), to: heads, sender: sender, own: own)
                == .init(tellsSender: true, missedBy: [Chain.id(2), Chain.id(3)]))
        // The new device itself misses nothing of what it has here.
        #expect(
            RosterWatch.reaction(of: Chain.id(2), to: heads, sender: sender, own: own).missedBy == [Chain.id(3)])
    }

    @Test func anOwnDeviceThatIsBehindIsToldByItsNode() throws {
        let own = try Chain.make([[0, 1], [0, 1, 2]])
        let heads = MessageHeads(sender: own.entries[0].head, recipient: own.entries[0].head)
        #expect(
            RosterWatch.reaction(of: Chain.id(0), to: heads, sender: own, own: own)
                == .init(missedBy: [Chain.id(2)]))
    }

    // MARK: After a fetch

    @Test func whatComesOfAFetch() throws {
        let old = try Self.theirs([[0]])
        let middle = try Self.theirs([[0], [0, 1]])
        let new = try Self.theirs([[0], [0, 1], [0]])
        #expect(RosterWatch.outcome(of: new, known: old, named: new.head) == .taken)
        #expect(RosterWatch.outcome(of: new, known: old, named: middle.head) == .taken)
        #expect(RosterWatch.outcome(of: middle, known: middle, named: old.head) == .unchanged)
        #expect(RosterWatch.outcome(of: old, known: middle, named: old.head) == .unchanged)
        #expect(RosterWatch.outcome(of: old, known: old, named: new.head) == .withheld(taken: false))
        #expect(RosterWatch.outcome(of: old, known: middle, named: new.head) == .withheld(taken: false))
        #expect(RosterWatch.outcome(of: middle, known: old, named: new.head) == .withheld(taken: true))
    }

    @Test func aForkIsAnAlarm() throws {
        let base = try Self.theirs([[0, 1]])
        var ours = base
        try Chain.extend(&ours, [0], account: 1)
        var theirs = base
        try Chain.extend(&theirs, [1], account: 1, signer: 1)
        #expect(RosterWatch.outcome(of: theirs, known: ours, named: theirs.head) == .fork(after: 1, taken: false))
        var recovered = base
        try recovered.append(
            try RosterEntry.recovery(
                after: base.newest, account: KeyPool.accounts[1], devices: [KeyPool.deviceEntries[1][2]],
                nodes: base.nodes))
        #expect(RosterWatch.outcome(of: recovered, known: ours, named: ours.head) == .fork(after: 1, taken: true))
    }

    @Test func onlyWhatIsTakenIsKept() {
        #expect(RosterWatch.Outcome.taken.isTaken && RosterWatch.Outcome.withheld(taken: true).isTaken)
        #expect(RosterWatch.Outcome.fork(after: 3, taken: true).isTaken)
        #expect(!RosterWatch.Outcome.unchanged.isTaken && !RosterWatch.Outcome.withheld(taken: false).isTaken)
        #expect(!RosterWatch.Outcome.fork(after: 3, taken: false).isTaken)
    }

    // MARK: Whether a sender counts

    @Test func senders() throws {
        let roster = try Self.theirs([[0, 1], [0]])
        let later = try Self.theirs([[0, 1], [0], [0, 2]])
        let id = { Chain.id($0, account: 1) }
        #expect(RosterWatch.admission(of: id(0), naming: roster.head, under: roster) == .accepted)
        #expect(RosterWatch.admission(of: id(0), naming: later.head, under: roster) == .accepted)
        // Removed, whatever old entry it names.
        #expect(RosterWatch.admission(of: id(1), naming: roster.head, under: roster) == .refused)
        #expect(RosterWatch.admission(of: id(1), naming: roster.entries[0].head, under: roster) == .refused)
        // Linked by an entry that this device has not seen.
        #expect(RosterWatch.admission(of: id(2), naming: later.head, under: roster) == .undecided)
        #expect(RosterWatch.admission(of: id(2), naming: later.head, under: later) == .accepted)
    }

    // MARK: Whom to compare with

    @Test func aRemovalIsComparedAboutWithAll() throws {
        let own = try Chain.make([[0, 1, 2]])
        let old = try Self.theirs([[0, 1]])
        let removed = try Self.theirs([[0, 1], [0]])
        let added = try Self.theirs([[0, 1], [0, 1, 2]])
        #expect(
            RosterWatch.compares(Chain.id(0), old: old, new: removed, own: own) == [Chain.id(1), Chain.id(2)])
        #expect(RosterWatch.compares(Chain.id(0), old: old, new: added, own: own).isEmpty)
    }

    @Test func aNewOwnDeviceIsComparedWith() throws {
        let old = try Chain.make([[0, 1]])
        let added = try Chain.make([[0, 1], [0, 1, 2]])
        let removed = try Chain.make([[0, 1], [0, 1, 2], [0, 2]])
        #expect(RosterWatch.compares(Chain.id(0), old: old, new: added, own: added) == [Chain.id(2)])
        #expect(RosterWatch.compares(Chain.id(0), old: added, new: removed, own: removed) == [Chain.id(2)])
        // The new one asks all.
        #expect(RosterWatch.compares(Chain.id(2), old: old, new: added, own: added) == [Chain.id(0), Chain.id(1)])
    }
}
