import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemSessions
import SpeemStore
import SwiftProtobuf
import Testing

@testable import SpeemDevice

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Routes, and what contacts tell of their rosters, in the store of a device with one contact and one own node.
struct RouteRowsTests {
    private static let nodes = [[UInt8](repeating: 1, count: 32), [UInt8](repeating: 2, count: 32)]

    private struct Known: Sendable {
        let state: DeviceState
        let account: AccountKey
        let keys: DeviceKeys
        let genesis: RosterEntry
        let contact: Contact
    }

    private static func node(_ address: String) throws -> NodeEntry {
        try NodeEntry(noise: X25519.PrivateKey(random: SystemRandomSource()).publicKey, addresses: [address])
    }

    private func withContact(_ body: @escaping @Sendable (Connection, Known) throws -> Void) async throws {
        try await TestDevice("alice").open { device in
            let state = device.state
            try await state.store.write { connection in
                let account = AccountKey(random: state.random)
                let keys = DeviceKeys(random: state.random)
                let genesis = try RosterEntry.genesis(
                    account: account, devices: [keys.entry], nodes: [try Self.node("old:1")])
                let initiator = try InitiatorRows.insert(
                    key: X25519.PrivateKey(random: state.random), preSharedKey: state.random.secret(32),
                    in: connection)
                let id = try ContactRows.insert(
                    account: account.publicKey, name: "bob", state: .confirmed, initiator: initiator,
                    roster: try Roster(verifying: [genesis.encoded], account: account.publicKey), in: connection)
                try connection.execute(
                    "INSERT INTO own_node (node_key, node) VALUES (?, x'')", .blob(Self.nodes[0]))
                let contact = try #require(try ContactRows.find(id, in: connection))
                try body(
                    connection,
                    Known(state: state, account: account, keys: keys, genesis: genesis, contact: contact))
            }
        }
    }

    // MARK: Keys

    /// Two own nodes never share a key, and all own devices derive the same.
    @Test func everyOwnNodeHasAKeyOfItsOwn() async throws {
        try await withContact { connection, known in
            try RouteRows.make(known.contact.id, random: SystemRandomSource(), in: connection)
            let route = try #require(try RouteRows.find(known.contact.id, in: connection))
            let wires = Self.nodes.map { route.wire(for: $0) }
            #expect(wires[0].route == wires[1].route)
            #expect(wires[0].initiatorSecret != wires[1].initiatorSecret)
            #expect(wires[0].preSharedKey != wires[1].preSharedKey)
            #expect(!wires.map(\.initiatorSecret).contains(route.card.initiatorSecret))
            #expect(try route.key(of: Self.nodes[0]) != route.key(of: Self.nodes[1]))
            let secret = try X25519.PrivateKey(SecretBytes(wires[0].initiatorSecret))
            #expect(try route.key(of: Self.nodes[0]) == secret.publicKey)
        }
    }

    @Test func eachNodesKeyIsRegisteredOnce() async throws {
        try await withContact { connection, known in
            let id = known.contact.id
            #expect(try OutgoingRows.waitingContacts(in: connection).isEmpty, "there is no route")
            try RouteRows.make(id, random: SystemRandomSource(), in: connection)
            #expect(try OutgoingRows.waitingContacts(in: connection) == [id])
            #expect(try RouteRows.unregistered(id, in: connection) == [Self.nodes[0]])
            try RouteRows.knows(Self.nodes[0], contact: id, refused: false, in: connection)
            try RouteRows.set(.ready, of: id, in: connection)
            #expect(try OutgoingRows.waitingContacts(in: connection).isEmpty)
            #expect(try !OutgoingRows.needsVisit(id, in: connection))
            // One more node: its key is missing.
            try connection.execute("INSERT INTO own_node (node_key, node) VALUES (?, x'')", .blob(Self.nodes[1]))
            #expect(try RouteRows.unregistered(id, in: connection) == [Self.nodes[1]])
            #expect(try OutgoingRows.needsVisit(id, in: connection))
            // The contact's node will not have it: it is not asked for ever.
            try RouteRows.knows(Self.nodes[1], contact: id, refused: true, in: connection)
            #expect(try !OutgoingRows.needsVisit(id, in: connection))
            #expect(try RouteRows.nodes(of: id, in: connection) == [Self.nodes[0]])
            // Nor for a node that is not listed any more.
            try connection.execute("DELETE FROM route_node WHERE node_key = ?", .blob(Self.nodes[1]))
            try connection.execute("UPDATE own_node SET retired = 1 WHERE node_key = ?", .blob(Self.nodes[1]))
            #expect(try !OutgoingRows.needsVisit(id, in: connection))
        }
    }

    @Test func aCardOfAnotherOwnDevice() async throws {
        try await withContact { connection, known in
            let id = known.contact.id
            func card(_ route: Route, _ nodes: [[UInt8]]) -> WireContactCard {
                .with {
                    $0.route = route.card
                    $0.routeNodes = nodes.map { Data($0) }
                }
            }
            try RouteRows.make(id, random: SystemRandomSource(), in: connection)
            let mine = try #require(try RouteRows.find(id, in: connection))
            let other = Route(
                contact: id, name: [UInt8](repeating: 5, count: 16), secret: SystemRandomSource().secret(32),
                pskSecret: SystemRandomSource().secret(32), state: .ready)
            // One that is being made here is not given up for another; the same is taken as known.
            try RouteRows.take(card(other, [Self.nodes[0]]), of: id, in: connection)
            #expect(try RouteRows.find(id, in: connection)?.secret == mine.secret)
            #expect(try RouteRows.nodes(of: id, in: connection).isEmpty)
            try RouteRows.take(card(mine, [Self.nodes[0]]), of: id, in: connection)
            #expect(try RouteRows.find(id, in: connection)?.state == .ready)
            #expect(try RouteRows.nodes(of: id, in: connection) == [Self.nodes[0]])
            // Another one takes its place, with what the contact's node knows of it.
            try RouteRows.take(card(other, [Self.nodes[1]]), of: id, in: connection)
            #expect(try RouteRows.find(id, in: connection)?.secret == other.secret)
            #expect(try RouteRows.nodes(of: id, in: connection) == [Self.nodes[1]])
        }
    }

    @Test func newKeysForARemovedDevice() async throws {
        try await withContact { connection, known in
            let id = known.contact.id
            try RouteRows.make(id, random: SystemRandomSource(), in: connection)
            try RouteRows.knows(Self.nodes[0], contact: id, refused: false, in: connection)
            let old = try #require(try RouteRows.find(id, in: connection))
            try RouteRows.renew(state: known.state, in: connection)
            let new = try #require(try RouteRows.find(id, in: connection))
            #expect(new.name == old.name && new.secret != old.secret && new.state == .made)
            #expect(try RouteRows.nodes(of: id, in: connection).isEmpty)
            #expect(try OutgoingRows.devicesWithoutSession(contact: id, in: connection).count == 1, "the notice waits")
        }
    }

    // MARK: Told rosters

    private static func tell(_ entries: [RosterEntry], _ known: Known, _ connection: Connection) throws -> Bool {
        try ContactRows.told(entries.map { Data($0.encoded) }, by: known.contact.id, in: connection)
        return try ContactRoster(state: known.state).takeTold(by: known.contact, in: connection)
    }

    private static func nodes(_ known: Known, _ connection: Connection) throws -> [String] {
        try ContactRows.roster(of: known.contact, in: connection).nodes.flatMap(\.addresses)
    }

    @Test func aToldRosterThatGoesOn() async throws {
        try await withContact { connection, known in
            let next = try RosterEntry.next(
                after: known.genesis, signedBy: known.keys, devices: [known.keys.entry], nodes: [try Self.node("new:1")]
            )
            // With or without what is known already; and once.
            #expect(try Self.tell([known.genesis, next], known, connection))
            #expect(try Self.nodes(known, connection) == ["new:1"])
            #expect(try !ContactRoster(state: known.state).takeTold(by: known.contact, in: connection))
            #expect(try !Self.tell([next], known, connection))
        }
    }

    /// What was stored at the lost node is sent again; what a device has is not.
    @Test func whatALostNodeHadIsSentAgain() async throws {
        try await withContact { connection, known in
            let text = try OutgoingMail(state: known.state).queueText("x", to: known.contact, now: 0, in: connection)
            try connection.execute("UPDATE outgoing SET header = x'01', state = 2")
            let next = try RosterEntry.next(
                after: known.genesis, signedBy: known.keys, devices: [known.keys.entry], nodes: [try Self.node("new:1")]
            )
            #expect(try Self.tell([next], known, connection))
            let waiting = try OutgoingRows.waiting(contact: known.contact.id, limit: 9, in: connection)
            #expect(waiting.map(\.messageID) == [text.bytes])
        }
    }

    @Test func toldRostersThatAreNotTaken() async throws {
        try await withContact { connection, known in
            let stranger = AccountKey(random: SystemRandomSource())
            let strange = DeviceKeys(random: SystemRandomSource())
            let new = try Self.node("evil:1")
            let forged = try RosterEntry.next(
                after: known.genesis, signedBy: strange, devices: [known.keys.entry], nodes: [new])
            let foreign = try RosterEntry.genesis(account: stranger, devices: [strange.entry], nodes: [new])
            let one = try RosterEntry.next(
                after: known.genesis, signedBy: known.keys, devices: [known.keys.entry], nodes: [new])
            let two = try RosterEntry.next(
                after: one, signedBy: known.keys, devices: [known.keys.entry], nodes: [new])
            for entries in [[forged], [foreign], [two], [one, forged], [two, one]] {
                #expect(try !Self.tell(entries, known, connection))
                #expect(try Self.nodes(known, connection) == ["old:1"])
            }
            try connection.execute("UPDATE contact SET told_roster = x'ff' WHERE id = ?", .integer(known.contact.id))
            #expect(try !ContactRoster(state: known.state).takeTold(by: known.contact, in: connection))
            #expect(try Self.nodes(known, connection) == ["old:1"])
        }
    }
}
