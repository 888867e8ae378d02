import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import Testing

@testable import SpeemDevice

/// A node that comes back with an older disk: noticed, told to begin anew, and supplied again.
struct RolledBackNodeTests {
    private func epoch(_ device: TestDevice) async throws -> JSON? {
        try await device.call("nodes").arrayValue?.first?["epoch"]
    }

    @Test func everythingIsBroughtAgain() async throws {
        try await TestPair.with { pair in
            #expect(try await pair.alice.send("bob", "one") == "stored")
            #expect(try await pair.bob.inbox() == ["alice: one"])
            #expect(try await pair.bob.send("alice", "warm") == "stored")
            #expect(try await pair.alice.inbox() == ["bob: warm"])
            _ = try await pair.bob.contacts()
            let before = try await epoch(pair.bob)
            try await pair.bobNode.stop()
            let copy = try await pair.bobNode.copyDisk()
            try await pair.bobNode.start()

            // What the older disk does not know: mail fetched and not fetched, an invite, and something to forward.
            #expect(try await pair.alice.send("bob", "two") == "stored")
            #expect(try await pair.bob.inbox() == ["alice: two"])
            let invite = try await pair.bob.invite()
            try await pair.aliceNode.stop()
            #expect(try await pair.bob.send("alice", "on its way") == "queued")
            _ = try await pair.bob.contacts()
            try await pair.aliceNode.start()
            try await until("it is there") { try await pair.alice.inbox(all: true).contains("bob: on its way") }
            #expect(try await pair.alice.send("bob", "three") == "stored")
            try await pair.aliceNode.stop()
            #expect(try await pair.bob.send("alice", "still queued") == "queued")
            try await pair.bobNode.stop()
            try await pair.bobNode.restore(copy)
            try await pair.bobNode.start()
            try await pair.aliceNode.start()

            _ = try await pair.bob.contacts()
            let after = try await epoch(pair.bob)
            #expect(before != nil && after != nil && before != after)
            // Bob's message goes out once more; alice hears that mail was lost, and sends hers once more.
            try await until("what was queued there comes") {
                _ = try await pair.bob.sent()
                return try await pair.alice.inbox(all: true).contains("bob: still queued")
            }
            try await until("what was stored there comes") {
                _ = try await pair.alice.sent()
                return try await pair.bob.inbox(all: true).contains("alice: three")
            }
            #expect(
                try await pair.bob.inbox(all: true).sorted() == ["alice: one", "alice: three", "alice: two"])
            #expect(
                try await pair.alice.inbox(all: true).sorted() == [
                    "bob: on its way", "bob: still queued", "bob: warm",
                ])
            // The grants are there: alice deposits, and a new session finds prekeys.
            try await pair.alice.open { device in
                try await device.state.store.write { try $0.execute("DELETE FROM session") }
            }
            #expect(try await pair.alice.send("bob", "four") == "stored")
            #expect(try await pair.bob.inbox().contains("alice: four"))
            // So is the invite.
            let carol = try await TestDevice("carol")
            let node = try await TestNode()
            try await node.start()
            _ = try await carol.accept(await node.claim?.text ?? "")
            _ = try await carol.accept(invite, name: "bob")
            #expect(try await pair.bob.contacts().contains("carol confirmed"))
            // It happens once.
            #expect(try await epoch(pair.bob) == after)
            let notices = try await pair.bob.call("notices").arrayValue ?? []
            #expect(notices.count { $0["text"]?.stringValue?.contains("older disk") == true } == 1)
            try await node.stop()
        }
    }

    /// A home node whose roster went back gets what it lacks, also when the roster is changed before it is visited.
    @Test func theRosterOfAHomeThatWentBack() async throws {
        let bob = try await TestDevice("bob")
        let (home, second, third) = (try await TestNode(), try await TestNode(), try await TestNode())
        for node in [home, second, third] { try await node.start() }
        _ = try await bob.accept(await home.claim?.text ?? "")
        _ = try await bob.contacts()
        try await home.stop()
        let copy = try await home.copyDisk()
        try await home.start()
        _ = try await bob.accept(await second.claim?.text ?? "")
        _ = try await bob.contacts()
        try await home.stop()
        try await home.restore(copy)
        try await home.start()
        // The next change finds a head that it does not expect.
        _ = try await bob.accept(await third.claim?.text ?? "")
        _ = try await bob.contacts()
        let nodes = try await bob.call("nodes").arrayValue ?? []
        #expect(nodes.map { $0["reachable"] } == [.bool(true), .bool(true), .bool(true)])
        let heads = try await bob.open { device in
            var heads: Set<[UInt8]> = [try await device.state.roster().head.bytes]
            for node in try await device.state.ownNodes() {
                let connection = try await device.connections.connection(device.state.ownInitiator, at: node.entry)
                heads.insert([UInt8](try await connection.nodeStatus().rosterHead))
            }
            return heads
        }
        #expect(heads.count == 1)
        for node in [home, second, third] { try await node.stop() }
    }

    /// A node that only starts again is the same node.
    @Test func aNewStartIsNoStepBack() async throws {
        try await TestPair.with { pair in
            _ = try await pair.bob.contacts()
            let before = try await epoch(pair.bob)
            for _ in 0..<2 {
                try await pair.bobNode.stop()
                try await pair.bobNode.start()
                _ = try await pair.bob.contacts()
            }
            #expect(try await epoch(pair.bob) == before)
            #expect(try await pair.bob.call("notices").arrayValue?.isEmpty == true)
        }
    }
}
