import Foundation
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemSessions
import SpeemStore
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemDevice

/// A device is removed: it is let in nowhere any more, reads nothing, and says what may have happened.
struct RemovalTests {
    /// Alice has a phone that both sides know.
    private static func withPhone(_ body: @Sendable (TestPair, TestDevice) async throws -> Void) async throws {
        try await TestPair.with { pair in
            let phone = try TestDevice(new: "phone")
            try await pair.alice.link(phone)
            try await phone.sync()
            try await pair.alice.sync()
            try await phone.sync()
            _ = try await pair.bob.contacts()
            _ = try await phone.send("bob", "from the phone")
            #expect(try await pair.bob.inbox() == ["alice: from the phone"])
            _ = try await pair.bob.send("alice", "to all")
            #expect(try await phone.inbox() == ["bob: to all"])
            try await pair.alice.sync()
            try await pair.bob.sync()
            try await body(pair, phone)
        }
    }

    @Test func removedDeviceIsLetInNowhereAndReadsNothing() async throws {
        try await Self.withPhone { pair, phone in
            // An unspent invite of it, and something on its way to it.
            let invite = try await phone.invite()
            _ = try await pair.bob.send("alice", "before")
            try await pair.alice.call("devices.remove", ["name": .string("phone")])
            for _ in 0..<2 {
                try await pair.bob.sync()
                try await pair.alice.sync()
            }
            #expect(try await pair.alice.devices() == ["alice-1"])
            _ = try await pair.bob.send("alice", "after")
            _ = try await pair.alice.send("bob", "also after")
            #expect(try await pair.alice.inbox().suffix(2) == ["bob: before", "bob: after"])
            #expect(try await pair.bob.inbox() == ["alice: also after"])
            // Neither at its own node nor at the contact's.
            let known = try await phone.open { device in
                let bob = try await device.state.store.read { try ContactRows.find(name: "bob", in: $0) }
                let own = try await device.state.listedNodes()[0]
                let far = try await device.state.store.read { try ContactRows.roster(of: bob, in: $0) }.nodes[0]
                let route = try await device.state.store.write { connection -> Int64 in
                    let route = try #require(try RouteRows.find(bob.id, in: connection))
                    return try InitiatorRows.insert(
                        key: .init(route.initiatorSecret(for: own.noise.bytes)),
                        preSharedKey: route.preSharedKey(for: own.noise.bytes), in: connection)
                }
                return (
                    await device.connections.isKnown(device.state.ownInitiator, at: own),
                    await device.connections.isKnown(bob.initiator, at: far),
                    await device.connections.isKnown(route, at: far)
                )
            }
            #expect(known == (false, false, false))
            #expect(try await phone.inbox().isEmpty)
            // Its invite is dead, and so are the sessions with it on both sides.
            let carol = try await TestDevice("carol")
            let node = try await TestNode()
            try await node.start()
            _ = try await carol.accept(try #require(await node.claim).text)
            await #expect(throws: (any Error).self) { _ = try await carol.accept(invite) }
            try await node.stop()
            let id = try await phone.open { $0.state.id.bytes }
            for device in [pair.alice, pair.bob] {
                let rows = try await device.open { device in
                    try await device.state.store.read { connection in
                        try connection.first(
                            """
                            SELECT (SELECT count(*) FROM session WHERE device = ?1)
                                + (SELECT count(*) FROM outgoing WHERE device = ?1)
                            """, .blob(id)
                        ) { row throws(StoreError) in try row.integer(0) }
                    }
                }
                #expect(rows == 0)
            }
        }
    }

    @Test func removedDeviceSaysWhatMayHaveHappened() async throws {
        try await Self.withPhone { pair, phone in
            try await pair.alice.call("devices.remove", ["name": .string("phone")])
            let status = try await phone.call("status")
            #expect(status["node"]?["reachable"] == .bool(false))
            #expect(status["problem"]?.stringValue?.contains("another device may have removed it") == true)
            let devices = try await phone.call("devices")
            #expect(devices["problem"]?.stringValue?.contains("another device may have removed it") == true)
            await #expect {
                try await phone.invite()
            } throws: { error in
                let error = error as? ControlError
                return error?.message.contains("may have removed it") == true
                    && error?.hint?.contains("speem recover") == true
            }
            try await pair.bob.sync()
            try await pair.bob.sync()
            let sent = try await phone.call("send", ["contact": .string("bob"), "text": .string("lost")])
            #expect(sent["state"]?.stringValue == "waiting" || sent["state"]?.stringValue == "queued")
            #expect(sent["reason"]?.stringValue?.contains("may have removed it") == true)
            #expect(try await pair.bob.inbox().isEmpty)
        }
    }

    /// What a device says that its own account does not list any more is refused, also where its ways are still open.
    @Test func messagesOfARemovedDeviceAreRefused() async throws {
        try await Self.withPhone { pair, phone in
            try await phone.useNoRoute()
            try await pair.alice.call("devices.remove", ["name": .string("phone")])
            let head = try await pair.alice.roster().head
            // Bob's device has seen the new roster, and has not been at its node since.
            try await pair.bob.open { device in
                let alice = try await device.state.store.write { connection in
                    let alice = try ContactRows.find(name: "alice", in: connection)
                    try ContactRows.want(head, of: alice.id, in: connection)
                    return alice.id
                }
                _ = try await device.courier.deliver(to: alice)
                let roster = try await device.state.store.read { connection in
                    try ContactRows.roster(of: ContactRows.find(name: "alice", in: connection), in: connection)
                }
                #expect(roster.head == head)
            }
            #expect(try await phone.send("bob", "not mine any more") == "stored")
            #expect(try await pair.bob.inbox().isEmpty)
            #expect(try await pair.bob.call("status")["rejected"] == .integer(1))
        }
    }

    /// The home node has done it, and the answer was lost: the routes are renewed and contacts told all the same.
    @Test(arguments: [true, false])
    func removalWhoseAnswerWasLost(isRepeated: Bool) async throws {
        try await Self.withPhone { pair, phone in
            let old = try await pair.alice.routeKeys()
            let before = try await pair.alice.roster()
            let id = try await phone.open { $0.state.id }
            try await pair.alice.open { device in
                let entry = try RosterEntry.next(
                    after: before.newest, signedBy: device.state.local.keys,
                    devices: before.devices.filter { $0.id != id }, nodes: before.nodes)
                let response = try await device.connections.home().request(
                    .with { $0.rosterAppend = .with { $0.entries = [Data(entry.encoded)] } })
                try response.requireNoRefusal()
            }
            if isRepeated {
                try await pair.alice.open { device in
                    try await RosterFlow(state: device.state, connections: device.connections).change(.removeDevice(id))
                }
            }
            try await pair.alice.sync()
            #expect(try await pair.alice.devices() == ["alice-1"])
            #expect(try await pair.alice.routeKeys() != old)
            try await pair.bob.sync()
            #expect(try await pair.bob.roster(of: "alice").devices.count == 1)
        }
    }

    @Test func ownAndLastDeviceStay() async throws {
        try await Self.withPhone { pair, phone in
            await #expect(throws: ControlError.self) {
                try await pair.alice.call("devices.remove", ["name": .string("alice-1")])
            }
            // Each removes the other at the same moment: one of them is left.
            async let first = try? pair.alice.call("devices.remove", ["name": .string("phone")])
            async let second = try? phone.call("devices.remove", ["name": .string("alice-1")])
            _ = await (first, second)
            try? await pair.alice.sync()
            try? await phone.sync()
            let reachable = try await (
                pair.alice.call("status")["node"]?["reachable"], phone.call("status")["node"]?["reachable"]
            )
            #expect((reachable.0 == .bool(true)) != (reachable.1 == .bool(true)))
        }
    }

    /// Names are for the account's devices: nothing that a contact or a node has holds one.
    @Test func namesStayInTheAccount() async throws {
        try await Self.withPhone { pair, phone in
            try await pair.alice.call(
                "devices.rename", ["name": .string("phone"), "to": .string("secret-lair-tablet")])
            try await phone.sync()
            #expect(try await phone.devices() == ["alice-1", "secret-lair-tablet"])
            await #expect(throws: ControlError.self) {
                try await pair.alice.call(
                    "devices.rename", ["name": .string("alice-1"), "to": .string("Secret-Lair-Tablet")])
            }
            let roster = try await pair.alice.roster()
            for entry in roster.entries {
                for name in ["phone", "alice-1", "secret"] {
                    #expect(!entry.encoded.contains(Array(name.utf8)))
                }
            }
            _ = try await pair.alice.send("bob", "x")
            try await pair.bob.sync()
            let told = try await pair.bob.open { device in
                try await device.state.store.read { connection in
                    try connection.query("SELECT value FROM register") { row throws(StoreError) in try row.blob(0) }
                }
            }
            #expect(!told.contains { $0.contains(Array("secret".utf8)) || $0.contains(Array("alice-1".utf8)) })
        }
    }
}

extension TestDevice {
    func roster(of contact: String) async throws -> Roster {
        try await open { device in
            try await device.state.store.read { connection in
                try ContactRows.roster(of: ContactRows.find(name: contact, in: connection), in: connection)
            }
        }
    }

    func routeKeys() async throws -> [[UInt8]] {
        try await open { device in
            try await device.state.store.read { connection in
                try connection.query("SELECT route_key FROM contact WHERE route IS NOT NULL ORDER BY id") {
                    row throws(StoreError) in try row.blob(0)
                }
            }
        }
    }
}
