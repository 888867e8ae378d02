import Foundation
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import Synchronization
import Testing

@testable import SpeemDevice

/// A device and its locked node.
struct NodeUnlockTests {
    private static let random = SystemRandomSource()
    private static let lines = "[store]\nkey = \"passphrase\""

    /// A pair whose second node has a passphrase and was started locked.
    private func withLockedNode(
        _ body: @Sendable (TestPair, StoreKey) async throws -> Void
    ) async throws {
        let key = StoreKey(secret: Self.random.secret(StoreKey.length), path: "test")
        let wrapped = try WrappedKey(
            wrapping: key, passphrase: Passphrase(SecretBytes(Array("one two".utf8))),
            cost: Argon2id.Cost(passes: 1, memory: 8 << 10), random: Self.random)
        let pair = TestPair(
            alice: try await TestDevice("alice"), bob: try await TestDevice("bob"), aliceNode: try await TestNode(),
            bobNode: try await TestNode(limits: Self.lines))
        try await pair.bobNode.put(wrapped)
        try await pair.aliceNode.start()
        try await pair.bobNode.start(key: key)
        for (node, device) in [(pair.aliceNode, pair.alice), (pair.bobNode, pair.bob)] {
            _ = try await device.accept(await node.claim?.text ?? "")
        }
        _ = try await pair.alice.accept(try await pair.bob.invite(), name: "bob")
        _ = try await pair.bob.contacts()
        _ = try await pair.alice.contacts()
        try await pair.bobNode.stop()
        try await pair.bobNode.startLocked()
        do {
            try await body(pair, key)
        } catch {
            try? await pair.aliceNode.stop()
            try? await pair.bobNode.stop()
            throw error
        }
        try await pair.aliceNode.stop()
        try await pair.bobNode.stop()
    }

    @Test func messagesComeInWhileItIsLockedAndAreReadWhenItIsNot() async throws {
        try await withLockedNode { pair, key in
            _ = try await pair.alice.send("bob", "in the dark")
            try await until("it is at the locked node") {
                try await pair.alice.sent().contains("stored in the dark")
            }
            #expect(try await pair.bob.inbox() == [])
            let status = try await pair.bob.call("status")
            #expect(status["problem"]?.stringValue?.contains("is locked") == true)
            #expect(status["node"]?["reachable"] == .bool(false))
            let nodes = try await pair.bob.call("nodes").arrayValue ?? []
            #expect(nodes.first?["problem"]?.stringValue?.contains("is locked") == true)

            let info = try await pair.bob.call("unlock.start")
            #expect(info["address"]?.stringValue == (await pair.bobNode.name))
            #expect(info["spool_deposits"] == .integer(1))
            let wrapped = try WrappedKey(try #require(Hex.decode(info["wrapped_key"]?.stringValue ?? "")))
            let passphrase = try Passphrase(SecretBytes(Array("one two".utf8)))
            #expect(try wrapped.unwrap(passphrase).secret == key.secret)

            let node = try #require(info["node_key"])
            let wrong = String(repeating: "00", count: 32)
            await #expect(throws: ControlError.self) {
                try await pair.bob.call("unlock.finish", ["node_key": node, "key": .string(wrong)])
            }
            await #expect(throws: ControlError.self) { try await pair.bob.call("unlock.finish", ["node_key": node]) }
            let right = Hex.encode(key.secret.exposedCopy())
            try await pair.bob.call("unlock.finish", ["node_key": node, "key": .string(right)])
            try await until("it is there again") { try await pair.bob.inbox() == ["alice: in the dark"] }
            #expect(try await pair.bob.call("status")["problem"] == nil)
        }
    }

    /// A daemon waits beside its locked node, and goes on at once when that is unlocked.
    @Test func aDaemonGoesOnWhenTheNodeIsUnlocked() async throws {
        try await withLockedNode { pair, key in
            _ = try await pair.alice.send("bob", "in the dark")
            let text = Hex.encode(key.secret.exposedCopy())
            try await pair.bob.open { device in
                // Without an occasion it would look an hour later.
                device.poll = .seconds(3600)
                let work = Task { await BackgroundWork(device: device).run() }
                let control = DeviceControl(device: device, isDaemon: true)
                let session = ControlSession { _, _ in }
                let info = try await control.call("unlock.start", .null, session: session)
                _ = try await control.call(
                    "unlock.finish", .object(["node_key": info["node_key"] ?? .null, "key": .string(text)]),
                    session: session)
                try await until("the message is read") {
                    try await device.state.store.read { connection in
                        try connection.first("SELECT 1 FROM message WHERE text = 'in the dark'") {
                            row throws(StoreError) in try row.integer(0)
                        } != nil
                    }
                }
                work.cancel()
                await work.value
            }
        }
    }

    @Test func whatIsNotLockedIsNotUnlocked() async throws {
        try await TestPair.with(contacts: false) { pair in
            for parameters in [[:], ["node": JSON.string(await pair.aliceNode.name)]] as [[String: JSON]] {
                await #expect(throws: DeviceControl.controlError(DeviceError.noNodeLocked)) {
                    try await pair.alice.call("unlock.start", parameters)
                }
            }
            await #expect(throws: ControlError.self) {
                try await pair.alice.call("unlock.start", ["node": .string("nowhere:1")])
            }
        }
        let alone = try await TestDevice("carol")
        await #expect(throws: DeviceControl.controlError(DeviceError.noNode)) { try await alone.call("unlock.start") }
    }
}
