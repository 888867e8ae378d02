import Foundation
import SpeemCrypto
import SpeemProtocol
import SpeemSessions
import SpeemStore
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemDevice
import SpeemIdentity

/// Whatever one envelope is, the others come in.
struct IncomingMailTests {
    /// Queues a message of any content, as a peer with another program may send it.
    private func queue(_ content: WireContent, from device: TestDevice) async throws {
        try await device.open { device in
            let state = device.state
            try await state.store.write { connection in
                let contact = try ContactRows.find(name: "bob", in: connection)
                let peer = try #require(try ContactRows.roster(of: contact, in: connection).devices.first)
                var session = try #require(
                    try SessionRows.newest(contact: contact.id, device: peer.id, in: connection))
                let body = try MessageBody(sealing: content.encode(), random: state.random)
                let head = try OwnRoster.load(account: state.account, in: connection).head
                let header = try session.seal(
                    body, from: state.local, heads: MessageHeads(sender: head, recipient: head), random: state.random)
                try SessionRows.save(session, contact: contact.id, in: connection)
                let row = try OutgoingRows.insert(body, recipient: contact.id, in: connection)
                try OutgoingRows.insert(
                    contact: contact.id, device: peer.id, message: body.id, keepUntilDelivered: false,
                    envelopeID: state.random.bytes(32), header: header, body: row, in: connection)
            }
        }
    }

    @Test func brokenOnesHoldUpNobody() async throws {
        try await TestPair.with { pair in
            try await queue(.with { $0.contactAccept = Data([9, 9]) }, from: pair.alice)
            #expect(try await pair.alice.send("bob", "one") == "stored")
            try await queue(.with { $0.contactRequest = Data(repeating: 1, count: 200) }, from: pair.alice)
            try await queue(WireContent(), from: pair.alice)
            #expect(try await pair.alice.send("bob", "two") == "stored")
            // What is no envelope at all.
            try await pair.alice.open { device in
                let bob = try await device.state.store.read { try ContactRows.find(name: "bob", in: $0) }
                let roster = try await device.state.store.read { try ContactRows.roster(of: bob, in: $0) }
                let mailbox = roster.devices[0].id.bytes
                let response = try await device.connections.connection(bob.initiator, at: roster.nodes[0]).request(
                    .with {
                        $0.deposit = .with {
                            $0.targets = [
                                .with {
                                    $0.mailbox = Data(mailbox)
                                    $0.envelopeID = Data(repeating: 1, count: 32)
                                    $0.header = Data(repeating: 2, count: 100)
                                }
                            ]
                            $0.body = Data([3])
                        }
                    })
                try response.requireNoRefusal()
            }
            #expect(try await pair.alice.send("bob", "three") == "stored")
            #expect(try await pair.bob.inbox() == ["alice: one", "alice: two", "alice: three"])
            #expect(try await pair.bob.call("status")["rejected"] == .integer(4))
            #expect(try await pair.bob.contacts() == ["alice confirmed"])
            #expect(try await pair.alice.sent() == ["delivered one", "delivered two", "delivered three"])
            let left = try await pair.bob.open {
                try await $0.reader.drain($0.state.ownNodes()[0], subscribe: false).count
            }
            #expect(left == 0)
        }
    }

    /// A session that this device cannot read is nobody's fault but its disk's: the envelope waits on the node.
    @Test func damagedStateLosesNothing() async throws {
        try await TestPair.with { pair in
            #expect(try await pair.alice.send("bob", "one") == "stored")
            #expect(try await pair.bob.inbox() == ["alice: one"])
            let sessions = try await pair.bob.open { device in
                try await device.state.store.write { connection in
                    let rows = try connection.query("SELECT id, encoded FROM session") { row throws(StoreError) in
                        (try row.blob(0), try row.secret(1))
                    }
                    try connection.execute("UPDATE session SET encoded = x'00'")
                    return rows
                }
            }
            #expect(try await pair.alice.send("bob", "two") == "stored")
            // Somebody else's mail comes all the same.
            let carol = try await TestDevice("carol")
            let carolNode = try await TestNode()
            try await carolNode.start()
            _ = try await carol.accept(try #require(await carolNode.claim).text)
            _ = try await carol.accept(try await pair.bob.invite(), name: "bob")
            #expect(try await carol.send("bob", "hello") == "stored")
            #expect(try await pair.bob.inbox() == ["carol: hello"])
            #expect(try await pair.bob.inbox() == [])
            #expect(try await pair.bob.call("status")["rejected"] == .integer(0))
            try await pair.bob.open { device in
                try await device.state.store.write { connection in
                    for (id, encoded) in sessions {
                        try connection.execute(
                            "UPDATE session SET encoded = ? WHERE id = ?", .secret(encoded), .blob(id))
                    }
                }
            }
            #expect(try await pair.bob.inbox() == ["alice: two"])
            try await carolNode.stop()
        }
    }

    /// A message that begins a session could begin it again for as long as its signed prekey lives.
    @Test func aBeginningIsRememberedAsLongAsItsPrekey() async throws {
        try await TestPair.with { pair in
            #expect(try await pair.alice.send("bob", "one") == "stored")
            _ = try await pair.bob.inbox()
            try await pair.bob.open { device in
                let state = device.state
                func forget() async throws -> Int64 {
                    let incoming = IncomingMail(state: state, now: WallClock.system.seconds() + 500 * 24 * 3600)
                    return try await state.store.write { connection in
                        try incoming.forgetSeen(in: connection)
                        return try connection.first("SELECT count(*) FROM seen_envelope") { row throws(StoreError) in
                            try row.integer(0)
                        } ?? 0
                    }
                }
                #expect(try await forget() >= 1)
                try await state.store.write { try $0.execute("DELETE FROM prekey") }
                #expect(try await forget() == 0)
            }
        }
    }
}
