import Foundation
import NIOCore
import NIOPosix
import Testing

@testable import SpeemNode
@testable import SpeemTransport

/// A node shows its state where the configuration wants that, and nowhere else.
struct NodeMetricsServiceTests {
    private func get(_ address: String) async throws -> String {
        let (host, port) = try #require(TransportClient.split(address))
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: "GET /metrics HTTP/1.1\r\nHost: \(address)\r\n\r\n"))
            var answer = ""
            for try await part in inbound { answer += String(buffer: part) }
            return answer
        }
    }

    @Test func offByDefault() async throws {
        try await TestNode().serve { #expect($0.metrics == nil) }
    }

    @Test(.timeLimit(.minutes(1))) func atALoopbackAddress() async throws {
        try await TestNode().serve("[metrics]\nlisten = \"127.0.0.1:0\"\n") { service in
            let address = try #require(service.metrics?.address)
            #expect(address.hasPrefix("127.0.0.1:"))
            let text = try await get(address)
            #expect(text.contains("\nspeem_owned 0\n"))
            let home = try await Home(service)
            #expect(try await get(address).contains("\nspeem_owned 1\n"))
            await home.device.close()
        }
    }

    @Test(.timeLimit(.minutes(1))) func everyMinuteIntoAFile() async throws {
        let node = TestNode()
        let path = node.folder + ".prom"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await node.serve("[metrics]\nfile = \"\(path)\"\n") { service in
            #expect(service.metrics?.address == nil)
            func text() -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
            try await until("it is written") { text().contains("speem_uptime_seconds 0\n") }
            // The node may only now begin to wait.
            try await until("and again") {
                node.clock.advance(NodeMetricsService.interval)
                return !text().contains("speem_uptime_seconds 0\n")
            }
        }
    }

    @Test func aPortThatIsInUseKeepsTheNodeFromStarting() async throws {
        try await TestNode().serve("[metrics]\nlisten = \"127.0.0.1:0\"\n") { service in
            let address = try #require(service.metrics?.address)
            let second = TestNode()
            await #expect(throws: (any Error).self) {
                _ = try await second.start("[metrics]\nlisten = \"\(address)\"\n")
            }
            // Nothing is left open.
            try await second.run { _ in }
        }
    }
}
