import Foundation
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import Testing

@testable import SpeemDevice

/// The recovery words sign a device in, and win against every device.
struct RecoveryTests {
    /// The only device is lost: a new one is signed in, and meets people again.
    @Test func freshFolderWithoutAnyOtherDevice() async throws {
        try await TestPair.with { pair in
            let fresh = try TestDevice(new: "fresh")
            let words = try #require(pair.alice.words)
            try await fresh.recover(words, at: pair.aliceNode, others: .remove)
            #expect(try await fresh.devices() == ["fresh"])
            #expect(try await pair.alice.call("status")["problem"] != nil)
            // The same again changes nothing but the chain.
            try await fresh.recover(words, at: pair.aliceNode, others: .remove)
            #expect(try await fresh.devices() == ["fresh"])
            let carol = try await TestDevice("carol")
            let node = try await TestNode()
            try await node.start()
            _ = try await carol.accept(try #require(await node.claim).text)
            _ = try await carol.accept(try await fresh.invite(), name: "alice")
            #expect(try await fresh.contacts() == ["carol confirmed"])
            try await node.stop()
        }
    }

    /// The others stay, and give what they know.
    @Test func freshFolderBesidesOthers() async throws {
        try await TestPair.with { pair in
            _ = try await pair.alice.send("bob", "old words")
            try await pair.bob.sync()
            try await pair.alice.sync()
            let fresh = try TestDevice(new: "fresh")
            try await fresh.recover(try #require(pair.alice.words), at: pair.aliceNode)
            try await fresh.sync()
            try await pair.alice.sync()
            #expect(try await pair.alice.notices().contains("fresh was linked"))
            try await eventually {
                for device in [fresh, pair.alice, pair.bob] { try await device.sync() }
                return try await fresh.sent().contains { $0.hasSuffix(" old words") }
            }
            #expect(try await fresh.contacts() == ["bob confirmed"])
            _ = try await fresh.send("bob", "it is me")
            _ = try await pair.bob.send("alice", "welcome back")
            #expect(try await pair.bob.inbox() == ["alice: old words", "alice: it is me"])
            #expect(try await fresh.inbox() == ["bob: welcome back"])
        }
    }

    /// A hostile device has removed the others, and has listed another one of its own.
    @Test(arguments: [true, false])
    func hostileRemovalIsUndone(contactHasNoticed: Bool) async throws {
        try await TestPair.with { pair in
            let hostile = try TestDevice(new: "hostile")
            let tablet = try TestDevice(new: "tablet")
            try await pair.alice.link(hostile)
            try await pair.alice.link(tablet)
            // One of those that stay has a way of its own to bob: it makes one for the other again.
            for device in [hostile, tablet, pair.alice, tablet] { try await device.sync() }
            _ = try await tablet.send("bob", "I am here, too")
            try await eventually {
                for device in [pair.bob, tablet] { try await device.sync() }
                return try await tablet.sent() == ["delivered I am here, too"]
            }
            #expect(try await pair.bob.inbox() == ["alice: I am here, too"])
            try await hostile.call("devices.remove", ["name": .string("alice-1")])
            let second = try TestDevice(new: "second")
            try await hostile.link(second)
            if contactHasNoticed {
                try await pair.bob.sync()
                try await pair.bob.sync()
                // Nobody takes it now, and it is not lost.
                #expect(try await pair.alice.send("bob", "before it") != "delivered")
                #expect(try await pair.bob.roster(of: "alice").devices.count == 3)
            }
            try await pair.alice.recover(try #require(pair.alice.words), at: pair.aliceNode)
            #expect(try await pair.alice.devices() == ["alice-1", "tablet"])
            try await tablet.sync()
            #expect(try await tablet.devices() == ["alice-1", "tablet"])
            for lost in [hostile, second] {
                #expect(try await lost.call("status")["problem"]?.stringValue?.contains("removed") == true)
            }
            // At once, before a new way to bob is there.
            _ = try await pair.alice.send("bob", "I am back")
            try await eventually {
                for device in [pair.bob, pair.alice, tablet] { try await device.sync() }
                return try await pair.alice.sent().contains("delivered I am back")
            }
            _ = try await pair.bob.send("alice", "good")
            #expect(
                try await pair.bob.inbox() == (contactHasNoticed ? ["alice: before it"] : []) + ["alice: I am back"])
            #expect(try await pair.alice.inbox() == ["bob: good"])
            // Read on the first of them, it is read on this one.
            #expect(try await tablet.inbox(all: true).last == "bob: good")
            #expect(try await hostile.inbox().isEmpty)
        }
    }

    @Test func wrongWordsWrongKeyWrongFolder() async throws {
        try await TestPair.with(contacts: false) { pair in
            let fresh = try TestDevice(new: "fresh")
            await #expect {
                try await fresh.recover(try #require(pair.bob.words), at: pair.aliceNode)
            } throws: { "\($0)".contains("does not know these words") }
            // The store is bound to bob's words now, and says so.
            await #expect {
                try await fresh.recover(try #require(pair.alice.words), at: pair.aliceNode)
            } throws: { "\($0)".contains("another account than the words") }
            await #expect(throws: DeviceError.notLinked) { try await fresh.sync() }
            try await fresh.recover(try #require(pair.bob.words), at: pair.bobNode)
            #expect(try await pair.bob.roster().devices.count == 1)
            try await pair.bob.sync()
            #expect(try await pair.bob.roster().devices.count == 2)
        }
    }

    /// Cut after so many bytes, then once more.
    @Test(arguments: [0, 1, 51, 100, 300, 600, 900, 1200])
    func interruptedAndRepeated(cut: Int) async throws {
        try await TestPair.with(contacts: false) { pair in
            let proxy = try await CuttingProxy.start { await pair.aliceNode.address }
            let entry = try #require(await pair.aliceNode.entry)
            let viaProxy = try NodeEntry(noise: entry.noise, addresses: [proxy.address])
            let words = try #require(pair.alice.words)
            let fresh = try TestDevice(new: "fresh")
            proxy.allow(cut)
            try? await fresh.recover(words, at: viaProxy)
            proxy.allow(nil)
            try await fresh.recover(words, at: viaProxy)
            #expect(try await fresh.roster().devices.count == 2)
            try await fresh.sync()
            try await pair.alice.sync()
            #expect(try await pair.alice.devices() == ["alice-1", "fresh"])
        }
    }

    /// The node of the paper is the old one: the chain goes to the one that took its place as well.
    @Test func homeHasMovedOn() async throws {
        try await TestPair.with(contacts: false) { pair in
            let board = try await TestNode()
            try await board.start()
            let old = try #require(await pair.aliceNode.entry)
            try await pair.alice.call(
                "nodes.replace",
                ["node": .string(old.addresses[0]), "invite": .string(try #require(await board.claim).text)])
            try await pair.alice.sync()
            let fresh = try TestDevice(new: "fresh")
            try await fresh.recover(try #require(pair.alice.words), at: pair.aliceNode)
            #expect(try await fresh.call("status")["node"]?["reachable"] == .bool(true))
            try await fresh.sync()
            try await pair.alice.sync()
            #expect(try await pair.alice.devices() == ["alice-1", "fresh"])
            try await board.stop()
        }
    }
}

extension TestDevice {
    func recover(_ words: RecoveryWords, at node: TestNode, others: Recovery.Others = .keep) async throws {
        try await recover(words, at: try #require(await node.entry), others: others)
    }
}
