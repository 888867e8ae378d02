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

/// Envelopes of a device that says that it is a contact's, and that the known roster does not list.
struct EarlyEnvelopeTests {
    private typealias Account = (key: AccountKey, devices: [Mesh.Member])

    /// Alice, who knows bob's first device, and what his second one, which is not listed, has sent to her.
    private func withEarly(
        telling entries: @escaping (RosterEntry, Mesh.Member, Mesh.Member) throws -> [RosterEntry] = { _, _, _ in [] },
        _ body: (Mesh, Mesh.Member, Mesh.Member, RosterEntry) async throws -> Void
    ) async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("a1").devices[0]
            let bob = try await mesh.account("b1", "unlisted", listed: 1)
            try await mesh.meet(alice, bob, name: "bob", tells: false)
            let genesis = try await bob.devices[0].state.roster().newest
            let told = try entries(genesis, bob.devices[0], bob.devices[1])
            let content = WireContent.with {
                $0.grantNotice = .with { $0.roster = told.map { Data($0.encoded) } }
            }
            let upload = try await alice.write {
                try PrekeyStore.make(state: alice.state, newGeneration: false, pairs: 0, now: 1, in: $0).message
            }
            let sender = bob.devices[1].state
            var session = try Session.initiate(
                local: sender.local,
                peer: SessionParty(account: alice.state.account, device: alice.state.local.keys.entry),
                bundle: try PrekeyBundle(
                    device: alice.state.local.keys.entry, signed: [UInt8](upload.signedPrekey),
                    kem: [UInt8](upload.lastResortKemPrekey), isLastResort: true, oneTime: nil),
                random: sender.random)
            let sealed = try MessageBody(sealing: content.encode(), random: sender.random)
            let header = try session.seal(
                sealed, from: sender.local,
                heads: MessageHeads(
                    sender: try told.last?.head ?? RosterHead([UInt8](repeating: 7, count: 32)),
                    recipient: try await alice.state.roster().head),
                random: sender.random)
            mesh.mail[alice.id] = [
                .with {
                    $0.sequence = 1
                    $0.envelopeID = Data(sender.random.bytes(32))
                    $0.header = Data(header)
                    $0.body = Data(sealed.ciphertext)
                }
            ]
            try await body(mesh, alice, bob.devices[0], genesis)
        }
    }

    private func wanted(_ alice: Mesh.Member) async throws -> [UInt8]? {
        try await alice.state.store.read { try ContactRows.find(name: "bob", in: $0).wantedHead }
    }

    private func told(_ alice: Mesh.Member) async throws -> [UInt8]? {
        try await alice.state.store.read { connection in
            try connection.first("SELECT told_roster FROM contact WHERE name = 'bob'") { row throws(StoreError) in
                try row.optionalBlob(0)
            } ?? nil
        }
    }

    /// Each look for a roster ends with a look at what is early: it must not begin the next one at once.
    @Test func theRosterIsNotAskedForWithoutEnd() async throws {
        try await withEarly { mesh, alice, _, genesis in
            var asked: [Bool] = []
            for _ in 0..<3 {
                for _ in 0..<3 {
                    _ = try await mesh.read(alice)
                    asked.append(try await wanted(alice) != nil)
                    // As if it had been fetched, and had brought nothing.
                    try await alice.write { connection in
                        let bob = try ContactRows.find(name: "bob", in: connection)
                        try ContactRows.looked(at: bob.id, alarm: nil, in: connection)
                    }
                }
                mesh.now += 61_000
            }
            #expect(asked == [true, false, false, true, false, false, true, false, false])
            #expect(mesh.mail[alice.id]?.count == 1)
        }
    }

    /// More than are written down are looked at again with the others, and ask for nothing.
    @Test func thoseThatAreNotWrittenDownAskForNothing() async throws {
        try await withEarly { mesh, alice, _, _ in
            try await alice.write { connection in
                for _ in 0..<64 {
                    try connection.execute(
                        "INSERT INTO early_envelope (hash, made) VALUES (?, 0)", .blob(alice.state.random.bytes(32)))
                }
            }
            mesh.now = 1_000
            #expect(try await mesh.read(alice) == 0)
            #expect(try await wanted(alice) == nil)
        }
    }

    /// Whoever is let in can say that it is bob's device, and name an entry that there is not: his node is not blamed, and what
    /// he has told himself stays.
    @Test func aStrangerRaisesNoAlarm() async throws {
        let strange = AccountKey(random: SystemRandomSource())
        try await withEarly(
            telling: { genesis, _, unlisted in
                // It lists itself.
                [
                    try RosterEntry.next(
                        after: genesis, signedBy: unlisted.state.local.keys,
                        devices: [unlisted.state.local.keys.entry], nodes: genesis.nodes),
                    try RosterEntry.genesis(
                        account: strange, devices: [unlisted.state.local.keys.entry], nodes: []),
                ]
            },
            { mesh, alice, bob, genesis in
                let next = try RosterEntry.next(
                    after: genesis, signedBy: bob.state.local.keys, devices: [bob.state.local.keys.entry], nodes: [])
                try await alice.write { connection in
                    let contact = try ContactRows.find(name: "bob", in: connection)
                    try ContactRows.told([Data(next.encoded)], by: contact.id, in: connection)
                }
                let before = try await told(alice)
                #expect(try await mesh.read(alice) == 0)
                #expect(try await wanted(alice) == genesis.head.bytes)
                #expect(before != nil)
                #expect(try await told(alice) == before)
            })
    }

    /// What a listed device has signed counts, whoever brings it.
    @Test func whatAListedDeviceHasSignedCounts() async throws {
        try await withEarly(
            telling: { genesis, bob, unlisted in
                [
                    genesis,
                    try RosterEntry.next(
                        after: genesis, signedBy: bob.state.local.keys,
                        devices: [bob.state.local.keys.entry, unlisted.state.local.keys.entry], nodes: genesis.nodes),
                ]
            },
            { mesh, alice, _, genesis in
                #expect(try await mesh.read(alice) == 0)
                let asked = try await wanted(alice)
                #expect(asked != nil && asked != genesis.head.bytes)
                #expect(try await told(alice) != nil)
            })
    }
}
