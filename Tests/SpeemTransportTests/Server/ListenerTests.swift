import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import SpeemTransport

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What a server does with connections that come at the wrong moment, and with errors of its sockets.
@Suite(.serialized) struct ListenerTests {
    private let group = MultiThreadedEventLoopGroup.singleton

    /// A connection that sends a first message and says nothing more; nil where nobody accepts any longer.
    private func visitor(_ server: TestServer, _ hello: [UInt8]) async -> (any Channel)? {
        guard let (host, port) = TransportClient.split(server.address) else { return nil }
        let channel = try? await ClientBootstrap(group: group).connect(host: host, port: port).get()
        channel?.writeAndFlush(ByteBuffer(bytes: framed(hello)), promise: nil)
        return channel
    }

    @Test(.timeLimit(.minutes(5)), arguments: 0..<12)
    func stoppingAmongNewConnections(round: Int) async throws {
        let limits = TransportLimits(connectionsPerAddress: 256, handshakeTimeout: .seconds(60))
        let recorder = LevelRecorder()
        let server = try await TestServer(limits: limits, logger: recorder.logger)
        let running = Task { try await server.server.run() }
        let known = try await server.connect(counter: 1)
        _ = try await known.request(ping)
        await withTaskGroup(of: (any Channel)?.self) { visitors in
            for number in 0..<40 {
                visitors.addTask {
                    guard let engine = try? server.engine(counter: UInt64(2 + number)) else { return nil }
                    return await visitor(server, engine.hello)
                }
            }
            var count = 0
            var channels: [any Channel] = []
            for await channel in visitors {
                count += 1
                if count == round * 3 { running.cancel() }
                if let channel { channels.append(channel) }
            }
            running.cancel()
            for channel in channels { try? await channel.closeFuture.get() }
        }
        try await running.value
        for await _ in known.pushes {}
        #expect(recorder.seen.allSatisfy { $0 < .error })
        #expect(server.server.peerCount == 0)
    }

    /// With the number of TCP_NODELAY but at the socket's level it would be SO_DEBUG, which only root may set: tests that run as
    /// root would not notice.
    @Test(.timeLimit(.minutes(1))) func smallMessagesAreSentAtOnceAndNothingTakesRoot() async throws {
        let listener = try await Listener.bind(
            [.tcp(host: "127.0.0.1", port: 0)], places: ConnectionPlaces(1), group: group, logger: quietLogger
        ) { _ in }
        let (accepted, found) = AsyncStream.makeStream(of: (noDelay: Int, debug: Int).self)
        let serving = Task {
            try await listener.serve { channel in
                guard let noDelay = try? await channel.getOption(.tcpOption(.tcp_nodelay)).get(),
                    let debug = try? await channel.getOption(.socketOption(.init(rawValue: SO_DEBUG))).get()
                else { return found.finish() }
                found.yield((noDelay, debug))
            }
        }
        let visitor = try await connectClaim(to: listener.addresses[0])
        let options = await accepted.first { _ in true }
        #expect(options?.noDelay == 1)
        #expect(options?.debug == 0)
        try? await visitor.close()
        serving.cancel()
        _ = try? await serving.value
    }

    @Test(.timeLimit(.minutes(1))) func aServerThatNeverRanClosesItsVisitors() async throws {
        let server = try await TestServer()
        var channels: [any Channel] = []
        for counter in 1...10 {
            channels.append(try #require(await visitor(server, try server.engine(counter: UInt64(counter)).hello)))
        }
        await server.server.stop()
        for channel in channels { try? await channel.closeFuture.get() }
        #expect(server.access.lookups == 0)
        // Run after that, it ends at once.
        try await server.server.run()
    }

    @Test(.timeLimit(.minutes(1))) func nobodyIsAnsweredBeforeItRuns() async throws {
        let server = try await TestServer()
        let attempt = Task { try await server.connect(counter: 1) }
        // Until it is accepted.
        for await _ in server.arrivals() { break }
        #expect(server.access.lookups == 0)
        try await server.run { _ in
            let connection = try await attempt.value
            _ = try await connection.request(ping)
            await connection.close()
        }
    }

    @Test(.timeLimit(.minutes(2)), arguments: [EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED])
    func errorsOfAcceptingPass(code: CInt) async throws {
        let recorder = LevelRecorder()
        try await TestServer(logger: recorder.logger).run { server in
            let listening = try #require(server.server.listener.channels.first)
            for counter in 1...3 {
                listening.pipeline.fireErrorCaught(IOError(errnoCode: code, reason: "accept"))
                let connection = try await server.connect(counter: UInt64(counter))
                _ = try await connection.request(ping)
            }
            listening.pipeline.fireErrorCaught(ChannelError.ioOnClosedChannel)
            _ = try await server.connect(counter: 9).request(ping)
        }
        #expect(recorder.seen.contains(.warning) == (code != ECONNABORTED))
    }

    @Test(.timeLimit(.minutes(1))) func aSocketThatEndsIsAnError() async throws {
        let server = try await TestServer()
        let running = Task { try await server.server.run() }
        let connection = try await server.connect(counter: 1)
        _ = try await connection.request(ping)
        try await server.server.listener.channels.first?.close()
        let error = await #expect(throws: TransportError.self) { try await running.value }
        guard case .cannotListen = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        for await _ in connection.pushes {}
    }

    @Test func whatIsBoundBeforeAFailureIsGivenBack() async throws {
        let server = try await TestServer()
        let (host, port) = try #require(TransportClient.split(server.address))
        let free = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
        let freePort = try #require(free.localAddress?.port)
        try await free.close()
        await #expect(throws: TransportError.self) {
            _ = try await TransportServer.bind(
                addresses: [("127.0.0.1", UInt16(freePort)), (host, UInt16(port))], staticKey: server.nodeKey,
                access: server.access, handler: server.handler, limits: TransportLimits(), group: group,
                logger: quietLogger)
        }
        try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: freePort).get().close()
    }
}
