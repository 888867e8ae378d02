import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import SpeemTransport

/// The socket that Prometheus asks.
struct MetricsServerTests {
    private struct Unwell: Error {}

    private func run(
        patience: TimeAmount = .minutes(1), text: @escaping @Sendable () async throws -> String = { "speem_up 1\n" },
        _ body: @Sendable @escaping (MetricsServer) async throws -> Void
    ) async throws {
        let server = try await MetricsServer.bind(
            host: "127.0.0.1", port: 0, group: MultiThreadedEventLoopGroup.singleton, logger: quietLogger,
            patience: patience, text: text)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await server.run() }
            try await body(server)
            tasks.cancelAll()
        }
    }

    /// Sends pieces, and returns all that comes until the server closes.
    private func ask(_ server: MetricsServer, _ pieces: [String]) async throws -> String {
        let (host, port) = try #require(TransportClient.split(server.address))
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            for piece in pieces { try await outbound.write(ByteBuffer(string: piece)) }
            var answer = ""
            for try await part in inbound { answer += String(buffer: part) }
            return answer
        }
    }

    private static let get = "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

    @Test(.timeLimit(.minutes(1))) func itAnswersOnceAndCloses() async throws {
        try await run { server in
            let answer = try await ask(server, [Self.get])
            #expect(
                answer == """
                    HTTP/1.1 200 OK\r
                    Content-Type: text/plain; version=0.0.4; charset=utf-8\r
                    Content-Length: 11\r
                    Cache-Control: no-store\r
                    X-Content-Type-Options: nosniff\r
                    Connection: close\r
                    \r
                    speem_up 1

                    """)
            let inPieces = try await ask(server, Self.get.map { String($0) })
            #expect(inPieces == answer)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aLongTextComesWhole() async throws {
        let long = String(repeating: "speem_up 1\n", count: 200_000)
        try await run(text: { long }) { server in
            let answer = try await ask(server, [Self.get])
            #expect(answer.hasSuffix("\r\n\r\n" + long))
        }
    }

    @Test(.timeLimit(.minutes(1))) func whatIsNotARequestIsRefused() async throws {
        try await run { server in
            let post = try await ask(server, ["POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"])
            #expect(post.hasPrefix("HTTP/1.1 405 Method Not Allowed\r\n") && post.contains("\r\nAllow: GET\r\n"))
            let other = try await ask(server, ["GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"])
            #expect(other.hasPrefix("HTTP/1.1 404 ") && !other.contains("speem_up"))
            let page = try await ask(server, ["GET /metrics HTTP/1.1\r\nHost: example.org\r\n\r\n"])
            #expect(page.hasPrefix("HTTP/1.1 421 ") && !page.contains("speem_up"))
            let long = try await ask(server, [String(repeating: "x", count: MetricsRequest.limit)])
            #expect(long.hasPrefix("HTTP/1.1 431 "))
        }
    }

    @Test(.timeLimit(.minutes(1))) func aNodeThatCannotSayIsAnError() async throws {
        try await run(text: { throw Unwell() }) { server in
            let answer = try await ask(server, [Self.get])
            #expect(answer.hasPrefix("HTTP/1.1 500 ") && !answer.contains("Unwell"))
        }
    }

    /// Who says nothing, or not enough, keeps no place for long.
    @Test(.timeLimit(.minutes(1)), arguments: [[], ["GET /metr"]]) func silenceEnds(pieces: [String]) async throws {
        try await run(patience: .milliseconds(50)) { server in
            let answer = try? await ask(server, pieces)
            #expect((answer ?? "").isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aPortInUseIsAnError() async throws {
        try await run { server in
            let port = try #require(TransportClient.split(server.address)?.port)
            await #expect(throws: TransportError.self) {
                _ = try await MetricsServer.bind(
                    host: "127.0.0.1", port: UInt16(port), group: MultiThreadedEventLoopGroup.singleton,
                    logger: quietLogger, text: { "" })
            }
        }
    }
}
