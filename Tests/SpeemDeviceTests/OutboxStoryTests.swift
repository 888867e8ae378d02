import Logging
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemDevice

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The own node takes over, and the device goes to sleep: each command here is a device that is on for a moment.
struct OutboxStoryTests {
    private func outbox(_ device: TestDevice) async throws -> [String] {
        let messages = try await device.call("outbox")["messages"]?.arrayValue ?? []
        return messages.map { $0["state"]?.stringValue ?? "?" }
    }

    private func why(_ device: TestDevice, _ text: String) async throws -> [String] {
        let sent = try await device.call("sent")["messages"]?.arrayValue ?? []
        let id = sent.first { $0["text"] == .string(text) }?["id"]
        return try await device.call("why", ["message": id ?? .null])["words"]?.arrayValue?.compactMap(\.stringValue)
            ?? []
    }

    /// Queued, stored, delivered, read: each shows, and "read" only where it is allowed.
    @Test func theFarNodeComesBackWhileTheDeviceSleeps() async throws {
        try await TestPair.with { pair in
            // The route is registered with the first message.
            #expect(try await pair.alice.send("bob", "first") == "stored")
            #expect(try await pair.bob.inbox() == ["alice: first"])
            try await pair.bobNode.stop()
            #expect(try await pair.alice.send("bob", "second") == "queued")
            try await until("the own node has told what is in the way") {
                try await why(pair.alice, "second").contains {
                    $0.hasPrefix("your node cannot reach the contact's node")
                }
            }
            #expect(try await outbox(pair.alice) == ["queued"])
            // The own node starts anew in between, and has it still.
            try await pair.aliceNode.stop()
            try await pair.aliceNode.start()
            #expect(try await outbox(pair.alice) == ["queued"])
            try await pair.aliceNode.stop()
            try await pair.bobNode.start()
            // From here on only the nodes are on.
            try await pair.aliceNode.start()
            try await until("it has come") { try await pair.bob.inbox(all: true).count == 2 }
            #expect(try await pair.alice.sent() == ["delivered first", "delivered second"])
            #expect(try await outbox(pair.alice) == [])
            #expect(try await why(pair.alice, "second") == ["a device of bob has it"])
            // Bob has read both, and does not let that be known.
            try await pair.bob.call("settings", ["name": .string("read_receipts"), "value": .bool(true)])
            #expect(try await pair.alice.send("bob", "third") == "stored")
            #expect(try await pair.bob.inbox().contains("alice: third"))
            try await until("bob lets it be known") { try await pair.alice.sent().last == "read third" }
            #expect(try await pair.alice.sent().first == "delivered first")
            try await pair.bob.call("settings", ["name": .string("read_receipts"), "value": .bool(false)])
            #expect(try await pair.alice.send("bob", "fourth") == "stored")
            #expect(try await pair.bob.inbox() == ["alice: fourth"])
            try await until("it is delivered") { try await pair.alice.sent().last == "delivered fourth" }
        }
    }

    /// The own node is gone for good with messages in it, and the contact's node cannot be reached either.
    @Test func theOwnNodeIsLostWithMessagesInIt() async throws {
        try await TestPair.with { pair in
            #expect(try await pair.alice.send("bob", "first") == "stored")
            #expect(try await pair.bob.inbox() == ["alice: first"])
            _ = try await pair.alice.sent()
            try await pair.bobNode.stop()
            #expect(try await pair.alice.send("bob", "second") == "queued")
            let lost = await pair.aliceNode.name
            try await pair.aliceNode.stop()
            #expect(try await why(pair.alice, "second").contains { $0.contains("speem nodes replace --lost") })
            let board = try await TestNode()
            try await board.start()
            try await pair.alice.call(
                "nodes.replace",
                ["node": .string(lost), "invite": .string(await board.claim?.text ?? ""), "lost": .bool(true)])
            let nodes = try await pair.alice.call("nodes").arrayValue ?? []
            #expect(nodes.map { $0["home"] } == [.bool(true), .bool(false)])
            #expect(nodes.map { $0["retired"] } == [.bool(false), .bool(true)])
            // Each one that does not answer says why.
            #expect(nodes.allSatisfy { ($0["problem"]?.stringValue != nil) == ($0["reachable"] == .bool(false)) })
            try await pair.bobNode.start()
            try await until("it is sent once more") { try await pair.alice.sent().last == "stored second" }
            #expect(try await pair.bob.inbox() == ["alice: second"])
            // Bob knows only the lost board; alice has told of the new one.
            _ = try await pair.bob.contacts()
            #expect(try await pair.bob.send("alice", "back") != "failed")
            try await until("bob has found the new board") {
                _ = try await pair.bob.sent()
                return try await pair.alice.inbox(all: true) == ["bob: back"]
            }
            try await until("its receipts come") { try await pair.alice.sent().last == "delivered second" }
            try await board.stop()
        }
    }

    /// A full mailbox at the other end: through the outbox, and when the device goes itself.
    @Test(arguments: [true, false])
    func backPressure(byRoute: Bool) async throws {
        let limits = "[mailbox]\nquota = \"10MB\"\nquota_per_contact = \"1MB\"\nquota_own = \"1MB\""
        try await TestPair.with(bobLimits: limits) { pair in
            #expect(try await pair.alice.send("bob", "first") == "stored")
            #expect(try await pair.bob.inbox() == ["alice: first"])
            if !byRoute { try await pair.alice.useNoRoute() }
            let text = String(repeating: "x", count: 60_000)
            try await pair.alice.open { device in
                let outgoing = OutgoingMail(state: device.state)
                try await device.state.store.write { connection in
                    let bob = try ContactRows.find(name: "bob", in: connection)
                    for number in 1...24 {
                        _ = try outgoing.queueText("\(number) " + text, to: bob, now: 0, in: connection)
                    }
                }
                device.poll = .seconds(3600)
                let work = Task { await BackgroundWork(device: device).run() }
                func troubles() async throws -> [String] {
                    try await device.state.store.read { try WayRows.unstored(in: $0) }.compactMap(\.trouble)
                }
                try await until("it is full") { try await troubles().contains { $0.contains("mailbox") } }
                // Bob reads, and there is room again: nobody asks, the node says so.
                var received: [String] = []
                try await until("all have come") {
                    received += try await pair.bob.inbox().compactMap {
                        $0.split(separator: " ").dropFirst().first.map(String.init)
                    }
                    return received.count == 24
                }
                #expect(received == (1...24).map(String.init))
                work.cancel()
                await device.connections.shutDown()
                await work.value
            }
        }
    }

    /// The own node refuses for lack of room, or has forgotten the route: nothing is lost, and nothing is doubled.
    @Test func theOwnNodeRefuses() async throws {
        try await TestPair.with { pair in
            #expect(try await pair.alice.send("bob", "first") == "stored")
            #expect(try await pair.bob.inbox() == ["alice: first"])
            try await pair.alice.open { device in
                let bob = try await device.state.store.read { try ContactRows.find(name: "bob", in: $0) }
                let outgoing = OutgoingMail(state: device.state)
                func send(_ text: String) async throws -> Courier.Outcome {
                    _ = try await device.state.store.write { try outgoing.queueText(text, to: bob, now: 0, in: $0) }
                    return try await device.courier.deliver(to: bob.id)
                }
                #expect(try await send("second").queued == 1)
                // The node forgets the route, and the device does not know.
                let name = try await device.state.store.read { try RouteRows.find(bob.id, in: $0)?.name ?? [] }
                let response = try await device.connections.own().request(
                    .with { $0.routeRemove = .with { $0.route = Data(name) } })
                try response.requireNoRefusal()
                // UNKNOWN_ROUTE: the device goes itself, and tells the route again with the next one.
                #expect(try await send("third").stored == 1)
                #expect(try await send("fourth").queued == 1)
            }
            try await until("all have come") { try await pair.bob.inbox(all: true).count == 4 }
            #expect(
                try await Set(pair.bob.inbox(all: true))
                    == ["alice: first", "alice: second", "alice: third", "alice: fourth"])
        }
    }

    /// The own node's quota for its owner is used up by what waits: the rest waits on the device, or goes itself.
    @Test func theOutboxIsFull() async throws {
        let limits = "[mailbox]\nquota = \"10MB\"\nquota_per_contact = \"1MB\"\nquota_own = \"1MB\""
        try await TestPair.with(bobLimits: limits) { pair in
            // Bob's node is the small one.
            #expect(try await pair.bob.send("alice", "0 first") == "stored")
            #expect(try await pair.alice.inbox() == ["bob: 0 first"])
            try await pair.aliceNode.stop()
            let text = String(repeating: "x", count: 60_000)
            try await pair.bob.open { device in
                let alice = try await device.state.store.read { try ContactRows.find(name: "alice", in: $0) }
                let outgoing = OutgoingMail(state: device.state)
                for number in 1...200 {
                    _ = try await device.state.store.write {
                        try outgoing.queueText("\(number) " + text, to: alice, now: 0, in: $0)
                    }
                }
                let outcome = try await device.courier.deliver(to: alice.id)
                let states = try await device.state.store.read { connection in
                    try connection.query("SELECT state FROM outgoing") { row throws(StoreError) in try row.integer(0) }
                }
                #expect(states.contains(0) && states.contains(1) && outcome.isWaiting, "\(outcome)")
            }
            try await pair.aliceNode.start()
            var received: Set<String> = []
            var count = 0
            try await until("all have come") {
                _ = try await pair.bob.sent()
                let new = try await pair.alice.inbox().compactMap {
                    $0.split(separator: " ").dropFirst().first.map(String.init)
                }
                received.formUnion(new)
                count += new.count
                return count >= 200
            }
            #expect(received.count == 200 && count == 200)
        }
    }
}
