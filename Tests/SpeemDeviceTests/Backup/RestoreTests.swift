import Foundation
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import Testing

@testable import SpeemDevice

/// A device that was lost comes back from its backup as another one.
struct RestoreTests {
    /// Contacts, history, names and settings are there, and both sides go on.
    @Test func contactsHistoryAndSettings() async throws {
        try await TestPair.with { pair in
            _ = try await pair.alice.send("bob", "from alice")
            try await pair.bob.sync()
            _ = try await pair.bob.send("alice", "from bob")
            try await pair.alice.sync()
            try await pair.alice.call("settings", ["name": .string("read_receipts"), "value": .bool(true)])
            try await pair.alice.call("verify", ["contact": .string("bob"), "verified": .bool(true)])
            let backup = try await pair.alice.backup()
            #expect(backup.result["messages"] == .integer(2))
            let old = try await pair.alice.roster().devices.map(\.id)

            let fresh = try TestDevice(new: "fresh")
            let report = try await fresh.restore(backup, pair.alice.words)
            #expect(report.contacts == 1)
            #expect(report.messages == 2)
            #expect(report.unread.isEmpty)
            #expect(report.withoutWay.isEmpty)
            #expect(!report.hasOthers)
            // Another device, with the old one's name.
            let roster = try await fresh.roster()
            #expect(roster.devices.count == 1)
            #expect(roster.devices.map(\.id) != old)
            #expect(roster.newest.signer == .account)
            #expect(try await fresh.devices() == ["alice-1"])
            #expect(try await fresh.inbox(all: true).contains("bob: from bob"))
            #expect(try await fresh.sent().contains { $0.hasSuffix(" from alice") })
            #expect(try await fresh.call("settings")["read_receipts"] == .bool(true))
            let contacts = try #require(try await fresh.call("contacts").arrayValue)
            #expect(contacts.map { $0["verified"] } == [.bool(true)])

            _ = try await fresh.send("bob", "I am back")
            try await eventually {
                for device in [pair.bob, fresh] { try await device.sync() }
                return try await fresh.sent().contains("delivered I am back")
            }
            _ = try await pair.bob.send("alice", "good")
            try await eventually {
                for device in [pair.bob, fresh] { try await device.sync() }
                return try await fresh.inbox(all: true).contains("bob: good")
            }
            #expect(try await pair.bob.inbox(all: true) == ["alice: from alice", "alice: I am back"])
            #expect(try await pair.bob.call("contacts").arrayValue?.count == 1)
            #expect(try await pair.bob.roster(of: "alice").devices.map(\.id) == roster.devices.map(\.id))
        }
    }

    /// What waited at the node was written to the old device, in a session of which the backup has an older state.
    @Test func whatWaitsAtTheNodeIsRead() async throws {
        try await TestPair.with { pair in
            _ = try await pair.bob.send("alice", "before")
            try await pair.alice.sync()
            let backup = try await pair.alice.backup()
            for number in 1...3 { _ = try await pair.bob.send("alice", "waiting \(number)") }
            let fresh = try TestDevice(new: "fresh")
            let report = try await fresh.restore(backup, pair.alice.words)
            #expect(report.received == 3)
            #expect(
                try await fresh.inbox(all: true) == [
                    "bob: before", "bob: waiting 1", "bob: waiting 2", "bob: waiting 3",
                ])
            // It was confirmed by the new device, and comes once.
            try await eventually {
                for device in [fresh, pair.bob] { try await device.sync() }
                return try await pair.bob.sent().filter { $0.hasPrefix("delivered waiting") }.count == 3
            }
            #expect(try await fresh.inbox(all: true).count == 4)
        }
    }

    /// The old device went on after the backup: what it has confirmed nobody keeps for sending, and contacts send it again.
    @Test func whatTheOldCopyHasReadComesAgain() async throws {
        try await TestPair.with { pair in
            _ = try await pair.bob.send("alice", "before")
            try await pair.alice.sync()
            let backup = try await pair.alice.backup()
            for number in 1...5 { _ = try await pair.bob.send("alice", "read \(number)") }
            try await pair.alice.sync()
            _ = try await pair.alice.send("bob", "only here")
            try await pair.bob.sync()
            _ = try await pair.bob.send("alice", "not read")
            let fresh = try TestDevice(new: "fresh")
            try await fresh.restore(backup, pair.alice.words)
            try await eventually {
                for device in [fresh, pair.bob] { try await device.sync() }
                return try await fresh.inbox(all: true).count == 7
            }
            let texts = try await fresh.inbox(all: true)
            #expect(
                Set(texts) == Set(["bob: before", "bob: not read"] + (1...5).map { "bob: read \($0)" }))
            let notices = try await fresh.notices()
            #expect(
                notices.contains { $0.contains("bob has sent again") && $0.contains("were recovered") }, "\(notices)")
            // It is asked for once, and given once.
            for _ in 0..<3 { for device in [fresh, pair.bob] { try await device.sync() } }
            #expect(try await fresh.inbox(all: true).count == 7)
            #expect(try await fresh.notices().isEmpty)
        }
    }

    /// Other own devices stay, and give what came after the backup, also what the lost device has written.
    @Test func otherDevicesStay() async throws {
        try await TestPair.with { pair in
            let phone = try TestDevice(new: "phone")
            try await pair.alice.link(phone)
            for device in [phone, pair.alice, phone] { try await device.sync() }
            let backup = try await pair.alice.backup()
            _ = try await pair.alice.send("bob", "after the backup")
            for device in [phone, pair.bob, pair.alice] { try await device.sync() }
            let fresh = try TestDevice(new: "fresh")
            let report = try await fresh.restore(backup, pair.alice.words)
            #expect(report.hasOthers)
            #expect(try await fresh.devices() == ["alice-1", "phone"])
            try await eventually {
                for device in [fresh, phone, pair.bob] { try await device.sync() }
                return try await fresh.sent().contains { $0.hasSuffix(" after the backup") }
            }
            #expect(try await phone.devices() == ["alice-1", "phone"])
            _ = try await fresh.send("bob", "I am back")
            try await eventually {
                for device in [pair.bob, fresh, phone] { try await device.sync() }
                return try await fresh.sent().contains("delivered I am back")
            }
            #expect(try await phone.sent().contains { $0.hasSuffix(" I am back") })
        }
    }

    /// What waited at the old device goes out from the new one, once.
    @Test func whatWasOnItsWayGoesOut() async throws {
        try await TestPair.with { pair in
            try await pair.bobNode.stop()
            try await pair.aliceNode.stop()
            _ = try await pair.alice.send("bob", "still here")
            let backup = try await pair.alice.backup()
            try await pair.aliceNode.start()
            try await pair.bobNode.start()
            // It went out after the backup.
            try await eventually {
                for device in [pair.alice, pair.bob] { try await device.sync() }
                return try await pair.alice.sent() == ["delivered still here"]
            }
            let fresh = try TestDevice(new: "fresh")
            try await fresh.restore(backup, pair.alice.words)
            try await eventually {
                for device in [fresh, pair.bob] { try await device.sync() }
                return try await fresh.sent() == ["delivered still here"]
            }
            #expect(try await pair.bob.inbox(all: true) == ["alice: still here"])
        }
    }

    // MARK: The old copy

    @Test func theOldCopyStops() async throws {
        try await TestPair.with { pair in
            let backup = try await pair.alice.backup()
            for _ in 0..<3 { try await pair.alice.sync() }
            let fresh = try TestDevice(new: "fresh")
            try await fresh.restore(backup, pair.alice.words)
            let problem = try await pair.alice.call("inbox")["problem"]?.stringValue
            #expect(problem?.contains("old copy") == true, "\(problem ?? "none")")
            await #expect(throws: DeviceError.oldCopy) { try await pair.alice.sync() }
            await #expect(throws: DeviceError.oldCopy) { try await pair.alice.send("bob", "from the past") }
            try await pair.bob.sync()
            #expect(try await pair.bob.inbox(all: true).isEmpty)
            // The new one has nothing of it.
            #expect(try await fresh.call("status")["problem"] == nil)
        }
    }

    /// The daemon of an old copy ends by itself.
    @Test func theDaemonOfAnOldCopyEnds() async throws {
        try await TestPair.with { pair in
            let backup = try await pair.alice.backup()
            let service = try await DeviceService.start(pair.alice.config, logger: quietLogger)
            let running = Task { try await service.run() }
            let fresh = try TestDevice(new: "fresh")
            try await fresh.restore(backup, pair.alice.words)
            await #expect(throws: DeviceError.oldCopy) { try await running.value }
        }
    }

    // MARK: Refused

    @Test func wrongWordsWrongFileWrongFolder() async throws {
        try await TestPair.with(contacts: false) { pair in
            let backup = try await pair.alice.backup()
            let fresh = try TestDevice(new: "fresh")
            await #expect(throws: BackupError.otherAccount) { try await fresh.restore(backup, pair.bob.words) }
            let bytes = try backup.bytes()
            try backup.write(Array(bytes.dropLast()))
            await #expect(throws: BackupError.self) { try await fresh.restore(backup, pair.alice.words) }
            // Nothing was written.
            await #expect(throws: DeviceError.notInitialised) { try await fresh.sync() }
            try backup.write(bytes)
            await #expect(throws: BackupError.deviceIsThere) { try await pair.bob.restore(backup, pair.alice.words) }
            await #expect(throws: BackupError.deviceIsThere) { try await pair.alice.restore(backup, pair.alice.words) }
            try await pair.alice.sync()
            try await fresh.restore(backup, pair.alice.words)
            await #expect(throws: BackupError.deviceIsThere) { try await fresh.restore(backup, pair.alice.words) }
        }
    }

    /// A device that was removed is restored all the same: the words decide.
    @Test func aRemovedDeviceComesBackAsAnother() async throws {
        try await TestPair.with(contacts: false) { pair in
            let phone = try TestDevice(new: "phone")
            try await pair.alice.link(phone)
            try await phone.sync()
            let backup = try await phone.backup()
            try await pair.alice.call("devices.remove", ["name": .string("phone")])
            // Its backup is as good as before: the words sign it in as another one.
            let fresh = try TestDevice(new: "fresh")
            let report = try await fresh.restore(backup, pair.alice.words)
            #expect(report.unread.count == 1)
            #expect(try await fresh.devices() == ["alice-1", "phone"])
        }
    }

    // MARK: Interruptions

    /// Nothing can be reached: what is here waits, opens for no other command, and goes on.
    @Test func withoutANode() async throws {
        try await TestPair.with { pair in
            let backup = try await pair.alice.backup()
            try await pair.aliceNode.stop()
            let fresh = try TestDevice(new: "fresh")
            await #expect {
                try await fresh.restore(backup, pair.alice.words)
            } throws: { if case BackupError.unreachable? = $0 as? BackupError { true } else { false } }
            await #expect(throws: DeviceError.notRestored) { try await fresh.send("bob", "too early") }
            let other = try await pair.bob.backup()
            await #expect(throws: BackupError.otherBackup) { try await fresh.restore(other, pair.bob.words) }
            try await pair.aliceNode.start()
            try await fresh.restore(backup, pair.alice.words)
            #expect(try await fresh.contacts() == ["bob confirmed"])
        }
    }

    /// Somebody has taken up an invite after the backup, and their request waits at the node.
    @Test func aContactRequestWaits() async throws {
        try await TestPair.with(contacts: false) { pair in
            let invite = try await pair.alice.invite()
            let backup = try await pair.alice.backup()
            _ = try await pair.bob.accept(invite, name: "alice")
            let fresh = try TestDevice(new: "fresh")
            try await fresh.restore(backup, pair.alice.words)
            try await eventually {
                for device in [fresh, pair.bob] { try await device.sync() }
                return try await pair.bob.contacts() == ["alice confirmed"]
            }
            #expect(try await fresh.contacts() == ["bob confirmed"])
            _ = try await fresh.send("bob", "hello")
            try await eventually {
                for device in [fresh, pair.bob] { try await device.sync() }
                return try await fresh.sent() == ["delivered hello"]
            }
        }
    }

    /// A contact's node that is away gets to know the new device later, with the old one's key.
    @Test func aContactsNodeIsAway() async throws {
        try await TestPair.with { pair in
            let backup = try await pair.alice.backup()
            try await pair.bobNode.stop()
            let fresh = try TestDevice(new: "fresh")
            let report = try await fresh.restore(backup, pair.alice.words)
            #expect(report.withoutWay == ["bob"])
            try await pair.bobNode.start()
            _ = try await fresh.send("bob", "I am back")
            try await eventually {
                for device in [fresh, pair.bob] { try await device.sync() }
                return try await fresh.sent() == ["delivered I am back"]
            }
            // Bob has heard that the old device is gone, and its keys with it: the new one's stay.
            try await pair.bob.sync()
            _ = try await fresh.send("bob", "and stay")
            try await eventually {
                for device in [fresh, pair.bob] { try await device.sync() }
                return try await fresh.sent().contains("delivered and stay")
            }
        }
    }

    /// The connection to the own node ends after so many bytes; then the same again.
    @Test(arguments: [0, 60, 400, 900, 1400, 2000, 3000, 4500])
    func interruptedAndRepeated(cut: Int) async throws {
        try await TestPair.with { pair in
            _ = try await pair.bob.send("alice", "waiting")
            let backup = try await pair.alice.backup()
            let proxy = try await CuttingProxy.start { await pair.aliceNode.address }
            let fresh = try TestDevice(new: "fresh")
            let restore = try InterruptedRestore(backup, pair, fresh)
            try await restore.load(address: proxy.address)
            proxy.allow(cut)
            _ = try? await restore.goOn()
            proxy.allow(nil)
            // Done already, or goes on.
            do { try await restore.goOn() } catch BackupError.deviceIsThere {}
            #expect(try await fresh.devices() == ["alice-1"])
            try await eventually {
                for device in [fresh, pair.bob] { try await device.sync() }
                return try await fresh.inbox(all: true) == ["bob: waiting"]
            }
        }
    }

    /// Killed while rows were written: they are thrown away, and come once.
    @Test(arguments: [1, 20, 60])
    func killedWhileLoading(rows: Int) async throws {
        try await TestPair.with { pair in
            for number in 0..<8 { _ = try await pair.bob.send("alice", "text \(number)") }
            try await pair.alice.sync()
            let backup = try await pair.alice.backup()
            let fresh = try TestDevice(new: "fresh")
            let words = try #require(pair.alice.words)
            let account = try AccountKey(words: words.words.joined(separator: " "))
            let verified = try VerifiedBackup(try BackupFile(path: backup.path), account: account)
            let store = try await Device.openStore(fresh.config) { try RestoreRows.begin(verified, in: $0) }
            var source = try BackupFile(path: backup.path)
            let size = source.size
            // The file ends there, for this attempt.
            let part = try source.read(Int(size) * rows / 100 + BackupFormat.headerLength)
            await #expect(throws: BackupError.self) {
                try await RestoreLoad(store: store, backup: verified, clock: .system).run(
                    MemoryBackup(part), account: account, onProgress: { _ in })
            }
            await store.close()
            await #expect(throws: DeviceError.notRestored) { try await fresh.sync() }
            let report = try await fresh.restore(backup, words)
            #expect(report.messages == 8)
            #expect(try await fresh.inbox(all: true).count == 8)
        }
    }
}

/// A restore whose way to the node can be cut.
struct InterruptedRestore: Sendable {
    let backup: BackupOnDisk
    let pair: TestPair
    let fresh: TestDevice
    let account: AccountKey

    init(_ backup: BackupOnDisk, _ pair: TestPair, _ fresh: TestDevice) throws {
        (self.backup, self.pair, self.fresh) = (backup, pair, fresh)
        let words = try #require(pair.alice.words)
        account = try AccountKey(words: words.words.joined(separator: " "))
    }

    /// The rows are here, and the own node was last reached at `address`.
    func load(address: String) async throws {
        let verified = try VerifiedBackup(try BackupFile(path: backup.path), account: account)
        let store = try await Device.openStore(fresh.config) { try RestoreRows.begin(verified, in: $0) }
        try await RestoreLoad(store: store, backup: verified, clock: .system).run(
            try BackupFile(path: backup.path), account: account, onProgress: { _ in })
        let node = try #require(await pair.aliceNode.entry)
        try await store.write { try WorkedAddresses.set(address, for: node.noise.bytes, in: $0) }
        await store.close()
    }

    @discardableResult
    func goOn() async throws -> Restore.Report { try await fresh.restore(backup, pair.alice.words) }
}
