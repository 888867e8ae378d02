import SpeemDiscovery
import SpeemStore
import SpeemSync
import SpeemTransport
import Testing

@testable import SpeemDevice

struct ContactRemovalTests {
    private func discoveryKey(of device: TestDevice) async throws -> [UInt8]? {
        try await device.open { device in
            try await device.state.store.read { try DiscoveryRows.own(in: $0)?.endpoint([1]).digest }
        }
    }

    private func known(by device: TestDevice) async throws -> [UInt8]? {
        try await device.open { device in
            try await device.state.store.read { connection in
                let contact = try ContactRows.all(in: connection).first
                return try contact.flatMap { try DiscoveryRows.key(of: $0.id, in: connection) }?.endpoint([1]).digest
            }
        }
    }

    @Test func aContactLearnsTheDiscoveryKeyAndANewOne() async throws {
        try await TestPair.with { pair in
            try await eventually {
                _ = try await pair.alice.contacts()
                _ = try await pair.bob.contacts()
                let (alice, bob) = (try await known(by: pair.bob), try await known(by: pair.alice))
                return alice != nil && bob != nil
            }
            #expect(try await known(by: pair.bob) == discoveryKey(of: pair.alice))
            #expect(try await known(by: pair.alice) == discoveryKey(of: pair.bob))
        }
    }

    @Test func aRemovedContactIsGoneAndIsNotLetIn() async throws {
        try await TestPair.with { pair in
            _ = try await pair.bob.send("alice", "before")
            #expect(try await pair.alice.inbox() == ["bob: before"])
            let key = try await discoveryKey(of: pair.alice)
            try await pair.alice.call("contacts.remove", ["contact": .string("bob")])
            #expect(try await pair.alice.contacts().isEmpty)
            #expect(try await pair.alice.inbox(all: true).isEmpty)
            #expect(try await discoveryKey(of: pair.alice) != key)
            // Bob's grants are gone at alice's node: his own node and he himself meet silence.
            let state = try await pair.bob.send("alice", "after")
            #expect(state != "stored" && state != "delivered")
            #expect(try await pair.alice.inbox(all: true).isEmpty)
            await #expect(throws: (any Error).self) { try await pair.alice.send("bob", "who?") }
        }
    }

    /// Two people who know each other meet anew, although one has removed the other.
    @Test func aNewInviteMakesAContactAgain() async throws {
        try await TestPair.with { pair in
            try await pair.alice.call("contacts.remove", ["contact": .string("bob")])
            try await pair.bob.call("contacts.remove", ["contact": .string("alice")])
            _ = try await pair.alice.accept(try await pair.bob.invite(), name: "bob")
            _ = try await pair.bob.contacts()
            _ = try await pair.alice.contacts()
            _ = try await pair.alice.send("bob", "again")
            #expect(try await pair.bob.inbox() == ["alice: again"])
            _ = try await pair.bob.send("alice", "hello again")
            #expect(try await pair.alice.inbox() == ["bob: hello again"])
        }
    }

    @Test func ofABlockedContactNothingIsHeard() async throws {
        try await TestPair.with { pair in
            let key = try await discoveryKey(of: pair.alice)
            try await pair.alice.call("contacts.block", ["contact": .string("bob")])
            #expect(try await discoveryKey(of: pair.alice) != key)
            _ = try await pair.bob.send("alice", "can you hear me")
            #expect(try await pair.alice.inbox(all: true).isEmpty)
            try await eventually {
                try await pair.bob.sent().contains("stored can you hear me")
            }
            await #expect(throws: (any Error).self) { try await pair.alice.send("bob", "no") }
            try await pair.alice.call("contacts.block", ["contact": .string("bob"), "blocked": .bool(false)])
            _ = try await pair.bob.send("alice", "and now")
            #expect(try await pair.alice.inbox(all: true) == ["bob: and now"])
            #expect(try await pair.bob.sent().contains("stored can you hear me"))
        }
    }

    /// What one device does the others follow, also when cards that were made before come later.
    @Test func otherOwnDevicesFollow() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("a1", "a2")
            let bob = try await mesh.account("bob")
            let (one, two) = (alice.devices[0], alice.devices[1])
            try await mesh.meet(one, bob, name: "bob")
            try await mesh.settle(alice.devices)
            #expect(try await two.count("contact WHERE is_self = 0") == 1)
            let state = one.state
            try await two.write { [state = two.state] connection in
                let contact = try ContactRows.find(name: "bob", in: connection)
                try OwnSync(state: state).queueCard(of: contact.id, in: connection)
            }
            try await one.write { connection in
                try ContactRemoval(state: state).remove(
                    try ContactRows.find(name: "bob", in: connection), in: connection)
            }
            try await mesh.settle(alice.devices)
            for device in alice.devices {
                #expect(try await device.count("contact WHERE is_self = 0") == 0)
                #expect(
                    try await device.count("session WHERE contact <> (SELECT id FROM contact WHERE is_self = 1)") == 0)
            }
        }
    }

    @Test func otherOwnDevicesBlockToo() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("a1", "a2")
            let bob = try await mesh.account("bob")
            let state = alice.devices[0].state
            try await mesh.meet(alice.devices[0], bob, name: "bob")
            try await mesh.settle(alice.devices)
            for isBlocked in [true, false] {
                try await alice.devices[0].write { connection in
                    try ContactRemoval(state: state).block(
                        try ContactRows.find(name: "bob", in: connection), isBlocked, in: connection)
                }
                try await mesh.settle(alice.devices)
                #expect(try await alice.devices[1].count("contact WHERE blocked = 1") == (isBlocked ? 1 : 0))
            }
        }
    }
}
