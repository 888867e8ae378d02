import NIOCore
import NIOPosix
import Testing

@testable import SpeemTransport

struct PortProbeTests {
    @Test func somebodyIsThere() async throws {
        let server = try await TestServer()
        #expect(await PortProbe.connect(to: server.address, within: 30) == nil)
        #expect(await PortProbe.connect(to: server.address, within: 30) == nil)
    }

    @Test func nobodyIsThere() async throws {
        // A port that was free a moment ago.
        let free = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(free.localAddress?.port)
        try await free.close()
        let reason = try #require(await PortProbe.connect(to: "127.0.0.1:\(port)", within: 30))
        #expect(reason.lowercased().contains("refused"))
    }

    @Test func noAddress() async {
        #expect(await PortProbe.connect(to: "nothing", within: 30) == "not an address")
        #expect(await PortProbe.connect(to: "no-such-host.invalid:1", within: 30) == "the name does not resolve")
    }
}
