import SpeemCrypto
import SpeemIdentity
import SpeemStore
import Testing

@testable import SpeemDevice

struct InitiatorRowsTests {
    /// Whoever begins again with an invite's key, and knows of nothing before, comes behind all earlier attempts.
    @Test func countersOfOneTimeKeysDoNotRunAheadOfTheClock() async throws {
        try await Mesh.with { mesh in
            let device = try await mesh.account("a1").devices[0]
            let random = device.state.random
            let node = try #require(try await device.state.roster().nodes.first)
            try await device.write { connection in
                let keys = InviteKeys(secret: random.secret(Invite.secretLength))
                var last: Int64 = 0
                for attempt in 0..<5 as Range<Int64> {
                    let id = try InitiatorRows.insertOneTime(keys, node: node, in: connection)
                    for _ in 0..<3 {
                        let reserved = try InitiatorRows.reserve(id, now: 1_000_000 + attempt * 10, in: connection)
                        #expect(reserved.lowerBound > last && reserved.count == 1)
                        last = reserved.upperBound - 1
                    }
                    try InitiatorRows.delete(id, in: connection)
                }
                #expect(last < 1_000_050)
            }
        }
    }

    @Test func countersOfPermanentKeysAreReservedInBlocks() async throws {
        try await Mesh.with { mesh in
            let device = try await mesh.account("a1").devices[0]
            let id = device.state.ownInitiator
            try await device.write { connection in
                let first = try InitiatorRows.reserve(id, now: 9_000_000, in: connection)
                let second = try InitiatorRows.reserve(id, now: 0, in: connection)
                #expect(first == 1..<1025 && second == 1025..<2049)
            }
        }
    }
}
