import NIOCore
import Testing

@testable import SpeemTransport

struct RemoteNetworkTests {
    private func network(_ text: String) throws -> RemoteNetwork {
        try #require(RemoteNetwork(try SocketAddress(ipAddress: text, port: 1)))
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("192.0.2.1", "::ffff:192.0.2.1"), ("2001:db8::1", "2001:db8::ffff:2"),
        ("fe80::1", "fe80::1"), ("::1", "::1"),
    ])
    func same(one: String, other: String) throws { #expect(try network(one) == network(other)) }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.2"), ("::ffff:192.0.2.1", "::ffff:192.0.2.2"), ("2001:db8::1", "2001:db8:0:1::1"),
        ("fe80::1", "fe80::2"),
    ])
    func different(one: String, other: String) throws { #expect(try network(one) != network(other)) }

    @Test func aUnixSocketHasNone() throws {
        #expect(RemoteNetwork(try SocketAddress(unixDomainSocketPath: "/tmp/x")) == nil)
    }
}
