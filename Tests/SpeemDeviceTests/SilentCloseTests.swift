import SpeemStore
import SpeemTransport
import Synchronization
import Testing

@testable import SpeemDevice
import SpeemIdentity

/// The answer is lost, and then the node closes without a word: it may be starting, or have too many connections. What it
/// may have done is not undone here.
struct SilentCloseTests {
    /// Bytes of the answers that come through at the first try.
    private static let cuts = [0, 50, 51, 70, 100, 150, 300, 600, 900, 1500, 2500, 3000]

    @Test(arguments: cuts)
    func afterAClaim(cut: Int) async throws {
        let bobNode = try await TestNode()
        let proxy = try await CuttingProxy.start { await bobNode.address }
        try await bobNode.start()
        let device = try await TestDevice("bob")
        let invite = SpeemInvite.moved(try #require(await bobNode.claim), to: proxy.address)
        proxy.allow(cut)
        _ = try? await device.accept(invite)
        proxy.allow(0)
        for _ in 0..<2 { await #expect(throws: ControlError.self) { _ = try await device.accept(invite) } }
        proxy.allow(nil)
        do {
            _ = try await device.accept(invite)
        } catch let error as ControlError {
            #expect(
                error.message == "this node belongs to this account already, or another one is being claimed",
                "cut after \(cut) bytes: \(error)")
        }
        #expect(try await device.call("status")["node"]?["reachable"] == .bool(true))
        try await bobNode.stop()
    }

    @Test(arguments: cuts)
    func afterARequest(cut: Int) async throws {
        try await TestPair.with(contacts: false) { pair in
            let proxy = try await CuttingProxy.start { await pair.bobNode.address }
            let invite = SpeemInvite.moved(try SpeemInvite.parse(try await pair.bob.invite()), to: proxy.address)
            proxy.allow(cut)
            _ = try? await pair.alice.accept(invite, name: "bob")
            proxy.allow(0)
            for _ in 0..<2 {
                await #expect(throws: ControlError.self) { _ = try await pair.alice.accept(invite, name: "bob") }
            }
            proxy.allow(nil)
            do {
                _ = try await pair.alice.accept(invite, name: "bob")
            } catch let error as ControlError {
                #expect(error.message == "\"bob\" is a contact already", "cut after \(cut) bytes: \(error)")
            }
            _ = try await pair.bob.contacts()
            #expect(try await pair.alice.contacts() == ["bob confirmed"])
            #expect(try await pair.alice.send("bob", "hello") == "stored")
            #expect(try await pair.bob.inbox() == ["alice: hello"])
        }
    }

    /// Bytes that an inviter's node says while an invite is accepted; the last of them answer the redemption.
    private static func bytesOfAnAcceptance() async throws -> Int {
        let count = Mutex(0)
        try await TestPair.with(contacts: false) { pair in
            let proxy = try await CuttingProxy.start { await pair.bobNode.address }
            let invite = SpeemInvite.moved(try SpeemInvite.parse(try await pair.bob.invite()), to: proxy.address)
            _ = try await pair.alice.accept(invite, name: "bob")
            count.withLock { $0 = proxy.passed }
        }
        return count.withLock { $0 }
    }

    /// Only the answer to the redemption is lost: the node knows alice, and what she has of it must stay.
    @Test func afterTheRequestWasTaken() async throws {
        let whole = try await Self.bytesOfAnAcceptance()
        for missing in [1, 20] {
            try await TestPair.with(contacts: false) { pair in
                let proxy = try await CuttingProxy.start { await pair.bobNode.address }
                let invite = SpeemInvite.moved(try SpeemInvite.parse(try await pair.bob.invite()), to: proxy.address)
                proxy.allow(whole - missing)
                await #expect(throws: ControlError.self) { _ = try await pair.alice.accept(invite, name: "bob") }
                proxy.allow(0)
                let error = await #expect(throws: ControlError.self) {
                    _ = try await pair.alice.accept(invite, name: "bob")
                }
                #expect(error?.message.hasPrefix("it is not known whether") == true)
                #expect(error?.hint == "run the same command again")
                proxy.allow(nil)
                // When the one-time key is forgotten, the permanent one still proves that the node has accepted.
                if missing == 1 { proxy.next([false]) }
                #expect(try await pair.alice.accept(invite, name: "bob")["contact"] == .string("bob"))
                #expect(try await pair.bob.contacts() == ["alice confirmed"])
                #expect(try await pair.alice.contacts() == ["bob confirmed"])
            }
        }
    }

    @Test func silenceBeforeAnythingWasSentEndsTheAttempt() async throws {
        try await TestPair.with(contacts: false) { pair in
            let proxy = try await CuttingProxy.start { await pair.bobNode.address }
            let invite = SpeemInvite.moved(try SpeemInvite.parse(try await pair.bob.invite()), to: proxy.address)
            proxy.next([false])
            let error = await #expect(throws: ControlError.self) {
                _ = try await pair.alice.accept(invite, name: "bob")
            }
            #expect(error?.message.contains("does not know this invite") == true)
            #expect(try await pair.alice.contacts().isEmpty)
            #expect(try await pair.alice.accept(invite, name: "bob")["contact"] == .string("bob"))
        }
    }

    /// The same for a claim: the handshake's answer comes through, and nothing of the claim's.
    @Test func thePermanentKeyProvesAClaim() async throws {
        let node = try await TestNode()
        let proxy = try await CuttingProxy.start { await node.address }
        try await node.start()
        let device = try await TestDevice("bob")
        let invite = SpeemInvite.moved(try #require(await node.claim), to: proxy.address)
        proxy.allow(60)
        await #expect(throws: ControlError.self) { _ = try await device.accept(invite) }
        proxy.allow(nil)
        proxy.next([false])
        #expect(try await device.accept(invite)["kind"] == .string("claim"))
        #expect(try await device.call("status")["node"]?["reachable"] == .bool(true))
        try await node.stop()
    }

    /// Another invite does not take the place of a claim that the node may have accepted.
    @Test func anotherInviteDoesNotForgetAClaim() async throws {
        let node = try await TestNode()
        let other = try await TestNode()
        let proxy = try await CuttingProxy.start { await node.address }
        for node in [node, other] { try await node.start() }
        let device = try await TestDevice("bob")
        let invite = SpeemInvite.moved(try #require(await node.claim), to: proxy.address)
        proxy.allow(60)
        await #expect(throws: ControlError.self) { _ = try await device.accept(invite) }
        proxy.allow(0)
        let second = try #require(await other.claim).text
        let error = await #expect(throws: ControlError.self) { _ = try await device.accept(second) }
        #expect(error?.message.hasPrefix("it is not known whether") == true)
        proxy.allow(nil)
        // Once the node can be asked, the account has one; the other becomes its second.
        #expect(try await device.accept(second)["kind"] == .string("claim"))
        #expect(try await device.open { try await $0.state.ownNodes().count } == 2)
        #expect(try await device.call("status")["node"]?["reachable"] == .bool(true))
        for node in [node, other] { try await node.stop() }
    }

    /// A claim that has not reached the node gives way to the invite that the node shows after its next start.
    @Test func aNewInviteOfTheSameNodeReplacesALostClaim() async throws {
        let node = try await TestNode()
        try await node.start()
        let device = try await TestDevice("bob")
        // Nobody listens there.
        let lost = SpeemInvite.moved(try #require(await node.claim), to: "127.0.0.1:1")
        await #expect(throws: ControlError.self) { _ = try await device.accept(lost) }
        try await device.open { device in
            try await device.state.store.write { try $0.execute("UPDATE claim SET sent = 1") }
        }
        try await node.stop()
        try await node.start()
        #expect(try await device.accept(try #require(await node.claim).text)["kind"] == .string("claim"))
        #expect(try await device.call("status")["node"]?["reachable"] == .bool(true))
        try await node.stop()
    }

    /// The node is taken when it says so; prekeys that cannot be brought are a note.
    @Test func aClaimWithoutPrekeysIsAClaim() async throws {
        let node = try await TestNode()
        let proxy = try await CuttingProxy.start { await node.address }
        try await node.start()
        let device = try await TestDevice("bob")
        // An own node that does not answer is asked once more.
        proxy.next([true, false, false])
        let result = try await device.accept(SpeemInvite.moved(try #require(await node.claim), to: proxy.address))
        #expect(result["kind"] == .string("claim"))
        #expect(result["problem"]?.stringValue?.isEmpty == false)
        _ = try await device.invite()
        try await node.stop()
    }
}
