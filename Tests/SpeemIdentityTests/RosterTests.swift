import SpeemCrypto
import Testing

@testable import SpeemIdentity

struct RosterTests {
    @Test func growsAndIsCheckedFromTheBeginning() throws {
        var person = try Person()
        let second = DeviceKeys(random: random)
        try person.roster.append(person.next(devices: [person.device.entry, second.entry]))
        // Any device can go on, and remove any other.
        try person.roster.append(person.next(devices: [second.entry], by: second))
        #expect(person.roster.devices == [second.entry])
        let chain = person.roster.entries.map(\.encoded)
        let read = try Roster(
            verifying: chain, account: person.account.publicKey, through: person.roster.entries[1].head)
        #expect(read == person.roster && read.head == person.roster.head)
        #expect(read.device(second.entry.id) == second.entry && read.device(person.device.entry.id) == nil)
    }

    @Test func anEarlierStateGoesOnByItself() throws {
        var person = try Person()
        let genesis = person.roster
        let second = try person.next(nodes: [])
        try person.roster.append(second)
        try person.roster.append(person.next())
        #expect(person.roster.prefix(3) == person.roster && person.roster.prefix(1) == genesis)
        var earlier = person.roster.prefix(2)
        #expect(earlier.newest == second && !earlier.newest.lists(node: person.node.noise))
        #expect(genesis.newest.lists(node: person.node.noise))
        let recovery = try RosterEntry.recovery(
            after: second, account: person.account, devices: second.devices, nodes: [person.node])
        try earlier.append(recovery)
        #expect(person.roster.judge(earlier) == .forkThatWins(after: 2))
    }

    @Test func aRemovedDeviceCannotSign() throws {
        var person = try Person()
        let second = DeviceKeys(random: random)
        try person.roster.append(person.next(devices: [second.entry]))
        let forged = try person.next(devices: [person.device.entry])
        #expect(throws: IdentityError.self) { try person.roster.append(forged) }
        #expect(person.roster.entries.count == 2)
    }

    @Test func onlyTheNextEntryFits() throws {
        var person = try Person()
        let other = try Person()
        let good = try person.next()
        // Another's, one that skips, one with another signer's name.
        #expect(throws: IdentityError.self) { try person.roster.append(try other.next()) }
        let skipped = try RosterEntry.next(
            after: good, signedBy: person.device, devices: person.roster.devices, nodes: [])
        #expect(throws: IdentityError.self) { try person.roster.append(skipped) }
        #expect(throws: IdentityError.self) {
            try person.roster.append(try person.next(by: DeviceKeys(random: random)))
        }
        #expect(throws: IdentityError.self) { try person.roster.append(person.roster.newest) }
        try person.roster.append(good)
        #expect(throws: IdentityError.self) { try person.roster.append(good) }
    }

    @Test func everyFlippedByteOfAnEntryIsRefused() throws {
        let person = try Person()
        let good = try person.next()
        for index in good.encoded.indices {
            var bytes = good.encoded
            bytes[index] ^= 0x10
            var roster = person.roster
            guard let entry = try? RosterEntry(bytes) else { continue }
            #expect(throws: IdentityError.self, "byte \(index)") { try roster.append(entry) }
        }
    }

    @Test func contentsMustMakeSense() throws {
        var person = try Person()
        let twin = DeviceEntry(
            signing: DeviceKeys(random: random).signing.publicKey, identity: person.device.identity.publicKey,
            seal: DeviceKeys(random: random).seal.publicKey, noise: DeviceKeys(random: random).noise.publicKey)
        for devices in [[], [person.device.entry, person.device.entry], [person.device.entry, twin]] {
            let entry = try person.next(devices: devices)
            #expect(throws: IdentityError.self) { try person.roster.append(entry) }
        }
        let entry = try person.next(nodes: [person.node, person.node])
        #expect(throws: IdentityError.self) { try person.roster.append(entry) }
        #expect(throws: IdentityError.self) {
            _ = try person.next(devices: (0..<17).map { _ in DeviceKeys(random: random).entry })
        }
        #expect(throws: IdentityError.self) { _ = try person.next(nodes: (0..<9).map { _ in try node() }) }
    }

    @Test func aGenesisThatIsNone() throws {
        let person = try Person()
        #expect(throws: IdentityError.self) { _ = try Roster(genesis: try person.next()) }
        #expect(throws: IdentityError.self) { _ = try Roster(verifying: [], account: person.account.publicKey) }
        let stranger = try Person()
        #expect(throws: IdentityError.self) {
            _ = try Roster(verifying: [person.roster.newest.encoded], account: stranger.account.publicKey)
        }
        #expect(throws: IdentityError.self) {
            _ = try Roster(
                verifying: [[UInt8]](repeating: person.roster.newest.encoded, count: 1025),
                account: person.account.publicKey)
        }
    }

    /// A hacked node serves an older chain, or somebody else's.
    @Test func theHeadOfTheInviteMustBeInTheChain() throws {
        var person = try Person()
        let old = person.roster.entries.map(\.encoded)
        try person.roster.append(person.next())
        let promised = person.roster.head
        #expect(throws: IdentityError.headNotInChain) {
            _ = try Roster(verifying: old, account: person.account.publicKey, through: promised)
        }
        // A newer chain through that head is right.
        try person.roster.append(person.next())
        let newer = try Roster(
            verifying: person.roster.entries.map(\.encoded), account: person.account.publicKey, through: promised)
        #expect(newer.entries.count == 3)
    }

    @Test func relations() throws {
        var one = try Person()
        let first = one.roster
        try one.roster.append(one.next())
        var forked = first
        try forked.append(
            try RosterEntry.next(after: first.newest, signedBy: one.device, devices: first.devices, nodes: []))
        #expect(first.relation(of: first) == .same)
        #expect(first.relation(of: one.roster) == .newer)
        #expect(one.roster.relation(of: first) == .older)
        #expect(one.roster.relation(of: forked) == .fork(after: 1))
    }
}
