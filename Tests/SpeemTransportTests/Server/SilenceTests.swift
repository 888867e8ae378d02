import NIOCore
import SpeemCrypto
import SpeemProtocol
import Synchronization
import Testing

@testable import SpeemTransport

/// To strangers no byte comes back, over real sockets.
struct SilenceTests {
    /// Sends first messages, and expects the server to close without a byte.
    private func expectSilence(_ server: TestServer, _ bytes: [UInt8], _ words: String) async throws {
        let answer = try await RawSocket(server.address).answer(to: bytes)
        #expect(answer.isEmpty, "\(words): \(answer.count) bytes came back")
    }

    @Test func garbage() async throws {
        let limits = TransportLimits(connections: 256, handshakeTimeout: .seconds(2))
        try await TestServer(limits: limits).run { server in
            var generator = SeededGenerator(seed: 3)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for length in [0, 1, 2, 3, 50, 103, 104, 105, 106, 500, 5000, 70_000] {
                    let bytes = generator.bytes(length)
                    let whole = framed(generator.bytes(min(length, 60_000)))
                    group.addTask {
                        try await expectSilence(server, bytes, "\(length) bytes of garbage")
                        try await expectSilence(server, whole, "a message of \(length) bytes of garbage")
                        try await expectSilence(server, Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8), "HTTP")
                    }
                }
                try await group.waitForAll()
            }
            #expect(server.handler.state.withLock { $0.opened } == 0)
            #expect(server.server.peerCount == 0)
        }
    }

    @Test func unknownKeysReplaysAndOldCounters() async throws {
        try await TestServer().run { server in
            let stranger = X25519.PrivateKey(random: SystemRandomSource())
            try await expectSilence(
                server, framed(try server.engine(counter: 1, key: stranger).hello), "an unknown key")
            let hello = try server.engine(counter: 50).hello
            // The first time it is answered, and without a transport message nothing is opened.
            let answer = try await RawSocket(server.address).answer(to: framed(hello), upTo: 50)
            #expect(answer.count == 2 + 48)
            try await expectSilence(server, framed(hello), "a replayed first message")
            try await expectSilence(server, framed(try server.engine(counter: 50).hello), "the same counter")
            try await expectSilence(server, framed(try server.engine(counter: 49).hello), "an older counter")
            #expect(server.handler.state.withLock { $0.opened } == 0)
            #expect(server.server.peerCount == 0)
        }
    }

    @Test func everyFlippedByteOfTheFirstMessage() async throws {
        let limits = TransportLimits(connections: 512, connectionsPerAddress: 512, handshakeTimeout: .seconds(60))
        try await TestServer(limits: limits).run { server in
            let hello = try server.engine(counter: 5).hello
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in hello.indices {
                    var flipped = hello
                    flipped[index] ^= 1
                    let bytes = framed(flipped)
                    group.addTask { try await expectSilence(server, bytes, "byte \(index)") }
                }
                try await group.waitForAll()
            }
            // None of them has spent the counter.
            let connection = try await server.connect(counter: 5)
            _ = try await connection.request(ping)
            await connection.close()
        }
    }

    /// The responder proves its pre-shared key first; an initiator without it never gets to a transport message.
    @Test func aWrongPreSharedKeyOpensNothing() async throws {
        try await TestServer(limits: TransportLimits(handshakeTimeout: .seconds(10))).run { server in
            let wrong = NodeCredentials(
                initiatorKey: server.initiatorKey, preSharedKey: SystemRandomSource().secret(32),
                nodeKey: server.nodeKey.publicKey)
            await #expect(throws: TransportError.self) {
                _ = try await server.client().connect(to: server.address, credentials: wrong, counter: 1)
            }
            #expect(server.handler.state.withLock { $0.opened } == 0)
        }
    }

    @Test func aChangedTransportMessageEndsTheConnectionWithoutAByte() async throws {
        try await TestServer(limits: TransportLimits(handshakeTimeout: .seconds(60))).run { server in
            var engine = try server.engine(counter: 1)
            let socket = try await RawSocket(server.address)
            let answer = try await socket.channel.executeThenClose { inbound, outbound in
                try await outbound.write(.init(bytes: framed(engine.hello)))
                var iterator = inbound.makeAsyncIterator()
                let reply = try #require(try await iterator.next())
                guard case .opened = engine.receive(Array(reply.readableBytesView.dropFirst(2))) else {
                    throw TransportError.disconnected
                }
                let frame = MessageSplitter.frames(kind: .request, id: 1, message: ping.encode())[0]
                guard var message = engine.encrypt(frame) else { throw TransportError.disconnected }
                message[3] ^= 1
                try await outbound.write(.init(bytes: framed(message)))
                var rest: [UInt8] = []
                while let buffer = try? await iterator.next() { rest += Array(buffer.readableBytesView) }
                return rest
            }
            #expect(answer.isEmpty)
            #expect(server.handler.state.withLock { $0.opened } == 0)
        }
    }
}
