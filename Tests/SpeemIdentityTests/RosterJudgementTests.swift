import Testing

@testable import SpeemIdentity

struct RosterJudgementTests {
    private func extended(_ roster: Roster, _ entries: RosterEntry...) throws -> Roster {
        var copy = roster
        for entry in entries { try copy.append(entry) }
        return copy
    }

    @Test func newerIsTakenAndOlderIsNot() throws {
        let alice = try Person()
        let newer = try extended(alice.roster, try alice.next(nodes: []))
        #expect(alice.roster.judge(newer) == .newer)
        #expect(newer.judge(alice.roster) == .older)
        #expect(newer.judge(newer) == .same)
        #expect(RosterJudgement.newer.isTaken && !RosterJudgement.older.isTaken && !RosterJudgement.same.isTaken)
    }

    @Test func aForkOfDevicesKeepsWhatIsKnown() throws {
        let alice = try Person()
        let one = try extended(alice.roster, try alice.next(nodes: []))
        let other = try extended(
            alice.roster, try alice.next(devices: [alice.device.entry, DeviceKeys(random: random).entry]))
        #expect(one.judge(other) == .forkThatLoses(after: 1))
        #expect(other.judge(one) == .forkThatLoses(after: 1))
    }

    /// A stolen device goes on by itself; the recovery words go on from before it.
    @Test func theBranchOfTheAccountKeyWins() throws {
        let alice = try Person()
        let hostile = try extended(alice.roster, try alice.next(nodes: []))
        let mine = DeviceKeys(random: random)
        let recovered = try extended(
            alice.roster,
            try RosterEntry.recovery(
                after: alice.roster.newest, account: alice.account, devices: [mine.entry], nodes: [alice.node]))
        #expect(hostile.judge(recovered) == .forkThatWins(after: 1))
        #expect(recovered.judge(hostile) == .forkThatLoses(after: 1))
        #expect(RosterJudgement.forkThatWins(after: 1).isTaken && !RosterJudgement.forkThatLoses(after: 1).isTaken)
    }

    /// Two branches of the account key: somebody else has the words, too. Nothing decides, so nothing changes.
    @Test func twoBranchesOfTheAccountKeyDecideNothing() throws {
        let alice = try Person()
        func branch() throws -> Roster {
            try extended(
                alice.roster,
                try RosterEntry.recovery(
                    after: alice.roster.newest, account: alice.account, devices: [DeviceKeys(random: random).entry],
                    nodes: []))
        }
        let one = try branch()
        #expect(one.judge(try branch()) == .forkThatLoses(after: 1))
    }

    @Test func aRecoveryEntryNeedsTheAccountKey() throws {
        let alice = try Person()
        let mallory = try Person()
        var copy = alice.roster
        let forged = try RosterEntry.recovery(
            after: alice.roster.newest, account: mallory.account, devices: [mallory.device.entry], nodes: [])
        #expect(throws: IdentityError.self) { try copy.append(forged) }
        #expect(copy == alice.roster)
    }
}
