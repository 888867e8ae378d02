import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemSessions
import SpeemStore
import SpeemSync
import SwiftProtobuf
import Testing

@testable import SpeemDevice

/// All devices of an account end with the same, whatever comes first.
struct OwnSyncTests {
    private func names(_ device: Mesh.Member) async throws -> [String] {
        try await device.state.store.read { connection in
            try ContactRows.all(in: connection).map {
                "\($0.name) \(Hex.encode($0.account.bytes.prefix(4))) \($0.isVerified) \($0.state.word)"
            }
        }
    }

    private func expectSame(_ devices: [Mesh.Member], _ mesh: Mesh) async throws {
        for device in devices.dropFirst() {
            #expect(try await names(device) == names(devices[0]))
            #expect(try await device.texts() == devices[0].texts())
            #expect(try await registers(device) == registers(devices[0]))
        }
        #expect(mesh.rejected == [])
    }

    private func registers(_ device: Mesh.Member) async throws -> [RegisterKey: Register] {
        try await device.state.store.read { connection in
            Dictionary(uniqueKeysWithValues: try RegisterRows.all(in: connection).map { ($0.key, $0.register) })
        }
    }

    @Test func aContactThatOneDeviceMeets() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("a1", "a2", "a3")
            let bob = try await mesh.account("b1")
            try await mesh.meet(bob.devices[0], alice, name: "alice", tells: false)
            try await mesh.meet(alice.devices[0], bob, name: "bob")
            _ = try await alice.devices[0].text("hello", to: bob.key.publicKey, sent: 1)
            // Two answers before the other devices have heard of bob.
            try await mesh.post(alice.devices[0])
            let cards = mesh.mail
            mesh.mail = mesh.mail.filter { $0.key == bob.devices[0].id }
            try await mesh.settle()
            for number in 1...2 {
                _ = try await bob.devices[0].text("b\(number)", to: alice.key.publicKey, sent: Int64(number + 1))
            }
            try await mesh.settle()
            #expect(try await alice.devices[0].texts() == ["hello", "b1", "b2"])
            // They stay where they are, unopened, until the card has come.
            for device in alice.devices.dropFirst() {
                #expect(try await device.texts() == [])
                #expect(mesh.mail[device.id]?.isEmpty == false)
                mesh.mail[device.id]?.append(contentsOf: cards[device.id] ?? [])
            }
            try await mesh.settle()
            try await expectSame(alice.devices, mesh)
            #expect(try await alice.devices[2].texts() == ["hello", "b1", "b2"])
            #expect(try await alice.devices[2].count("early_envelope") == 0)
        }
    }

    /// More than are written down as early: none is lost.
    @Test func manyEarlyOnes() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("a1", "a2")
            let bob = try await mesh.account("b1")
            try await mesh.meet(bob.devices[0], alice, name: "alice", tells: false)
            for number in 1...150 {
                _ = try await bob.devices[0].text("b\(number)", to: alice.key.publicKey, sent: Int64(number))
            }
            try await mesh.settle()
            #expect(try await alice.devices[1].texts() == [])
            try await mesh.meet(alice.devices[0], bob, name: "bob")
            try await mesh.settle()
            try await expectSame(alice.devices, mesh)
            #expect(try await alice.devices[1].texts().count == 150)
        }
    }

    /// A history, or a mark's text, of a conversation whose contact has not come yet.
    @Test func aMessageBeforeItsContact() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("a1", "a2")
            let bob = try await mesh.account("b1")
            let (one, two) = (alice.devices[0], alice.devices[1])
            try await mesh.meet(one, bob, name: "bob", tells: false)
            _ = try await one.text("hello", to: bob.key.publicKey, sent: 1)
            mesh.mail = [:]
            try await two.write { connection in
                try HistorySync(state: two.state).begin(since: 0, with: one.id, now: 1, in: connection)
            }
            try await mesh.settle(alice.devices)
            #expect(try await two.texts() == [])
            let state = one.state
            try await one.write { connection in
                let contact = try ContactRows.find(name: "bob", in: connection)
                try OwnSync(state: state).queueCard(of: contact.id, in: connection)
                try OwnSync(state: state).name(contact.account, "bob", in: connection)
            }
            try await mesh.settle(alice.devices)
            try await expectSame(alice.devices, mesh)
            #expect(try await two.texts() == ["hello"])
        }
    }

    /// A device is removed that had told only one of the others: those make up for it, also for what is no message.
    @Test func aRegisterThatOnlySomeHaveHeard() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("a1", "a2", "a3")
            let (one, two, three) = (alice.devices[0], alice.devices[1], alice.devices[2])
            let state = three.state
            try await three.write { try OwnSync(state: state).set(.setting("x"), to: [1], in: $0) }
            try await mesh.post(three)
            mesh.mail[two.id] = nil
            try await mesh.read(one)
            #expect(try await registers(one).count == 1)
            let genesis = try await one.state.roster().newest
            let entry = try RosterEntry.next(
                after: genesis, signedBy: one.state.local.keys,
                devices: [one, two].map(\.state.local.keys.entry), nodes: genesis.nodes)
            try await mesh.append(entry, to: alice.devices, now: 3)
            mesh.mail[three.id] = nil
            try await mesh.settle([one, two])
            try await expectSame([one, two], mesh)
            // And the key that the removed device cannot recognise the account by.
            #expect(try await registers(two).count == 2)
        }
    }

    /// Two devices give two contacts one name at the same moment: both show the same one under each name.
    @Test func oneNameForTwo() async throws {
        for order in [[0, 1], [1, 0]] {
            try await Mesh.with { mesh in
                let alice = try await mesh.account("a1", "a2", "a3")
                let bob = try await mesh.account("bob")
                let mallory = try await mesh.account("mallory")
                try await mesh.meet(alice.devices[0], bob, name: "bob")
                try await mesh.meet(alice.devices[1], mallory, name: "BOB")
                for index in order { try await mesh.post(alice.devices[index]) }
                for index in order { try await mesh.read(alice.devices[index]) }
                try await mesh.settle(alice.devices)
                try await expectSame(alice.devices, mesh)
                let names = try await names(alice.devices[2]).map { $0.split(separator: " ")[0] }
                #expect(names == ["BOB", "bob-2"] || names == ["BOB-2", "bob"])
            }
        }
    }

    /// Changes of the same things on three devices, in random orders, with one that is off until the end.
    @Test(arguments: 0..<6) func changesInAnyOrder(seed: UInt64) async throws {
        try await Mesh.with { mesh in
            var random = Seeded(seed)
            let alice = try await mesh.account("a1", "a2", "a3")
            let contacts = [try await mesh.account("b"), try await mesh.account("c")]
            for device in alice.devices {
                for (index, contact) in contacts.enumerated() {
                    try await mesh.meet(device, contact, name: "contact\(index)", tells: false)
                }
            }
            var ids: [MessageID] = []
            for step in 0..<60 {
                let device = alice.devices.randomElement(using: &random)!
                let contact = contacts.randomElement(using: &random)!.key.publicKey
                let state = device.state
                switch Int.random(in: 0..<7, using: &random) {
                case 0: ids.append(try await device.text("m\(step)", to: contact, sent: Int64(step)))
                case 1:
                    let name = "n\(Int.random(in: 0..<3, using: &random))"
                    try await device.write {
                        try OwnSync(state: state).set(.contactName(contact), to: Array(name.utf8), in: $0)
                    }
                case 2:
                    let value = UInt8.random(in: 0...1, using: &random)
                    try await device.write {
                        try OwnSync(state: state).set(.contactVerified(contact), to: [value], in: $0)
                    }
                case 3:
                    let value = UInt8.random(in: 0...9, using: &random)
                    try await device.write {
                        try OwnSync(state: state).set(.setting("read_receipts"), to: [value], in: $0)
                    }
                case 4:
                    guard let id = ids.randomElement(using: &random) else { continue }
                    let now = mesh.now
                    // Also of a message that has not come to this device yet.
                    try await device.write { connection in
                        try MessageRows.mark(id.bytes, deleted: true, now: now, in: connection)
                        try OwnSync(state: state).queueMarks(
                            [.mark(id.bytes, conversation: contact, deleted: true)], in: connection)
                    }
                default:
                    let device = alice.devices.prefix(2).randomElement(using: &random)!
                    try await mesh.post(device)
                    // Nodes keep the order of one sender, not of all.
                    mesh.mail[device.id]?.shuffle(using: &random)
                    try await mesh.read(device)
                }
            }
            for device in alice.devices { try await mesh.post(device) }
            for device in alice.devices { mesh.mail[device.id]?.shuffle(using: &random) }
            try await mesh.settle(alice.devices)
            try await expectSame(alice.devices, mesh)
            #expect(try await alice.devices[0].count("early_mark") == 0)
        }
    }

    /// A contact cannot bring back what was deleted by flooding the marks of messages that have not come.
    @Test func marksOfOwnDevicesStay() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("a1")
            try await alice.devices[0].write { connection in
                try MessageRows.mark([UInt8](repeating: 7, count: 32), deleted: true, now: 1, in: connection)
                for number in 0..<20_050 as Range<UInt64> {
                    try connection.execute(
                        "INSERT INTO early_mark (message_id, progress, seen, deleted, made) VALUES (?, 14, 0, 0, 2)",
                        .blob(BigEndian.bytes(number)))
                }
                try MessageRows.mark([UInt8](repeating: 8, count: 32), progress: .delivered, now: 3, in: connection)
            }
            #expect(try await alice.devices[0].count("early_mark") == 20_000)
            #expect(try await alice.devices[0].count("early_mark WHERE deleted = 1") == 1)
        }
    }

    /// A device whose roster is older tells something: whoever knows more passes it on.
    @Test func aDeviceThatAnotherDoesNotKnow() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("a1", "a2", "a3", listed: 2)
            let bob = try await mesh.account("bob")
            for device in alice.devices { try await mesh.meet(device, bob, name: "bob", tells: false) }
            let genesis = try await alice.devices[0].state.roster().newest
            let entry = try RosterEntry.next(
                after: genesis, signedBy: alice.devices[0].state.local.keys,
                devices: alice.devices.map(\.state.local.keys.entry), nodes: genesis.nodes)
            try await mesh.append(entry, to: [alice.devices[0], alice.devices[2]], now: 3)
            let behind = alice.devices[1]
            _ = try await behind.text("hello", to: bob.key.publicKey, sent: 10)
            try await behind.write { connection in
                try OwnSync(state: behind.state).set(.contactVerified(bob.key.publicKey), to: [1], in: connection)
            }
            try await mesh.settle(alice.devices)
            try await expectSame(alice.devices, mesh)
            #expect(try await alice.devices[2].texts() == ["hello"])
        }
    }

    /// Many contacts, long names and long chains still let a device be linked.
    @Test func aLargeState() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("a1", "a2")
            let bob = try await mesh.account("b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8")
            var roster = try await bob.devices[0].state.roster()
            for _ in 0..<100 {
                let entry = try RosterEntry.next(
                    after: roster.newest, signedBy: bob.devices[0].state.local.keys,
                    devices: roster.newest.devices.reversed(), nodes: roster.newest.nodes)
                try roster.append(entry)
            }
            let long = roster
            try await bob.devices[0].write { connection in
                for entry in long.entries.dropFirst() { try OwnRoster.insert(entry, in: connection) }
            }
            let (one, two) = (alice.devices[0], alice.devices[1])
            try await mesh.meet(one, bob, name: "bob")
            try await one.write { connection in
                for number in 0..<1500 {
                    try RegisterRows.set(
                        .setting("s\(number)"), to: [UInt8](repeating: 1, count: 256), by: one.id, in: connection)
                }
                try OwnSync(state: one.state).queueWelcome(to: two.id, history: true, since: 0, in: connection)
            }
            try await mesh.settle(alice.devices)
            #expect(try await registers(two).count == 1501)
            let (name, wanted) = try await two.state.store.read { connection in
                let bob = try #require(try ContactRows.find(account: bob.key.publicKey, in: connection))
                return (bob.name, bob.wantedHead)
            }
            #expect(name == "bob")
            // The rest of the chain is fetched.
            #expect(wanted != nil)
            #expect(mesh.rejected == [])
        }
    }
}

/// Random numbers that a seed repeats (SplitMix64).
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
