import SpeemIdentity
import SpeemStore
import Testing

@testable import SpeemDevice

struct WayRowsTests {
    /// A message for several devices is listed once.
    @Test func onceForAMessage() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("laptop").devices[0]
            let bob = try await mesh.account("b1", "b2", "b3")
            try await mesh.meet(alice, bob, name: "bob")
            for number in 1...2 { _ = try await alice.text("\(number)", to: bob.key.publicKey, sent: Int64(number)) }
            func ways() async throws -> [Way] {
                WayRows.perMessage(try await alice.state.store.read { try WayRows.unstored(in: $0) })
            }
            let first = try await ways()
            #expect(first.count == 2 && Set(first.map(\.message)).count == 2)
            #expect(try await alice.count("outgoing") == 6)
            // What keeps it waiting is told, whichever device it is for.
            try await alice.write { connection in
                try connection.execute("UPDATE outgoing SET state = 1")
                try connection.execute("UPDATE outgoing SET trouble = 'full' WHERE id = (SELECT max(id) FROM outgoing)")
                try connection.execute("UPDATE outgoing SET state = 0 WHERE id = (SELECT min(id) + 1 FROM outgoing)")
            }
            let second = try await ways()
            #expect(second.map(\.state) == [.waiting, .queued])
            #expect(second.map(\.trouble) == [nil, "full"])
            #expect(second.map(\.message) == first.map(\.message))
        }
    }
}
