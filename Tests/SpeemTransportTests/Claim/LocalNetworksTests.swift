import NIOCore
import Testing

@testable import SpeemTransport

struct LocalNetworksTests {
    private static func bytes(_ address: String) throws -> [UInt8] {
        try #require(try SocketAddress(ipAddress: address, port: 0).ipBytes)
    }

    private func networks() throws -> LocalNetworks {
        LocalNetworks(
            networks: try [
                ("127.0.0.1", "255.0.0.0"), ("192.168.1.7", "255.255.255.0"), ("10.1.2.3", "255.255.240.0"),
                ("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), ("2001:db8:1:2::7", "ffff:ffff:ffff:ffff::"),
                ("203.0.113.9", "0.0.0.0"), ("198.51.100.1", "255.255.255.255"),
            ].map { .init(address: try Self.bytes($0), mask: try Self.bytes($1)) })
    }

    @Test(arguments: [
        "127.0.0.1", "127.3.2.1", "192.168.1.1", "192.168.1.255", "10.1.15.255", "::1", "2001:db8:1:2:ffff::1",
        "::ffff:192.168.1.1", "::ffff:127.0.0.1", "169.254.7.7", "fe80::1", "febf::1", "198.51.100.1",
    ])
    func neighboursAreThere(address: String) throws {
        #expect(try networks().contains(try Self.bytes(address)))
        #expect(try networks().contains(try SocketAddress(ipAddress: address, port: 5)))
    }

    @Test(arguments: [
        "192.168.2.1", "10.1.16.1", "8.8.8.8", "203.0.113.8", "198.51.100.2", "2001:db8:1:3::1", "::2", "fec0::1",
        "::ffff:8.8.8.8", "::192.168.1.1", "64:ff9b::192.168.1.1", "169.253.1.1",
    ])
    func othersAreNot(address: String) throws {
        #expect(try !networks().contains(try Self.bytes(address)))
    }

    @Test func thisMachineIsOnItsOwnNetworks() throws {
        let loopback = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
        let path = try SocketAddress(unixDomainSocketPath: "/tmp/x")
        #expect(LocalNetworks.current().contains(loopback))
        #expect(!LocalNetworks.current().contains(path))
        #expect(!LocalNetworks(networks: []).contains(loopback))
    }
}
