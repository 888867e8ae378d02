import SpeemCrypto
import SpeemIdentity
import SpeemSessions
import SpeemStore
import SpeemTransport
import Synchronization
import Testing

@testable import SpeemDevice

/// What a backup takes, and when.
struct BackupMakerTests {
    /// Each table of the schema is in a backup, or left out on purpose.
    @Test func everyTableIsDecidedOn() async throws {
        let device = try await TestDevice("alice")
        let tables = try await device.open { device in
            try await device.state.store.read {
                try $0.query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'") {
                    row throws(StoreError) in try row.text(0)
                }
            }
        }
        // The store's own.
        #expect(Set(tables).subtracting(["store"]) == BackupTables.names.union(BackupTables.left))
        #expect(BackupTables.names.isDisjoint(with: BackupTables.left))
        #expect(Int64(BackupManifest.schema) == DeviceSchema.migrations.map { Int64($0.number) }.max())
    }

    /// Who has no node yet has nobody to be signed in at.
    @Test func aDeviceWithoutANode() async throws {
        let device = try await TestDevice("alice")
        let backup = try await device.backup()
        let fresh = try TestDevice(new: "fresh")
        let report = try await fresh.restore(backup, device.words)
        #expect(report.contacts == 0)
        #expect(try await fresh.roster().devices.count == 1)
        #expect(try await fresh.roster().devices.map(\.id) != device.roster().devices.map(\.id))
        let node = try await TestNode()
        try await node.start()
        _ = try await fresh.accept(try #require(await node.claim).text)
        #expect(try await fresh.call("status")["node"]?["reachable"] == .bool(true))
        try await node.stop()
    }

    private func insert(_ number: Int, to contact: Int64, _ state: DeviceState, in connection: Connection) throws {
        try MessageRows.insert(
            contact: contact, id: try MessageID(state.random.bytes(32)), outgoing: true, text: "text \(number)",
            sent: Int64(number), state: .delivered, in: connection)
    }

    /// The device goes on between the pages: messages come, are read, are deleted; a contact goes. Nothing of that makes a file
    /// that cannot be restored, and what was there at the cut and stays is in it.
    @Test func theDeviceGoesOnMeanwhile() async throws {
        try await TestPair.with { pair in
            let bytes = Mutex<[UInt8]>([])
            try await pair.alice.open { device in
                let state = device.state
                let bob = try await state.store.write { connection in
                    let bob = try ContactRows.find(name: "bob", in: connection).id
                    for number in 0..<1000 { try insert(number, to: bob, state, in: connection) }
                    return bob
                }
                let hasChanged = Mutex(false)
                _ = try await BackupMaker(state: state, clock: .system).run(
                    onProgress: { done, total in
                        #expect(done <= total)
                        // After the cut, in the midst of the history.
                        guard done > 500,
                            !hasChanged.withLock({ was in
                                defer { was = true }
                                return was
                            })
                        else { return }
                        try await state.store.write { connection in
                            for number in 1000..<1500 { try insert(number, to: bob, state, in: connection) }
                            try connection.execute("UPDATE message SET deleted = 1, text = '' WHERE text = 'text 999'")
                            try connection.execute("DELETE FROM message WHERE text = 'text 998'")
                            // A letter whose body comes after the cut, and one whose body goes before its page.
                            let contact = try ContactRows.find(name: "bob", in: connection)
                            _ = try OutgoingMail(state: state).queueText("late", to: contact, now: 1, in: connection)
                        }
                    }, write: { part in bytes.withLock { $0 += part } })
                #expect(hasChanged.withLock { $0 })
            }
            let backup = try await pair.alice.backup()
            try backup.write(bytes.withLock { $0 })
            let fresh = try TestDevice(new: "fresh")
            let report = try await fresh.restore(backup, pair.alice.words)
            #expect(report.messages == 998)
            #expect(try await fresh.contacts() == ["bob confirmed"])
        }
    }

    /// A letter in the cut whose body is gone before its page comes is left out.
    @Test func aLetterWithoutItsBody() async throws {
        try await TestPair.with { pair in
            try await pair.bobNode.stop()
            try await pair.aliceNode.stop()
            _ = try await pair.alice.send("bob", "gone")
            _ = try await pair.alice.send("bob", "stays")
            let bytes = Mutex<[UInt8]>([])
            try await pair.alice.open { device in
                let state = device.state
                let hasChanged = Mutex(false)
                _ = try await BackupMaker(state: state, clock: .system).run(
                    onProgress: { _, _ in
                        guard
                            !hasChanged.withLock({ was in
                                defer { was = true }
                                return was
                            })
                        else { return }
                        try await state.store.write { connection in
                            let body = try connection.first("SELECT min(id) FROM outgoing_body") {
                                row throws(StoreError) in try row.integer(0)
                            }
                            try connection.execute("DELETE FROM outgoing WHERE body = ?", .optional(body))
                            try connection.execute("DELETE FROM outgoing_body WHERE id = ?", .optional(body))
                        }
                    }, write: { part in bytes.withLock { $0 += part } })
            }
            let backup = try await pair.alice.backup()
            try backup.write(bytes.withLock { $0 })
            try await pair.aliceNode.start()
            try await pair.bobNode.start()
            let fresh = try TestDevice(new: "fresh")
            try await fresh.restore(backup, pair.alice.words)
            try await eventually {
                for device in [fresh, pair.bob] { try await device.sync() }
                return try await fresh.sent().contains("delivered stays")
            }
            #expect(try await pair.bob.inbox(all: true) == ["alice: stays"])
        }
    }
}
