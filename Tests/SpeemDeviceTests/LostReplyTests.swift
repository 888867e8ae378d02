import SpeemTransport
import Testing

@testable import SpeemDevice

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
            #expect(error.message == "this account has a node already", "cut after \(cut) bytes: \(error)")
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
}
