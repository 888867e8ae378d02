import SpeemTransport
import Testing

@testable import SpeemDevice
import SpeemIdentity

/// The connection breaks after any number of bytes; the same command again goes on, and nothing is doubled.
struct LostReplyTests {
    /// Bytes after which a connection is cut: inside the handshake, and in the answers behind it.
    private static let cuts = [0, 1, 49, 50, 51, 70, 100, 150, 300, 600, 900, 1500, 2500, 3000]

    @Test(arguments: cuts)
    func whileClaiming(cut: Int) async throws {
        let bobNode = try await TestNode()
        let proxy = try await CuttingProxy.start { await bobNode.address }
        try await bobNode.start()
        let device = try await TestDevice("bob")
        let invite = try #require(await bobNode.claim)
        let viaProxy = SpeemInvite.moved(invite, to: proxy.address)
        proxy.allow(cut)
        _ = try? await device.accept(viaProxy)
        proxy.allow(nil)
        do {
            _ = try await device.accept(viaProxy)
        } catch let error as ControlError {
            // The first try may have been whole.
            #expect(
                error.message == "this node belongs to this account already, or another one is being claimed",
                "cut after \(cut) bytes: \(error)")
        }
        #expect(try await device.call("status")["node"]?["reachable"] == .bool(true))
        try await bobNode.stop()
    }

    @Test(arguments: cuts)
    func whileAccepting(cut: Int) async throws {
        try await TestPair.with(contacts: false) { pair in
            let proxy = try await CuttingProxy.start { await pair.bobNode.address }
            let invite = try #require(try? SpeemInvite.parse(try await pair.bob.invite()))
            let viaProxy = SpeemInvite.moved(invite, to: proxy.address)
            proxy.allow(cut)
            _ = try? await pair.alice.accept(viaProxy, name: "bob")
            proxy.allow(nil)
            do {
                _ = try await pair.alice.accept(viaProxy, name: "bob")
            } catch let error as ControlError {
                #expect(error.message == "\"bob\" is a contact already", "cut after \(cut) bytes: \(error)")
            }
            _ = try await pair.bob.contacts()
            #expect(try await pair.alice.contacts() == ["bob confirmed"])
            #expect(try await pair.bob.contacts() == ["alice confirmed"])
            // And deposits through the same bad line: each arrives once.
            for number in 1...3 {
                proxy.allow(cut)
                _ = try await pair.alice.send("bob", "m\(number)")
                proxy.allow(nil)
            }
            _ = try await pair.alice.sent()
            #expect(try await pair.bob.inbox() == ["alice: m1", "alice: m2", "alice: m3"])
            #expect(try await pair.alice.sent() == ["delivered m1", "delivered m2", "delivered m3"])
        }
    }

    /// Between the node's answer, the commit here and the acknowledgement there: each message is shown once, and the node
    /// is empty in the end.
    @Test(arguments: cuts + [400, 700, 1100, 2000, 4000, 5000])
    func whileReading(cut: Int) async throws {
        let target = Target()
        let proxy = try await CuttingProxy.start { await target.address }
        let bobNode = try await TestNode(advertise: proxy.address)
        await target.set(await bobNode.address)
        let aliceNode = try await TestNode()
        let bob = try await TestDevice("bob")
        let alice = try await TestDevice("alice")
        for (node, device) in [(aliceNode, alice), (bobNode, bob)] {
            try await node.start()
            _ = try await device.accept(try #require(await node.claim).text)
        }
        _ = try await alice.accept(try await bob.invite(), name: "bob")
        _ = try await bob.contacts()
        for number in 1...4 { #expect(try await alice.send("bob", "m\(number)") == "stored") }
        var shown: [String] = []
        for _ in 0..<2 {
            proxy.allow(cut)
            shown += (try? await bob.inbox()) ?? []
        }
        proxy.allow(nil)
        shown += try await bob.inbox()
        #expect(shown == (1...4).map { "alice: m\($0)" })
        #expect(try await alice.sent() == (1...4).map { "delivered m\($0)" })
        _ = try await bob.inbox()
        let left = try await bob.open { device in
            let node = try #require(try await device.state.ownNodes().first)
            return try await device.reader.drain(node, subscribe: false).count
        }
        #expect(left == 0)
        try await aliceNode.stop()
        try await bobNode.stop()
    }

    private actor Target {
        var address = (host: "127.0.0.1", port: 1)
        func set(_ address: (host: String, port: Int)) { self.address = address }
    }
}
