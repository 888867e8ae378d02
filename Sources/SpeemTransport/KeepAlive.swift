import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Lets the kernel find out that a silent peer is gone (a lid that closed, a power cut, a router that forgot), without
/// a wake-up of ours (tcp(7)): after a minute without a byte it asks every 20 seconds, and gives up after the third
/// question.
enum KeepAlive {
    private static let idleSeconds: Int = 60
    private static let intervalSeconds: Int = 20
    private static let probes: Int = 3

    private static var options: [(ChannelOptions.Types.SocketOption, Int)] {
        var options = [(ChannelOptions.Types.SocketOption(level: .socket, name: .so_keepalive), 1)]
        func add(_ name: CInt, _ value: Int) {
            options.append((.init(level: .tcp, name: NIOBSDSocket.Option(rawValue: name)), value))
        }
        add(TCP_KEEPINTVL, intervalSeconds)
        add(TCP_KEEPCNT, probes)
        #if canImport(Darwin)
            add(TCP_KEEPALIVE, idleSeconds)
        #else
            add(TCP_KEEPIDLE, idleSeconds)
            // Sent bytes that nobody acknowledges end the connection after the same time, in milliseconds.
            add(TCP_USER_TIMEOUT, (idleSeconds + intervalSeconds * probes) * 1000)
        #endif
        return options
    }

    static func apply(to bootstrap: ClientBootstrap) -> ClientBootstrap {
        options.reduce(bootstrap) { $0.channelOption($1.0, value: $1.1) }
    }

    /// For the connections that a server accepts.
    static func apply(to bootstrap: ServerBootstrap) -> ServerBootstrap {
        options.reduce(bootstrap) { $0.childChannelOption($1.0, value: $1.1) }
    }
}
