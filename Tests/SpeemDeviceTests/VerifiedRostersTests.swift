import SpeemCrypto
import SpeemIdentity
import SpeemSessions
import SpeemStore
import Testing

@testable import SpeemDevice

struct VerifiedRostersTests {
    private func chain(_ count: Int) throws -> Roster {
        let keys = DeviceKeys(random: SystemRandomSource())
        var roster = try Roster(
            genesis: .genesis(account: AccountKey(random: SystemRandomSource()), devices: [keys.entry], nodes: []))
        while roster.entries.count < count {
            try roster.append(
                RosterEntry.next(after: roster.newest, signedBy: keys, devices: roster.devices, nodes: []))
        }
        return roster
    }

    @Test func verifiedOnce() throws {
        let roster = try chain(50)
        let encoded = roster.entries.map(\.encoded)
        var count = 0
        for _ in 0..<3 {
            let found = try VerifiedRosters.roster(newest: roster.newest.encoded, account: roster.account) {
                count += 1
                return encoded
            }
            #expect(found == roster)
        }
        #expect(count == 1)
        // What came before is another entry, and has nothing to do with it.
        let before = try VerifiedRosters.roster(newest: encoded[48], account: roster.account) {
            count += 1
            return Array(encoded.prefix(49))
        }
        #expect(before.head == roster.entries[48].head && count == 2)
    }

    @Test func anotherAccountsIsVerified() throws {
        let (roster, other) = (try chain(3), try chain(1))
        _ = try VerifiedRosters.roster(newest: roster.newest.encoded, account: roster.account) {
            roster.entries.map(\.encoded)
        }
        #expect(throws: DeviceError.self) {
            try VerifiedRosters.roster(newest: roster.newest.encoded, account: other.account) {
                roster.entries.map(\.encoded)
            }
        }
    }

    @Test func whatDoesNotVerifyIsNotKept() throws {
        let roster = try chain(4)
        var broken = roster.entries.map(\.encoded)
        broken[2][100] ^= 1
        for _ in 0..<2 {
            #expect(throws: DeviceError.self) {
                try VerifiedRosters.roster(newest: roster.newest.encoded, account: roster.account) { broken }
            }
        }
    }

    /// More than are kept: all are found, verified again where they must be.
    @Test func itIsBounded() throws {
        let rosters = try (0..<3).map { _ in try chain(900) }
        for _ in 0..<2 {
            for roster in rosters + rosters.reversed() {
                let found = try VerifiedRosters.roster(newest: roster.newest.encoded, account: roster.account) {
                    roster.entries.map(\.encoded)
                }
                #expect(found.head == roster.head)
            }
        }
    }

    /// A chain that was written and taken back leaves nothing behind.
    @Test func anUndoneTransaction() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("a1")
            let device = alice.devices[0]
            let genesis = try await device.state.roster()
            let entry = try RosterEntry.next(
                after: genesis.newest, signedBy: device.state.local.keys, devices: genesis.devices, nodes: [])
            struct Undone: Error {}
            let account = device.state.account
            await #expect(throws: Undone.self) {
                try await device.write { connection in
                    try OwnRoster.insert(entry, in: connection)
                    #expect(try OwnRoster.load(account: account, in: connection).head == entry.head)
                    throw Undone()
                }
            }
            #expect(try await device.state.roster() == genesis)
        }
    }
}
