import NIOCore
import NIOPosix
import SpeemCrypto
import SpeemProtocol
import SwiftProtobuf
import Synchronization
import Testing

@testable import SpeemTransport

struct TransportClientTests {
    @Test(arguments: [
        ("host:1", "host", 1), ("127.0.0.1:4404", "127.0.0.1", 4404), ("[::1]:65535", "::1", 65_535),
    ])
    func addresses(text: String, host: String, port: Int) throws {
        let split = try #require(TransportClient.split(text))
        #expect(split == (host, port))
    }

    @Test(arguments: ["", ":", "host", "host:", ":1", "host:0", "host:65536", "host:x", "::1:5", "[]:5", "host:-1"])
    func noAddresses(text: String) async throws {
        #expect(TransportClient.split(text) == nil)
        let server = try await TestServer()
        await #expect(throws: TransportError.invalidAddress(text)) {
            _ = try await server.client().connect(to: text, credentials: server.credentials, counter: 1)
        }
    }

    @Test func nobodyThere() async throws {
        let server = try await TestServer()
        // A port that was free a moment ago.
        let free = try await ServerBootstrap(group: server.group).bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(free.localAddress?.port)
        try await free.close()
        let error = await #expect(throws: TransportError.self) {
            _ = try await server.client().connect(to: "127.0.0.1:\(port)", credentials: server.credentials, counter: 1)
        }
        guard case .unreachable(_, let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.lowercased().contains("refused"))
    }

    @Test func aNameThatDoesNotResolve() async throws {
        let server = try await TestServer()
        let error = await #expect(throws: TransportError.self) {
            _ = try await server.client().connect(
                to: "no-such-host.invalid:1", credentials: server.credentials, counter: 1)
        }
        guard case .unreachable("no-such-host.invalid:1", _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func silenceAndSlowness() async throws {
        try await TestServer().run { server in
            // The node does not know this key: it closes without a word.
            let stranger = NodeCredentials(
                initiatorKey: X25519.PrivateKey(random: SystemRandomSource()), preSharedKey: server.preSharedKey,
                nodeKey: server.nodeKey.publicKey)
            await #expect(throws: TransportError.refused(address: server.address)) {
                _ = try await server.client().connect(to: server.address, credentials: stranger, counter: 1)
            }
        }
        // Somebody accepts and says nothing.
        let server = try await TestServer()
        let mute = try await ServerBootstrap(group: server.group).bind(host: "127.0.0.1", port: 0).get()
        let address = "127.0.0.1:\(try #require(mute.localAddress?.port))"
        await #expect(throws: TransportError.timedOut(address: address)) {
            _ = try await server.client(timeout: .milliseconds(300)).connect(
                to: address, credentials: server.credentials, counter: 1)
        }
        try await mute.close()
    }

    @Test func aPeerThatStopsAnsweringIsGivenUp() async throws {
        try await TestServer(handler: TestHandler(delay: .seconds(3600))).run { server in
            let client = TransportClient(group: server.group, timeout: .seconds(60), answerTimeout: .seconds(3))
            let connection = try await client.connect(to: server.address, credentials: server.credentials, counter: 1)
            _ = try await connection.request(ping)
            // Silence is no fault while nothing was asked.
            try await Task.sleep(for: .seconds(4))
            _ = try await connection.request(ping)
            await #expect(throws: TransportError.timedOut(address: server.address)) {
                _ = try await connection.request(slow)
            }
            #expect(!connection.isActive)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aPeerThatOnlyPushesIsGivenUp() async throws {
        try await TestServer(handler: TestHandler(delay: .seconds(3600))).run { server in
            let client = TransportClient(group: server.group, timeout: .seconds(60), answerTimeout: .seconds(5))
            let connection = try await client.connect(to: server.address, credentials: server.credentials, counter: 1)
            _ = try await connection.request(subscribe)
            let peer = try #require(server.handler.state.withLock { $0.peers.first })
            let pushing = Task {
                while await peer.push([.with { $0.mailWaiting = WireMailWaiting() }]) {
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
            await #expect(throws: TransportError.timedOut(address: server.address)) {
                _ = try await connection.request(slow)
            }
            try await pushing.value
        }
    }

    @Test(.timeLimit(.minutes(1))) func aPeerThatLeavesOneUnansweredIsGivenUp() async throws {
        try await TestServer(handler: TestHandler(delay: .seconds(3600))).run { server in
            let client = TransportClient(group: server.group, timeout: .seconds(60), answerTimeout: .milliseconds(250))
            let connection = try await client.connect(to: server.address, credentials: server.credentials, counter: 1)
            // However many others it answers.
            let answering = Task { while true { _ = try await connection.request(ping) } }
            await #expect(throws: TransportError.timedOut(address: server.address)) {
                _ = try await connection.request(slow)
            }
            answering.cancel()
            _ = await answering.result
        }
    }

    @Test(.timeLimit(.minutes(1))) func aPushThatNobodyAskedForEndsTheConnection() async throws {
        try await TestServer().run { server in
            let connection = try await server.connect(counter: 1)
            _ = try await connection.request(ping)
            let peer = try #require(server.handler.state.withLock { $0.peers.first })
            _ = await peer.push([.with { $0.mailWaiting = WireMailWaiting() }])
            for await _ in connection.pushes { Issue.record("it was taken") }
            #expect(!connection.isActive)
        }
    }

    @Test(.timeLimit(.minutes(1))) func morePushesThanItMaySendEndTheConnection() async throws {
        try await TestServer().run { server in
            let connection = try await server.connect(counter: 1)
            _ = try await connection.request(subscribe)
            let peer = try #require(server.handler.state.withLock { $0.peers.first })
            let flood = [WirePush](repeating: .with { $0.mailWaiting = WireMailWaiting() }, count: PushQueue.limit + 1)
            _ = await peer.push(flood)
            await #expect(throws: TransportError.self) { while true { _ = try await connection.request(ping) } }
            var count = 0
            for await _ in connection.pushes { count += 1 }
            #expect(count == PushQueue.limit)
        }
    }

    @Test(.timeLimit(.minutes(1))) func cancellingEndsAnAttempt() async throws {
        let server = try await TestServer()
        let mute = try await ServerBootstrap(group: server.group).bind(host: "127.0.0.1", port: 0).get()
        let address = "127.0.0.1:\(try #require(mute.localAddress?.port))"
        let task = Task {
            try await TransportClient(group: server.group, timeout: .hours(1)).connect(
                to: address, credentials: server.credentials, counter: 1)
        }
        try await Task.sleep(for: .milliseconds(50))
        task.cancel()
        await #expect(throws: TransportError.disconnected) { _ = try await task.value }
        try await mute.close()
    }

    @Test func waitingRequestsFailWhenTheConnectionIsLost() async throws {
        try await TestServer(handler: TestHandler(delay: .seconds(20))).run { server in
            let connection = try await server.connect(counter: 1)
            _ = try await connection.request(ping)
            await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        do {
                            _ = try await connection.request(slow)
                            return false
                        } catch { return error is TransportError }
                    }
                }
                group.addTask {
                    try? await Task.sleep(for: .milliseconds(200))
                    server.handler.state.withLock { $0.peers.first }?.close(.shuttingDown)
                    return true
                }
                for await isRight in group { #expect(isRight) }
            }
            for await _ in connection.pushes {}
            await #expect(throws: TransportError.self) { _ = try await connection.request(ping) }
        }
    }

    @Test func theNextAddressIsTriedWithAFreshCounter() async throws {
        try await TestServer().run { server in
            let used = Mutex<[UInt64]>([])
            let connection = try await server.client().connect(
                toAnyOf: ["127.0.0.1:1", "nonsense", server.address], credentials: server.credentials
            ) {
                used.withLock { used in
                    used.append(UInt64(used.count + 1))
                    return UInt64(used.count)
                }
            }
            #expect(used.withLock { $0 } == [1, 2, 3])
            #expect(try await connection.request(ping).pong == WirePong())
            await connection.close()
            await #expect(throws: TransportError.self) {
                _ = try await server.client().connect(toAnyOf: [], credentials: server.credentials) { 9 }
            }
        }
    }

    /// A server that speaks the handshake and then anything.
    @Test(arguments: 0..<30)
    func hostileServers(seed: Int) async throws {
        let server = try await TestServer()
        var generator = SeededGenerator(seed: UInt64(seed))
        let garbage = generator.bytes(Int.random(in: 0...400, using: &generator))
        let listener = try await ServerBootstrap(group: server.group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Babbler(garbage))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let address = "127.0.0.1:\(try #require(listener.localAddress?.port))"
        await #expect(throws: TransportError.self) {
            _ = try await server.client(timeout: .milliseconds(500)).connect(
                to: address, credentials: server.credentials, counter: 1)
        }
        try await listener.close()
    }
}

/// Answers whatever comes with its bytes.
private final class Babbler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }
}
