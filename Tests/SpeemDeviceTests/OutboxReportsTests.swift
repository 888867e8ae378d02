import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemSessions
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

/// What an own node reports, against what is written down: reports may be lost, come twice, or late.
struct OutboxReportsTests {
    private static let item = [UInt8](repeating: 7, count: 16)
    private static let node = [UInt8](repeating: 9, count: 32)

    /// A device with a contact of two devices, and a text for both in the outbox of an own node.
    private func withItem(
        _ body: @escaping @Sendable (Connection, _ message: MessageID, _ devices: [DeviceID], Contact) throws -> Void
    ) async throws {
        let alice = try await TestDevice("alice")
        try await alice.open { device in
            let state = device.state
            try await state.store.write { connection in
                let account = AccountKey(random: state.random)
                let devices = (0..<2).map { _ in DeviceKeys(random: state.random).entry }
                let genesis = try RosterEntry.genesis(account: account, devices: devices, nodes: [])
                let initiator = try InitiatorRows.insert(
                    key: X25519.PrivateKey(random: state.random), preSharedKey: state.random.secret(32),
                    in: connection)
                let id = try ContactRows.insert(
                    account: account.publicKey, name: "bob", state: .confirmed, initiator: initiator,
                    roster: try Roster(verifying: [genesis.encoded], account: account.publicKey), in: connection)
                let bob = try #require(try ContactRows.find(id, in: connection))
                let message = try OutgoingMail(state: state).queueText("hello", to: bob, now: 0, in: connection)
                try connection.execute("UPDATE outgoing SET header = x'01'")
                for (place, envelope) in try OutgoingRows.waiting(contact: id, limit: 9, in: connection).enumerated() {
                    try OutgoingRows.queued(envelope, item: Self.item, place: place, at: Self.node, in: connection)
                }
                try body(connection, message, devices.map(\.id), bob)
            }
        }
    }

    private static func report(
        _ state: WireOutboxItem.State, _ targets: [WireDeposited.Outcome],
        trouble: WireOutboxItem.Trouble = .unspecified, in connection: Connection
    ) throws {
        try OutboxReports.apply(
            .with {
                $0.item = Data(item)
                $0.state = state
                $0.targets = targets
                $0.trouble = trouble
                $0.troubleSeconds = 5
            }, now: 100_000, in: connection)
    }

    private static let stored = WireDeposited.Outcome.with { $0.state = .stored }
    private static let waits = WireDeposited.Outcome()
    private static func refused(_ code: WireRefusal.Code) -> WireDeposited.Outcome {
        .with {
            $0.state = .refused
            $0.refusal = .with { $0.code = code }
        }
    }

    private static func states(_ connection: Connection) throws -> [Int64] {
        try connection.query("SELECT state FROM outgoing ORDER BY id") { row throws(StoreError) in
            try row.integer(0)
        }
    }

    @Test func storedOnce() async throws {
        try await withItem { connection, message, _, _ in
            #expect(try MessageRows.state(of: message, in: connection) == .queued)
            for _ in 0..<2 {
                try Self.report(.stored, [Self.stored, Self.stored], in: connection)
                #expect(try Self.states(connection) == [2, 2])
                #expect(try MessageRows.state(of: message, in: connection) == .stored)
            }
        }
    }

    /// The receipt of one device was faster than the report: the other one's target still counts.
    @Test func aReceiptBeforeTheReport() async throws {
        try await withItem { connection, message, devices, bob in
            try OutgoingRows.delivered(message.bytes, contact: bob.id, device: devices[0], in: connection)
            try Self.report(.stored, [Self.stored, Self.stored], in: connection)
            #expect(try Self.states(connection) == [2])
        }
        try await withItem { connection, message, devices, bob in
            try OutgoingRows.delivered(message.bytes, contact: bob.id, device: devices[0], in: connection)
            try Self.report(.stored, [Self.stored, Self.refused(.notAllowed)], in: connection)
            let failures = try connection.query("SELECT failure IS NOT NULL FROM outgoing") { row throws(StoreError) in
                try row.flag(0)
            }
            #expect(failures == [true])
        }
    }

    /// First one target is refused, and later the other one stored.
    @Test func oneAfterTheOther() async throws {
        try await withItem { connection, message, _, _ in
            try Self.report(.waiting, [Self.refused(.tooLarge), Self.waits], trouble: .mailboxFull, in: connection)
            #expect(try MessageRows.state(of: message, in: connection) == .queued, "the other device may get it")
            try Self.report(.stored, [Self.refused(.tooLarge), Self.stored], in: connection)
            #expect(try MessageRows.state(of: message, in: connection) == .stored)
        }
        try await withItem { connection, message, _, _ in
            try Self.report(.waiting, [Self.refused(.tooLarge), Self.waits], in: connection)
            try Self.report(.refused, [Self.refused(.tooLarge), Self.refused(.tooLarge)], in: connection)
            #expect(try MessageRows.state(of: message, in: connection) == .failed)
        }
    }

    @Test func expired() async throws {
        try await withItem { connection, message, _, _ in
            // One was stored before the time of the other was over.
            try Self.report(.stored, [Self.stored, Self.waits], in: connection)
            #expect(try MessageRows.state(of: message, in: connection) == .stored)
            let failures = try connection.query("SELECT failure FROM outgoing WHERE failure IS NOT NULL") {
                row throws(StoreError) in try row.text(0)
            }
            #expect(failures == ["the contact's node could not be reached for too long"])
        }
        try await withItem { connection, message, _, _ in
            try Self.report(.expired, [Self.waits, Self.waits], in: connection)
            #expect(try MessageRows.state(of: message, in: connection) == .failed)
        }
    }

    /// A node of the contact that does not know a listed device yet: nothing is given up, and the roster is fetched.
    @Test func anUnknownMailboxOfAListedDevice() async throws {
        try await withItem { connection, message, devices, bob in
            try Self.report(.stored, [Self.stored, Self.refused(.unknownMailbox)], in: connection)
            #expect(try Self.states(connection) == [2, 0])
            #expect(try MessageRows.state(of: message, in: connection) == .stored)
            let held = try OutgoingRows.waiting(contact: bob.id, direct: true, limit: 9, in: connection)
            #expect(held.map(\.device) == [devices[1].bytes])
            // What is for others does not wait behind it.
            #expect(try OutgoingRows.waiting(contact: bob.id, limit: 9, in: connection).isEmpty)
            #expect(try ContactRows.find(bob.id, in: connection)?.wantedHead != nil)
            #expect(try OutgoingRows.waitingContacts(in: connection) == [bob.id])
        }
    }

    /// The contact has removed the device: what is for it goes, and nothing waits.
    @Test func anUnknownMailboxOfARemovedDevice() async throws {
        try await withItem { connection, message, devices, bob in
            try connection.execute(
                "UPDATE outgoing SET device = x'00000000000000000000000000000000' WHERE device = ?",
                .blob(devices[1].bytes))
            try Self.report(.stored, [Self.stored, Self.refused(.unknownMailbox)], in: connection)
            #expect(try OutgoingRows.waitingContacts(in: connection).isEmpty)
            #expect(try MessageRows.state(of: message, in: connection) == .stored)
        }
    }

    /// The far node lets the own one in no more: the device looks whether the account has other nodes, gives the own node's key
    /// a new grant, and brings itself what waits.
    @Test func anUnknownKeyIsAReasonToLook() async throws {
        try await withItem { connection, message, _, bob in
            try RouteRows.make(bob.id, random: SystemRandomSource(), in: connection)
            try RouteRows.knows(Self.node, contact: bob.id, refused: false, in: connection)
            try Self.report(.waiting, [Self.waits, Self.waits], trouble: .unreachable, in: connection)
            #expect(try ContactRows.find(bob.id, in: connection)?.wantedHead == nil)
            #expect(try RouteRows.nodes(of: bob.id, in: connection) == [Self.node])
            try Self.report(.waiting, [Self.waits, Self.waits], trouble: .unknownKey, in: connection)
            #expect(try ContactRows.find(bob.id, in: connection)?.wantedHead != nil)
            #expect(try RouteRows.nodes(of: bob.id, in: connection) == [])
            #expect(try OutgoingRows.waiting(contact: bob.id, direct: true, limit: 9, in: connection).count == 2)
            #expect(try MessageRows.state(of: message, in: connection) == .queued)
            // Said again it is no news.
            try ContactRows.looked(at: bob.id, alarm: nil, in: connection)
            try Self.report(.waiting, [Self.waits, Self.waits], trouble: .unknownKey, in: connection)
            #expect(try ContactRows.find(bob.id, in: connection)?.wantedHead == nil)
        }
    }

    /// Nothing that a node says of other items, or with other counts, does any harm.
    @Test func reportsOfNothing() async throws {
        try await withItem { connection, message, _, _ in
            try Self.report(.stored, Array(repeating: Self.refused(.notAllowed), count: 0), in: connection)
            try OutboxReports.apply(
                .with {
                    $0.item = Data(repeating: 1, count: 16)
                    $0.state = .refused
                    $0.targets = [Self.refused(.notAllowed)]
                }, now: 0, in: connection)
            try OutboxReports.apply(
                .with {
                    $0.item = Data(Self.item)
                    $0.state = .waiting
                    $0.targets = Array(repeating: Self.waits, count: 16)
                    $0.trouble = .unreachable
                    $0.troubleSeconds = .max
                }, now: .max, in: connection)
            #expect(try MessageRows.state(of: message, in: connection) == .queued)
            #expect(try Self.states(connection) == [1, 1])
        }
    }

    /// The node does not have it any more: it is sent anew, and a late report of the old item changes nothing.
    @Test func sentAnew() async throws {
        try await withItem { connection, message, _, bob in
            #expect(try OutgoingRows.items(at: Self.node, in: connection) == [Self.item])
            try OutgoingRows.requeue(item: Self.item, in: connection)
            #expect(try Self.states(connection) == [0, 0])
            try Self.report(.refused, [Self.refused(.notAllowed), Self.refused(.notAllowed)], in: connection)
            #expect(try Self.states(connection) == [0, 0])
            #expect(try MessageRows.state(of: message, in: connection) == .queued)
            #expect(try OutgoingRows.waiting(contact: bob.id, limit: 9, in: connection).count == 2)
        }
    }
}
