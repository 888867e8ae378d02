import ArgumentParser
import CAvahi
import CSQLite
import CStaticShims
import SpeemCrypto
import NIOCore
import NIOPosix
import ServiceLifecycle
import Logging

@main
struct Speem: AsyncParsableCommand {
    func run() async throws {
        print(Sodium.version, String(cString: sqlite3_libversion()), try Sodium.k())
        var e: Int32 = 0
        let poll = avahi_simple_poll_new()
        let c = avahi_client_new(avahi_simple_poll_get(poll), AvahiClientFlags(rawValue: 0), { _, _, _ in }, nil, &e)
        if let c { print(String(cString: avahi_client_get_version_string(c))) } else { print("no avahi", e) }
        let g = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let a = try SocketAddress.makeAddressResolvingHost("localhost", port: 1)
        print(a)
        try await g.shutdownGracefully()
    }
}
