import Foundation
import SpeemConfig
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemSessions
import SpeemStore
import SpeemSync
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemDevice
@testable import SpeemNode

/// The chain at the nodes: changed by two devices at once, withheld, forked, or not the account's at all.
struct RosterFlowTests {
    /// Two devices change the roster many times at the same moment: all changes are made, once.
    @Test func concurrentChangesConverge() async throws {
        try await TestPair.with(contacts: false) { pair in
            let phone = try TestDevice(new: "phone")
            try await pair.alice.link(phone)
            @Sendable func add(_ numbers: Range<Int>, _ device: TestDevice) async throws {
                try await device.open { device in
                    let flow = RosterFlow(state: device.state, connections: device.connections)
                    for _ in numbers {
                        let entry = DeviceKeys(random: device.state.random).entry
                        try await flow.change(.addDevice(entry))
                        try await flow.change(.removeDevice(entry.id))
                        try await flow.change(.addDevice(DeviceKeys(random: device.state.random).entry))
                    }
                }
            }
            async let first: Void = add(0..<4, pair.alice)
            async let second: Void = add(0..<4, phone)
            _ = try await (first, second)
            try await pair.alice.sync()
            try await phone.sync()
            let chains = try await (pair.alice.roster(), phone.roster())
            #expect(chains.0 == chains.1)
            #expect(chains.0.devices.count == 10)
            // Genesis, the node, the phone, and each change once.
            #expect(chains.0.entries.count == 3 + 24)
            #expect(try await pair.alice.notices().allSatisfy { !$0.contains("split") })
        }
    }

    /// The home node hides what another own device knows.
    @Test func withheldFromAnOwnDevice() async throws {
        try await TestPair.with(contacts: false) { pair in
            let phone = try TestDevice(new: "phone")
            try await pair.alice.link(phone)
            for device in [phone, pair.alice, phone] { try await device.sync() }
            let roster = try await pair.alice.roster()
            try await pair.alice.open { device in
                // The node took the change, and says that it has not.
                let flow = RosterFlow(state: device.state, connections: device.connections)
                try await flow.change(.addDevice(DeviceKeys(random: device.state.random).entry))
                let own = try await device.state.store.read { try ContactRows.own(in: $0).id }
                try await device.state.store.write {
                    try OwnSync(state: device.state).set(.setting("x"), to: [1], in: $0)
                }
                _ = try await device.courier.deliver(to: own)
            }
            try await pair.aliceNode.editStore { connection in
                try connection.execute(
                    "DELETE FROM roster_entry WHERE sequence > ?", .integer(Int64(roster.entries.count)))
            }
            for _ in 0..<3 { try await phone.sync() }
            let notices = try await phone.notices()
            #expect(notices.count { $0.contains("does not serve the account's newest roster") } == 1)
            // The device that has it brings it again.
            try await pair.alice.sync()
            try await phone.sync()
            #expect(try await phone.roster().entries.count == roster.entries.count + 1)
            #expect(try await phone.notices().allSatisfy { !$0.contains("newest") })
        }
    }

    /// Two chains of one account: an alarm on the device, once, and the one that the account key has not signed stays out.
    @Test func forkAlarmsOwnDeviceOnce() async throws {
        try await TestPair.with(contacts: false) { pair in
            let fork = try await pair.alice.fork()
            try await pair.alice.open { device in
                let flow = RosterFlow(state: device.state, connections: device.connections)
                try await flow.change(.addDevice(DeviceKeys(random: device.state.random).entry))
            }
            let before = try await pair.alice.roster()
            try await pair.aliceNode.serve(fork)
            for _ in 0..<3 { try await pair.alice.sync() }
            #expect(try await pair.alice.roster() == before)
            #expect(try await pair.alice.notices().count { $0.contains("split in two") } == 1)
            // Whoever wants to change it now is told why that cannot be.
            try await pair.alice.open { device in
                let flow = RosterFlow(state: device.state, connections: device.connections)
                await #expect(throws: DeviceError.rosterSplit) {
                    try await flow.change(.addDevice(DeviceKeys(random: device.state.random).entry))
                }
            }
        }
    }

    enum Served: CaseIterable { case older, fork, unlistedSigner, otherAccount }

    /// What a contact's node serves is judged, and the person is told.
    @Test(arguments: Served.allCases)
    func contactsChainIsJudged(served: Served) async throws {
        try await TestPair.with { pair in
            let first = try await pair.alice.roster()
            let fork = try await pair.alice.fork()
            try await pair.alice.open { device in
                let flow = RosterFlow(state: device.state, connections: device.connections)
                try await flow.change(.addDevice(DeviceKeys(random: device.state.random).entry))
            }
            try await pair.alice.sync()
            for _ in 0..<2 { try await pair.bob.sync() }
            let known = try await pair.bob.roster(of: "alice")
            #expect(try await pair.alice.roster() == known)
            let words: String
            switch served {
            case .older:
                try await pair.aliceNode.serve(first.entries)
                words = "older roster than before"
            case .fork:
                try await pair.aliceNode.serve(fork)
                words = "split in two"
            case .unlistedSigner:
                let stranger = DeviceKeys(random: SystemRandomSource())
                let entry = try RosterEntry.next(
                    after: known.newest, signedBy: stranger, devices: [stranger.entry], nodes: known.nodes)
                try await pair.aliceNode.serve(known.entries + [entry])
                words = "not the account's"
            case .otherAccount:
                try await pair.aliceNode.serve(pair.bob.roster().entries)
                words = "not the account's"
            }
            // As a message that names a head that is not known does.
            try await pair.bob.open { device in
                try await device.state.store.write { connection in
                    let alice = try ContactRows.find(name: "alice", in: connection)
                    try ContactRows.want(RosterHead(Array(repeating: 7, count: 32)), of: alice.id, in: connection)
                }
            }
            try await pair.bob.sync()
            let contact = try await pair.bob.call("contacts").arrayValue?.first
            #expect(contact?["alarm"]?.stringValue?.contains(words) == true)
            #expect(try await pair.bob.roster(of: "alice") == known)
            #expect(try await pair.bob.notices().contains { $0.contains("alice") && $0.contains(words) })
        }
    }

    /// A device that bob does not know yet writes at once: what it says is taken after the fetch, once.
    @Test func firstWordsOfAnUnknownDeviceAreTaken() async throws {
        try await TestPair.with { pair in
            let phone = try TestDevice(new: "phone")
            try await pair.alice.link(phone)
            for device in [phone, pair.alice, phone] { try await device.sync() }
            _ = try await phone.send("bob", "hello from the phone")
            #expect(try await pair.bob.inbox() == ["alice: hello from the phone"])
            #expect(try await pair.bob.inbox().isEmpty)
            #expect(try await phone.sent() == ["delivered hello from the phone"])
        }
    }
}

extension TestDevice {
    /// Another chain that goes on from this one's.
    func fork() async throws -> [RosterEntry] {
        try await open { device in
            let roster = try await device.state.roster()
            let entry = try RosterEntry.next(
                after: roster.newest, signedBy: device.state.local.keys,
                devices: roster.devices + [DeviceKeys(random: device.state.random).entry], nodes: roster.nodes)
            return roster.entries + [entry]
        }
    }
}

extension TestNode {
    /// Changes the store of the node while it is down.
    func editStore(_ body: @escaping @Sendable (Connection) throws -> Void) async throws {
        try await stop()
        let config = try config()
        let store = try await Store.open(
            Store.Options(
                folder: config.dataFolder, key: .file(config.keyFile), migrations: NodeSchema.migrations,
                mayCreate: false)
        )
        do {
            try await store.write { try body($0) }
        } catch {
            await store.close()
            throw error
        }
        await store.close()
        try await start()
    }

    /// From now on it serves this chain.
    func serve(_ entries: [RosterEntry]) async throws {
        try await editStore { connection in
            try connection.execute("DELETE FROM roster_entry")
            for entry in entries {
                try connection.execute(
                    "INSERT INTO roster_entry (sequence, encoded) VALUES (?, ?)",
                    .integer(Int64(clamping: entry.sequence)), .blob(entry.encoded))
            }
        }
    }
}
