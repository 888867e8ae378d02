import NIOCore
import NIOPosix
import SpeemCrypto
import SpeemNoise
import SpeemProtocol
import Testing

@testable import SpeemTransport

/// A responder that answers to a second static key for a while.
struct TemporaryKeyTests {
    private let own = X25519.PrivateKey(random: SystemRandomSource())
    private let temporary = X25519.PrivateKey(random: SystemRandomSource())
    private let key = X25519.PrivateKey(random: SystemRandomSource())
    private let psk = SystemRandomSource().secret(32)

    private func initiator(to node: X25519.PublicKey, as other: X25519.PrivateKey? = nil) throws -> InitiatorEngine {
        try InitiatorEngine(
            staticKey: other ?? key, remoteStatic: node, preSharedKey: psk, counter: 1, random: SystemRandomSource())
    }

    /// Whether the responder answers the first message, and the initiator takes the answer.
    private func opens(_ node: X25519.PublicKey, as other: X25519.PrivateKey? = nil, temporary: X25519.PrivateKey?)
        throws
        -> Bool
    {
        let access = TestAccess()
        access.add(key.publicKey, psk, id: 1)
        access.temporaryStaticKey = temporary
        var initiator = try initiator(to: node, as: other)
        var responder = ResponderEngine(staticKey: own)
        switch responder.receive(initiator.hello, access: access, random: SystemRandomSource()) {
        case .reply(let reply):
            guard case .opened = initiator.receive(reply) else { return false }
            return true
        case .silence: return false
        case .opened, .incoming, .nothing, .reject:
            Issue.record("neither an answer nor silence")
            return false
        }
    }

    @Test func bothKeysAreAnswered() throws {
        #expect(try opens(own.publicKey, temporary: temporary))
        #expect(try opens(temporary.publicKey, temporary: temporary))
    }

    @Test func withoutItOnlyTheOwn() throws {
        #expect(try opens(own.publicKey, temporary: nil))
        #expect(try !opens(temporary.publicKey, temporary: nil))
    }

    @Test func aThirdKeyAndAnUnknownInitiatorAreMetWithSilence() throws {
        let third = X25519.PrivateKey(random: SystemRandomSource())
        #expect(try !opens(third.publicKey, temporary: temporary))
        for node in [own, temporary] { #expect(try !opens(node.publicKey, as: third, temporary: temporary)) }
    }

    /// The key is looked up with the first message: one that has gone since the connection was opened is not answered to.
    @Test func itIsAskedForWithTheFirstMessage() throws {
        let access = TestAccess()
        access.add(key.publicKey, psk, id: 1)
        access.temporaryStaticKey = temporary
        let initiator = try initiator(to: temporary.publicKey)
        var responder = ResponderEngine(staticKey: own)
        access.temporaryStaticKey = nil
        guard case .silence = responder.receive(initiator.hello, access: access, random: SystemRandomSource()) else {
            Issue.record("it was answered")
            return
        }
    }

    @Test(arguments: 0..<64)
    func damageIsMetWithSilenceUnderEither(place: Int) throws {
        let access = TestAccess()
        access.add(key.publicKey, psk, id: 1)
        access.temporaryStaticKey = temporary
        for node in [own, temporary] {
            var hello = try initiator(to: node.publicKey).hello
            hello[place * hello.count / 64] ^= 0x10
            var responder = ResponderEngine(staticKey: own)
            guard case .silence = responder.receive(hello, access: access, random: SystemRandomSource()) else {
                Issue.record("it was answered")
                return
            }
        }
    }

    /// Over a socket, one byte at a time.
    @Test func slowlyUnderEitherKey() async throws {
        let server = try await TestServer()
        let other = X25519.PrivateKey(random: SystemRandomSource())
        server.access.temporaryStaticKey = other
        try await server.run { server in
            for (number, node) in [server.nodeKey, other].enumerated() {
                let initiator = try InitiatorEngine(
                    staticKey: server.initiatorKey, remoteStatic: node.publicKey, preSharedKey: server.preSharedKey,
                    counter: UInt64(number + 1), random: SystemRandomSource())
                let answer = try await Self.answer(to: initiator.hello, at: server.server.addresses[0])
                // Two bytes of length, an ephemeral key and a tag.
                #expect(answer == 2 + 32 + 16)
            }
        }
    }

    /// How many bytes come back.
    private static func answer(to hello: [UInt8], at address: String) async throws -> Int {
        let parts = address.split(separator: ":")
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: String(parts[0]), port: Int(parts[1]) ?? 0) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var buffer = ByteBuffer()
            buffer.writeNoiseMessage(hello)
            for byte in buffer.readableBytesView { try await outbound.write(ByteBuffer(bytes: [byte])) }
            var count = 0
            for try await part in inbound {
                count += part.readableBytes
                if count >= 50 { break }
            }
            return count
        }
    }
}
