import SpeemCrypto
import SpeemIdentity
import SpeemSessions
import SpeemStore
import Testing

@testable import SpeemDevice

/// Who gets a message, and what of it is kept until when.
struct FanOutTests {
    @Test func oneBodyForAllReaders() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("laptop", "phone", "tablet")
            let bob = try await mesh.account("b1", "b2", "b3")
            for device in alice.devices { try await mesh.meet(device, bob, name: "bob", tells: false) }
            for device in bob.devices { try await mesh.meet(device, alice, name: "alice", tells: false) }
            _ = try await alice.devices[0].text("hello", to: bob.key.publicKey)
            #expect(try await alice.devices[0].count("outgoing_body") == 1)
            #expect(try await alice.devices[0].count("outgoing") == 5)
            try await mesh.post(alice.devices[0])
            // One to each account's node: three headers and two, and the same body.
            #expect(mesh.deposits.map(\.targets).sorted() == [2, 3])
            #expect(Set(mesh.deposits.map(\.body)).count == 1)
            // Copies for own devices are kept no longer than until the node has them.
            #expect(try await alice.devices[0].count("outgoing") == 3)
            for (index, device) in bob.devices.enumerated() {
                try await mesh.read(device)
                #expect(try await device.texts() == ["hello"])
                try await mesh.post(device)
                try await mesh.read(alice.devices[0])
                #expect(try await alice.devices[0].count("outgoing") == Int64(2 - index))
            }
            #expect(try await alice.devices[0].count("outgoing_body") == 0)
            try await mesh.settle()
            for device in alice.devices { #expect(try await device.texts("outgoing = 1 AND state = 14") == ["hello"]) }
            for device in alice.devices + bob.devices { #expect(try await device.count("outgoing_body") == 0) }
            #expect(mesh.rejected == [])
        }
    }

    @Test func whatWaitsForASessionIsSealedInItsOrder() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("laptop")
            let bob = try await mesh.account("b1", "b2")
            try await mesh.meet(alice.devices[0], bob, name: "bob")
            for device in bob.devices { try await mesh.meet(device, alice, name: "alice", tells: false) }
            for number in 1...5 {
                _ = try await alice.devices[0].text("m\(number)", to: bob.key.publicKey, sent: Int64(number))
            }
            #expect(try await alice.devices[0].count("outgoing WHERE header IS NULL") == 10)
            #expect(try await alice.devices[0].count("outgoing_body") == 5)
            try await mesh.post(alice.devices[0])
            _ = try await alice.devices[0].text("m6", to: bob.key.publicKey, sent: 6)
            try await mesh.settle()
            for device in bob.devices {
                let inOrder = try await device.state.store.read { connection in
                    try connection.query("SELECT text FROM message ORDER BY id") { row throws(StoreError) in
                        try row.text(0)
                    }
                }
                #expect(inOrder == (1...6).map { "m\($0)" })
            }
            #expect(try await alice.devices[0].count("outgoing_body") == 0)
            #expect(mesh.rejected == [])
        }
    }

    /// A device that was removed gets nothing more, and what only it was to get goes to the one in its place.
    @Test func aReplacedDevice() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("laptop")
            let bob = try await mesh.account("old", "new", listed: 1)
            try await mesh.meet(alice.devices[0], bob, name: "bob")
            for device in bob.devices { try await mesh.meet(device, alice, name: "alice", tells: false) }
            _ = try await alice.devices[0].text("read by the old one", to: bob.key.publicKey, sent: 1)
            try await mesh.settle([alice.devices[0], bob.devices[0]])
            _ = try await alice.devices[0].text("never read", to: bob.key.publicKey, sent: 2)
            try await mesh.post(alice.devices[0])
            // Its mailbox is emptied when it is removed.
            mesh.mail[bob.devices[0].id] = nil
            let genesis = try await bob.devices[0].state.roster().newest
            let entry = try RosterEntry.next(
                after: genesis, signedBy: bob.devices[0].state.local.keys,
                devices: [bob.devices[1].state.local.keys.entry], nodes: genesis.nodes)
            try await mesh.append(entry, to: bob.devices, now: 3)
            try await mesh.fetch(bob, by: alice.devices[0])
            _ = try await alice.devices[0].text("later", to: bob.key.publicKey, sent: 3)
            try await mesh.settle([alice.devices[0], bob.devices[1]])
            #expect(try await bob.devices[1].texts() == ["never read", "later"])
            #expect(mesh.mail[bob.devices[0].id] ?? [] == [])
            #expect(try await alice.devices[0].texts("state = 14") == ["read by the old one", "never read", "later"])
            #expect(try await alice.devices[0].count("outgoing_body") == 0)
            #expect(try await alice.devices[0].count("session") == 1)
        }
    }

    /// The sender does not know a device yet that the account lists: one that gets the message gives it to that one.
    @Test func aDeviceThatTheSenderDoesNotKnow() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("a1", "a2")
            let bob = try await mesh.account("b1", "b2", listed: 1)
            for device in alice.devices { try await mesh.meet(device, bob, name: "bob", tells: false) }
            for device in bob.devices { try await mesh.meet(device, alice, name: "alice", tells: false) }
            let genesis = try await bob.devices[0].state.roster().newest
            let entry = try RosterEntry.next(
                after: genesis, signedBy: bob.devices[0].state.local.keys,
                devices: bob.devices.map(\.state.local.keys.entry), nodes: genesis.nodes)
            try await mesh.append(entry, to: bob.devices, now: 3)
            _ = try await alice.devices[0].text("hello", to: bob.key.publicKey, sent: 1)
            try await mesh.settle()
            for device in bob.devices { #expect(try await device.texts() == ["hello"]) }
            // Their receipt names the newer head, so that it is fetched.
            let wanted = try await alice.devices[0].state.store.read {
                try ContactRows.find(account: bob.key.publicKey, in: $0)?.wantedHead
            }
            #expect(wanted == entry.head.bytes)
        }
    }

    @Test func aRemovedDeviceSendsNothing() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("laptop", "phone")
            let bob = try await mesh.account("b1")
            for device in alice.devices { try await mesh.meet(device, bob, name: "bob", tells: false) }
            let genesis = try await alice.devices[0].state.roster().newest
            let entry = try RosterEntry.next(
                after: genesis, signedBy: alice.devices[0].state.local.keys,
                devices: [alice.devices[0].state.local.keys.entry], nodes: genesis.nodes)
            try await mesh.append(entry, to: alice.devices, now: 3)
            await #expect(throws: DeviceError.self) {
                try await alice.devices[1].text("hello", to: bob.key.publicKey)
            }
            #expect(try await alice.devices[1].count("outgoing") == 0)
            _ = try await alice.devices[0].text("alone", to: bob.key.publicKey)
            #expect(try await alice.devices[0].count("outgoing WHERE keep_until_delivered = 1") == 1)
        }
    }

    /// Whoever a message was sent to knows its key, and cannot make it somebody else's.
    @Test func aMessageIsInOneConversation() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("laptop")
            let bob = try await mesh.account("b1")
            try await mesh.meet(alice.devices[0], bob, name: "bob")
            try await mesh.meet(bob.devices[0], alice, name: "alice")
            let id = try await alice.devices[0].text("mine", to: bob.key.publicKey)
            let body = try await alice.devices[0].state.store.read { connection in
                try #require(try OutgoingRows.undelivered(contact: 2, in: connection).first).body
            }
            try await mesh.settle()
            let state = bob.devices[0].state
            try await bob.devices[0].write { connection in
                let contact = try #require(try ContactRows.find(account: alice.key.publicKey, in: connection))
                var session = try #require(
                    try SessionRows.newest(contact: contact.id, device: alice.devices[0].id, in: connection))
                let head = try OwnRoster.load(account: state.account, in: connection).head
                let header = try session.seal(
                    body, from: state.local,
                    heads: .init(sender: head, recipient: try ContactRows.roster(of: contact, in: connection).head),
                    random: state.random)
                try SessionRows.save(session, contact: contact.id, in: connection)
                let row = try OutgoingRows.insert(body, recipient: contact.id, in: connection)
                try OutgoingRows.insert(
                    contact: contact.id, device: alice.devices[0].id, message: id, keepUntilDelivered: false,
                    envelopeID: state.random.bytes(32), header: header, body: row, in: connection)
            }
            try await mesh.settle()
            #expect(try await alice.devices[0].texts() == ["mine"])
            #expect(mesh.rejected == ["laptop: the message is one of another conversation"])
        }
    }
}
