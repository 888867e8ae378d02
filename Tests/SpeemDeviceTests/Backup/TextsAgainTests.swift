import Foundation
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemSessions
import SpeemStore
import SwiftProtobuf
import Testing

@testable import SpeemDevice

/// Contacts send again what they have sent to a device that was restored, and nothing else, to nobody else.
struct TextsAgainTests {
    /// Texts that `device` has sent, as if they were delivered.
    private func fill(_ device: TestDevice, to contact: String, count: Int, bytes: Int = 1) async throws {
        try await device.open { device in
            let now = WallClock.system.milliseconds()
            try await device.state.store.write { connection in
                let contact = try ContactRows.find(name: contact, in: connection)
                for number in 0..<count {
                    try MessageRows.insert(
                        contact: contact.id, id: try MessageID(device.state.random.bytes(32)), outgoing: true,
                        text: "\(number)" + String(repeating: "x", count: bytes), sent: now, state: .delivered,
                        in: connection)
                }
            }
        }
    }

    private func received(_ device: TestDevice) async throws -> [String] {
        try await device.open { device in
            try await device.state.store.read { connection in
                try connection.query("SELECT text FROM message WHERE outgoing = 0 ORDER BY id") {
                    row throws(StoreError) in try row.text(0)
                }
            }
        }
    }

    @Test(arguments: [(count: 1003, bytes: 1, come: 1000), (count: 60, bytes: 50_000, come: 41)])
    func noMoreThanTheNewest(count: Int, bytes: Int, come: Int) async throws {
        try await TestPair.with { pair in
            let backup = try await pair.alice.backup()
            try await fill(pair.bob, to: "alice", count: count, bytes: bytes)
            let fresh = try TestDevice(new: "fresh")
            try await fresh.restore(backup, pair.alice.words)
            var notices: [String] = []
            try await eventually {
                for device in [fresh, pair.bob] { try await device.sync() }
                notices += try await fresh.notices()
                return try await received(fresh).count == come && notices.contains { $0.contains("sent again") }
            }
            // The newest, oldest first.
            let numbers = try await received(fresh).map { Int($0.filter(\.isNumber)) }
            #expect(numbers == Array((count - come)..<count))
            #expect(notices.contains { $0.contains("\(count - come) older ones were too many") }, "\(notices)")
        }
    }

    /// Others' conversations, what came from the asking account, what is deleted, and what is older.
    @Test func nothingElse() async throws {
        try await TestPair.with { pair in
            let carol = try await TestDevice("carol")
            let node = try await TestNode()
            try await node.start()
            _ = try await carol.accept(try #require(await node.claim).text)
            _ = try await carol.accept(try await pair.bob.invite(), name: "bob")
            _ = try await pair.bob.contacts()
            let backup = try await pair.alice.backup()
            try await fill(pair.bob, to: "carol", count: 3)
            try await fill(pair.bob, to: "alice", count: 4)
            _ = try await pair.alice.send("bob", "my own")
            try await pair.bob.sync()
            try await pair.bob.open { device in
                try await device.state.store.write { connection in
                    try connection.execute(
                        "UPDATE message SET sent_ms = 1000 WHERE text LIKE '0%' OR text LIKE '1%'")
                    try connection.execute("UPDATE message SET deleted = 1, text = '' WHERE text LIKE '2%'")
                }
            }
            let fresh = try TestDevice(new: "fresh")
            try await fresh.restore(backup, pair.alice.words)
            try await eventually {
                for device in [fresh, pair.bob] { try await device.sync() }
                return try await received(fresh) == ["3x"]
            }
            for _ in 0..<2 { for device in [fresh, pair.bob] { try await device.sync() } }
            #expect(try await received(fresh) == ["3x"])
            #expect(try await fresh.sent().isEmpty)
            try await node.stop()
        }
    }

    /// One that another device has linked might not be allowed any history.
    @Test func aLinkedDeviceGetsNothing() async throws {
        try await TestPair.with { pair in
            let phone = try TestDevice(new: "phone")
            try await pair.alice.link(phone, history: "none")
            for device in [phone, pair.alice, phone] { try await device.sync() }
            try await fill(pair.bob, to: "alice", count: 3)
            try await phone.open { device in
                let state = device.state
                try await state.store.write { connection in
                    let bob = try ContactRows.find(name: "bob", in: connection)
                    try OutgoingMail(state: state).queueRestored(since: 0, to: bob, in: connection)
                }
            }
            _ = try await phone.send("bob", "after it")
            try await eventually {
                for device in [phone, pair.bob] { try await device.sync() }
                return try await phone.sent() == ["delivered after it"]
            }
            #expect(try await received(phone).isEmpty)
            let asked = try await pair.bob.open { device in
                try await device.state.store.read {
                    try $0.first("SELECT count(*) FROM restored_device") { row throws(StoreError) in
                        try row.integer(0)
                    }
                }
            }
            #expect(asked == 0)
        }
    }

    /// Whoever has an account key can list as many devices as it likes.
    @Test func fewDevicesInADay() async throws {
        try await TestPair.with { pair in
            try await fill(pair.bob, to: "alice", count: 2)
            let backup = try await pair.alice.backup()
            let fresh = try TestDevice(new: "fresh")
            try await fresh.restore(backup, pair.alice.words)
            try await eventually {
                for device in [fresh, pair.bob] { try await device.sync() }
                return try await received(fresh).count == 2
            }
            let device = try #require(try await pair.bob.roster(of: "alice").devices.first).id
            try await pair.bob.open { bob in
                let state = bob.state
                let now = WallClock.system.seconds()
                let count = try await state.store.write { connection in
                    let alice = try ContactRows.find(name: "alice", in: connection)
                    try connection.execute("DELETE FROM restored_device")
                    for number in 0..<TextsAgain.maxDevicesPerDay {
                        try connection.execute(
                            "INSERT INTO restored_device (contact, device, made) VALUES (?, ?, ?)", .integer(alice.id),
                            .blob([UInt8](repeating: UInt8(number), count: 16)), .integer(now - number))
                    }
                    let texts = TextsAgain(state: state)
                    let restored = WireRestored.with { $0.sinceUnixMs = 0 }
                    #expect(throws: IncomingMail.Unwelcome.self) {
                        try texts.answer(restored, of: alice, device, now: now, in: connection)
                    }
                    try texts.answer(restored, of: alice, device, now: now + 86_400, in: connection)
                    return try connection.first("SELECT count(*) FROM outgoing WHERE contact = ?", .integer(alice.id)) {
                        row throws(StoreError) in try row.integer(0)
                    }
                }
                #expect(count == 1)
            }
        }
    }

    private func again(_ id: [UInt8], _ text: String, last: Bool = false) -> WireTextsAgain {
        .with {
            $0.texts = [
                .with {
                    $0.id = Data(id)
                    $0.sentUnixMs = 5
                    $0.text = text
                }
            ]
            $0.last = last
        }
    }

    @Test func nobodyElseTakesThem() async throws {
        try await TestPair.with { pair in
            try await pair.alice.open { device in
                let state = device.state
                await #expect(throws: IncomingMail.Unwelcome.self) {
                    try await state.store.write { connection in
                        let bob = try ContactRows.find(name: "bob", in: connection)
                        _ = try TextsAgain(state: state).take(
                            again([UInt8](repeating: 1, count: 32), "x"), from: bob, in: connection)
                    }
                }
            }
            #expect(try await received(pair.alice).isEmpty)
        }
    }

    /// What is known stays as it is, in whichever conversation.
    @Test func nothingThatIsKnownIsReplaced() async throws {
        try await TestPair.with { pair in
            _ = try await pair.alice.send("bob", "mine")
            let backup = try await pair.alice.backup()
            let fresh = try TestDevice(new: "fresh")
            try await fresh.restore(backup, pair.alice.words)
            let new = [UInt8](repeating: 1, count: 32)
            try await fresh.open { device in
                let state = device.state
                let mine = try await state.store.read { connection in
                    try connection.first("SELECT message_id FROM message") { row throws(StoreError) in try row.blob(0) }
                }
                let known = try #require(mine)
                let taken = try await state.store.write { connection in
                    let bob = try ContactRows.find(name: "bob", in: connection)
                    let texts = TextsAgain(state: state)
                    return [
                        try texts.take(again(known, "forged"), from: bob, in: connection),
                        try texts.take(again(new, "one"), from: bob, in: connection),
                        try texts.take(again(new, "other"), from: bob, in: connection),
                        try texts.take(again([UInt8](repeating: 2, count: 32), ""), from: bob, in: connection),
                        try texts.take(again(new, "last", last: true), from: bob, in: connection),
                    ]
                }
                #expect(taken == [false, true, false, false, false])
            }
            #expect(try await received(fresh) == ["one"])
            #expect(try await fresh.sent().map { $0.suffix(5) } == [" mine"])
            #expect(try await fresh.notices().contains { $0.contains("1 message was recovered") })
        }
    }
}
