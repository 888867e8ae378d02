import NIOPosix
import SpeemConfig
import SpeemCrypto
import SpeemDiscovery
import SpeemSessions
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@testable import SpeemDevice

struct DirectListenerTests {
    /// Bob's device listens for the time of `body`, which gets its address, and says so to alice's.
    private func listening(
        _ pair: TestPair, _ body: @Sendable (Device, Device, String) async throws -> Void
    ) async throws {
        try await pair.bob.open { bob in
            let listener = try await DirectListener.bind(
                [HostPort(host: "127.0.0.1", port: 0)], device: bob, group: MultiThreadedEventLoopGroup.singleton)
            let serving = Task { try await listener.run() }
            try await pair.alice.open { alice in try await body(alice, bob, listener.server.addresses[0]) }
            serving.cancel()
            _ = await serving.result
        }
    }

    /// Alice's courier as it is when bob's device was found at `address`.
    private func courier(_ alice: Device, _ bob: Device, at address: String) -> (Courier, NodeConnections) {
        let key = bob.state.local.keys.noise.publicKey.bytes
        let connections = NodeConnections(
            state: alice.state, group: MultiThreadedEventLoopGroup.singleton, clock: .system,
            nearby: NearbyAddresses(addresses: { $0 == key ? [address] : [] }))
        return (
            Courier(state: alice.state, connections: connections, clock: .system, allClear: Signal()), connections
        )
    }

    private func queue(_ text: String, at device: Device) async throws -> Contact {
        let outgoing = OutgoingMail(state: device.state)
        return try await device.state.store.write { connection in
            let contact = try ContactRows.all(in: connection)[0]
            _ = try outgoing.queueText(text, to: contact, now: 1, in: connection)
            return contact
        }
    }

    private func texts(_ device: Device) async throws -> [String] {
        try await device.state.store.read { connection in
            try connection.query("SELECT text FROM message WHERE outgoing = 0 ORDER BY id") { row throws(StoreError) in
                try row.text(0)
            }
        }
    }

    /// Bob's device must know who may deposit.
    private func meet(_ pair: TestPair) async throws {
        _ = try await pair.alice.send("bob", "over the nodes")
        #expect(try await pair.bob.inbox() == ["alice: over the nodes"])
        _ = try await pair.alice.contacts()
    }

    @Test func straightWithoutAnyNode() async throws {
        try await TestPair.with { pair in
            try await meet(pair)
            try await pair.aliceNode.stop()
            try await pair.bobNode.stop()
            try await listening(pair) { alice, bob, address in
                let contact = try await queue("straight", at: alice)
                let (courier, connections) = courier(alice, bob, at: address)
                #expect(await courier.deliverNearby(to: contact) == 1)
                #expect(try await texts(bob) == ["over the nodes", "straight"])
                // Nothing is left to be brought; it is kept until it is delivered.
                #expect(await courier.deliverNearby(to: contact) == 0)
                let waiting = try await alice.state.store.read { try OutgoingRows.count(in: $0) }
                #expect(waiting.waiting == 0)
                #expect(waiting.undelivered == 1)
                await connections.shutDown()
            }
            try await pair.aliceNode.start()
            try await pair.bobNode.start()
        }
    }

    /// The answer is lost: it goes through the node, too, and is there once.
    @Test func bothWays() async throws {
        try await TestPair.with { pair in
            try await meet(pair)
            try await pair.aliceNode.stop()
            try await listening(pair) { alice, bob, address in
                let contact = try await queue("twice", at: alice)
                let (courier, connections) = courier(alice, bob, at: address)
                #expect(await courier.deliverNearby(to: contact) == 1)
                try await alice.state.store.write {
                    try $0.execute("UPDATE outgoing SET state = 0 WHERE keep_until_delivered = 1")
                }
                #expect(await courier.deliverNearby(to: contact) == 1)
                await connections.shutDown()
                try await alice.state.store.write {
                    try $0.execute("UPDATE outgoing SET state = 0 WHERE keep_until_delivered = 1")
                }
            }
            try await pair.aliceNode.start()
            _ = try await pair.alice.open { await $0.deliverAll() }
            #expect(try await pair.bob.inbox() == ["alice: twice"])
            try await eventually {
                _ = try await pair.bob.contacts()
                return try await pair.alice.sent().contains("delivered twice")
            }
            #expect(try await pair.bob.inbox(all: true) == ["alice: over the nodes", "alice: twice"])
        }
    }

    @Test func strangersMeetSilence() async throws {
        try await TestPair.with { pair in
            try await meet(pair)
            try await listening(pair) { alice, bob, address in
                // Bob takes alice's grants back.
                try await bob.state.store.write { connection in
                    try connection.execute("DELETE FROM node_grant")
                    try NodeGrantRows.changed(in: connection)
                }
            }
            try await listening(pair) { alice, bob, address in
                let contact = try await queue("let me in", at: alice)
                let (courier, connections) = courier(alice, bob, at: address)
                #expect(await courier.deliverNearby(to: contact) == 0)
                await connections.shutDown()
            }
        }
    }

    @Test func aBlockedContactMeetsSilence() async throws {
        try await TestPair.with { pair in
            try await meet(pair)
            try await pair.bob.call("contacts.block", ["contact": .string("alice")])
            try await listening(pair) { alice, bob, address in
                let contact = try await queue("let me in", at: alice)
                let (courier, connections) = courier(alice, bob, at: address)
                #expect(await courier.deliverNearby(to: contact) == 0)
                await connections.shutDown()
            }
        }
    }

    @Test func itTakesMessagesForItselfAndNothingElse() async throws {
        try await TestPair.with { pair in
            try await meet(pair)
            try await listening(pair) { alice, bob, address in
                let (_, connections) = courier(alice, bob, at: address)
                let contact = try await alice.state.store.read { try ContactRows.all(in: $0)[0] }
                let connection = try await connections.connection(
                    contact.initiator, atNearby: bob.state.local.keys.noise.publicKey)
                for request in [
                    WireRequest.with { $0.rosterFetch = WireRosterFetch() },
                    .with { $0.prekeyTake = .with { $0.device = .init(bob.state.id.bytes) } },
                    .with { $0.nodeStatus = WireNodeStatus() }, .with { $0.drain = WireDrain() },
                ] {
                    let response = try await connection.request(request)
                    #expect(throws: RefusalError.self) { try response.requireNoRefusal() }
                }
                let response = try await connection.request(
                    .with {
                        $0.deposit = .with {
                            $0.targets = [
                                .with {
                                    $0.mailbox = .init(alice.state.id.bytes)
                                    $0.envelopeID = .init([UInt8](repeating: 1, count: 32))
                                    $0.header = .init([1])
                                }
                            ]
                            $0.body = .init([1])
                        }
                    })
                guard case .deposited(let deposited) = response.kind else {
                    Issue.record("not an answer to a deposit")
                    return
                }
                #expect(deposited.outcomes.map(\.refusal.code) == [.unknownMailbox])
                await connections.shutDown()
            }
        }
    }
}
