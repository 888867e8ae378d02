import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf
import Synchronization
import Testing

@testable import SpeemDevice

struct MeetingTests {
    /// Each accepts the other's invite before it has read the other's request.
    @Test func bothAcceptAtTheSameTime() async throws {
        try await TestPair.with(contacts: false) { pair in
            let (fromAlice, fromBob) = (try await pair.alice.invite(), try await pair.bob.invite())
            _ = try await pair.alice.accept(fromBob, name: "bob")
            _ = try await pair.bob.accept(fromAlice)
            for _ in 0..<2 {
                _ = try await pair.alice.contacts()
                _ = try await pair.bob.contacts()
            }
            #expect(try await pair.alice.contacts() == ["bob confirmed"])
            #expect(try await pair.bob.contacts() == ["alice confirmed"])
            for number in 1...3 {
                #expect(try await pair.alice.send("bob", "a\(number)") == "stored")
                #expect(try await pair.bob.send("alice", "b\(number)") == "stored")
                #expect(try await pair.bob.inbox() == ["alice: a\(number)"])
                #expect(try await pair.alice.inbox() == ["bob: b\(number)"])
            }
            #expect(try await pair.alice.call("status")["waiting"] == .integer(0))
            #expect(try await pair.alice.open { try await $0.waitingContacts() } == [])
        }
    }

    /// Side by side in one process, as a daemon's callers may do it.
    @Test func theSameInviteAcceptedManyTimesAtOnce() async throws {
        try await TestPair.with(contacts: false) { pair in
            let invite = try await pair.bob.invite()
            try await pair.alice.open { device in
                let control = DeviceControl(device: device, isDaemon: true)
                let made = await withTaskGroup(of: String?.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            do {
                                let result = try await control.call(
                                    "accept", .object(["invite": .string(invite), "name": .string("bob")]),
                                    session: ControlSession { _, _ in })
                                return result["contact"]?.stringValue
                            } catch {
                                #expect("\(error)" == "\"bob\" is a contact already")
                                return nil
                            }
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                #expect(made.compactMap(\.self) == ["bob"])
            }
            _ = try await pair.bob.contacts()
            #expect(try await pair.alice.contacts() == ["bob confirmed"])
        }
    }

    @Test func whatRunsOneAtATimeKeepsItsOrder() async throws {
        let order = OneAtATime()
        let (ends, end) = AsyncStream.makeStream(of: Int.self)
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        struct Failed: Error {}
        let first = Task {
            try await order.run {
                for await _ in gate { break }
                end.yield(1)
                throw Failed()
            }
        }
        // The first is in line once a second look finds it there.
        while await order.isIdle { await Task.yield() }
        let isOver = Mutex(false)
        async let second: Void = order.run {
            isOver.withLock { $0 = true }
            end.yield(2)
        }
        for _ in 0..<1000 { await Task.yield() }
        #expect(!isOver.withLock { $0 })
        open.yield()
        await #expect(throws: Failed.self) { try await first.value }
        try await second
        end.finish()
        #expect(await ends.reduce(into: []) { $0.append($1) } == [1, 2])
    }

    /// The name that comes with an answer counts once, and never in the place of another's.
    @Test func namesThatAreClaimed() async throws {
        try await TestPair.with(contacts: false) { pair in
            _ = try await pair.alice.accept(try await pair.bob.invite())
            _ = try await pair.bob.contacts()
            #expect(try await pair.alice.contacts() == ["bob confirmed"])
            try await pair.alice.open { device in
                try await device.state.store.write { connection in
                    let bob = try ContactRows.find(name: "bob", in: connection)
                    #expect(try !ContactRows.confirm(bob, in: connection))
                    try OwnSync(state: device.state).name(bob.account, "mallory", in: connection)
                    #expect(try ContactRows.all(in: connection).map(\.name) == ["bob"])
                    #expect(try ContactRows.isTaken("ＢＯＢ", in: connection))
                    #expect(try !ContactRows.isTaken("bo", in: connection))
                }
            }
            let carol = try await TestDevice("BOB")
            let node = try await TestNode()
            try await node.start()
            _ = try await carol.accept(try #require(await node.claim).text)
            _ = try await carol.accept(try await pair.alice.invite())
            #expect(try await pair.alice.contacts() == ["BOB-2 confirmed", "bob confirmed"])
            let taken = try await pair.bob.invite()
            let error = await #expect(throws: ControlError.self) { _ = try await carol.accept(taken, name: "Alice ") }
            #expect(error?.message.hasPrefix("this name cannot be used") == true)
            try await node.stop()
        }
    }

    /// The node will never take the key: that is said, and not tried for ever.
    @Test func aGrantThatIsRefusedForGood() async throws {
        try await TestPair.with(contacts: false) { pair in
            _ = try await pair.alice.accept(try await pair.bob.invite(), name: "bob")
            // Alice's own device uses up what it has offered.
            try await pair.alice.open { device in
                let state = device.state
                let (secret, node) = try await state.store.read { connection in
                    let secret = try connection.first("SELECT secret FROM invite WHERE own = 0") {
                        row throws(StoreError) in try row.secret(0)
                    }
                    return (secret, try OwnRoster.load(account: state.account, in: connection).nodes.first)
                }
                let (keys, home) = (InviteKeys(secret: try #require(secret)), try #require(node))
                let oneTime = try await state.store.write {
                    try InitiatorRows.insertOneTime(keys, node: home, in: $0)
                }
                let key = X25519.PrivateKey(random: state.random).publicKey
                let response = try await device.connections.connection(oneTime: oneTime).request(
                    .with { $0.redeem = .with { $0.initiatorKey = .init(key.bytes) } })
                try response.requireNoRefusal()
            }
            #expect(try await pair.bob.contacts() == ["alice confirmed"])
            let problem = try await pair.bob.call("contacts").arrayValue?.first?["problem"]?.stringValue
            #expect(problem?.isEmpty == false)
            #expect(try await pair.bob.send("alice", "hello") == "failed")
            let sent = try await pair.bob.call("sent")["messages"]?.arrayValue?.first
            #expect(sent?["failure"]?.stringValue == problem)
            #expect(try await pair.bob.open { try await $0.waitingContacts() } == [])
        }
    }
}
