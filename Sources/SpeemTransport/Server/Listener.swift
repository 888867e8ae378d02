import Logging
import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Sockets that listen, and the connections that come in over them.
///
/// A connection is not read from before it is served. None is forgotten: each has its place until it is closed, whether
/// somebody serves it or not, so a server may stop at any moment.
final class Listener: Sendable {
    enum Endpoint: Sendable, CustomStringConvertible {
        case tcp(host: String, port: UInt16)
        case unix(path: String)

        var description: String {
            switch self {
            case .tcp(let host, let port): "\(host):\(port)"
            case .unix(let path): path
            }
        }
    }

    private struct Socket: Sendable {
        let endpoint: Endpoint
        let channel: any Channel
    }

    /// How long nothing is accepted after the system had nothing left to accept with.
    private static let pause: TimeAmount = .seconds(1)

    private let sockets: [Socket]
    let places: ConnectionPlaces
    private let arrivals: AsyncStream<any Channel>
    private let arrived: AsyncStream<any Channel>.Continuation
    private let isStopped = Mutex(false)

    /// The channels that listen.
    var channels: [any Channel] { sockets.map(\.channel) }

    /// The bound addresses of TCP sockets, "host:port", with the port that the system chose for port 0.
    var addresses: [String] {
        channels.compactMap { channel in
            guard let address = channel.localAddress, let port = address.port else { return nil }
            let host = address.ipAddress ?? "?"
            return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }

    /// Binds all `endpoints`; connections that come wait for ``serve(_:)``.
    ///
    /// - Parameter initialize: puts the handlers into the pipeline of a connection that has a place.
    /// - Throws: ``TransportError/cannotListen(address:reason:)``; then nothing is left bound or open.
    static func bind(
        _ endpoints: [Endpoint], places: ConnectionPlaces, group: any EventLoopGroup, logger: Logger,
        initialize: @escaping @Sendable (any Channel) throws -> Void
    ) async throws -> Listener {
        let (arrivals, arrived) = AsyncStream.makeStream(of: (any Channel).self)
        var sockets: [Socket] = []
        for endpoint in endpoints {
            let bootstrap = ServerBootstrap(group: group)
                .serverChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            AcceptBackoffHandler { $0.errnoCode == ECONNABORTED ? nil : pause })
                    }
                }
                .childChannelOption(.autoRead, value: false)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        do throws(ConnectionPlaces.Refusal) {
                            try places.take(channel)
                        } catch {
                            try channel.pipeline.syncOperations.addHandler(
                                TurnAwayHandler(words: "\(error)", logger: logger))
                            return
                        }
                        try initialize(channel)
                        try channel.pipeline.syncOperations.addHandler(ArrivalHandler(arrived))
                    }
                }
            do {
                let channel = try await bind(bootstrap, to: endpoint).flatMapThrowing { channel in
                    try channel.pipeline.syncOperations.addHandler(ListenerErrorHandler(endpoint, logger: logger))
                    return channel
                }.get()
                sockets.append(Socket(endpoint: endpoint, channel: channel))
            } catch {
                let begun = Listener(sockets: sockets, places: places, arrivals: arrivals, arrived: arrived)
                await begun.stop()
                throw TransportError.cannotListen(address: "\(endpoint)", reason: systemWords(error))
            }
        }
        return Listener(sockets: sockets, places: places, arrivals: arrivals, arrived: arrived)
    }

    private static func bind(_ bootstrap: ServerBootstrap, to endpoint: Endpoint) -> EventLoopFuture<any Channel> {
        switch endpoint {
        case .tcp(let host, let port):
            KeepAlive.apply(to: bootstrap)
                .serverChannelOption(.backlog, value: TransportLimits.backlog)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .bind(host: host, port: Int(port))
        case .unix(let path): bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true)
        }
    }

    private init(
        sockets: [Socket], places: ConnectionPlaces, arrivals: AsyncStream<any Channel>,
        arrived: AsyncStream<any Channel>.Continuation
    ) {
        self.sockets = sockets
        self.places = places
        self.arrivals = arrivals
        self.arrived = arrived
        for socket in sockets { socket.channel.closeFuture.whenComplete { _ in arrived.finish() } }
    }

    /// Serves every connection in a task of its own, until the task is cancelled or ``stop()`` is called.
    ///
    /// - Throws: ``TransportError/cannotListen(address:reason:)`` when a socket has ended on its own.
    func serve(_ body: @escaping @Sendable (any Channel) async -> Void) async throws {
        let ended = await withDiscardingTaskGroup { group in
            // Cancelled, this ends and drops what has arrived in between; all of it has its place, and is closed there.
            for await channel in arrivals { group.addTask { await body(channel) } }
            let isAsked = Task.isCancelled || isStopped.withLock { $0 }
            let ended = isAsked ? nil : sockets.first { !$0.channel.isActive }
            await stop()
            group.cancelAll()
            return ended
        }
        if let ended {
            throw TransportError.cannotListen(address: "\(ended.endpoint)", reason: "the system closed the socket")
        }
    }

    /// Closes the sockets, and then every connection.
    func stop() async {
        isStopped.withLock { $0 = true }
        for socket in sockets { try? await socket.channel.close() }
        arrived.finish()
        await places.stop()
    }
}

/// Hands a connection over once it is open.
private final class ArrivalHandler: ChannelInboundHandler {
    typealias InboundIn = Any

    private let arrived: AsyncStream<any Channel>.Continuation

    init(_ arrived: AsyncStream<any Channel>.Continuation) { self.arrived = arrived }

    func channelActive(context: ChannelHandlerContext) {
        arrived.yield(context.channel)
        context.fireChannelActive()
    }
}

/// The end of what a listening socket reports: no error of one connection ends the listening.
private final class ListenerErrorHandler: ChannelInboundHandler {
    typealias InboundIn = Any

    private let endpoint: Listener.Endpoint
    private let logger: Logger

    init(_ endpoint: Listener.Endpoint, logger: Logger) {
        self.endpoint = endpoint
        self.logger = logger
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Not a fault of ours: the peer was gone before it was accepted, or the server is just closing.
        let isCommon = (error as? IOError)?.errnoCode == ECONNABORTED || error is ChannelError
        logger.log(
            level: isCommon ? .debug : .warning, "cannot accept a connection on \(endpoint): \(systemWords(error))")
    }
}

/// Closes a connection for which there is no place, without a byte.
private final class TurnAwayHandler: ChannelInboundHandler {
    typealias InboundIn = Any

    private let words: String
    private let logger: Logger

    init(words: String, logger: Logger) {
        self.words = words
        self.logger = logger
    }

    func channelActive(context: ChannelHandlerContext) {
        logger.debug("closed: \(words)")
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

extension NIOAsyncChannel {
    /// Begins to read from a connection that a ``Listener`` has handed over.
    static func begin(_ channel: any Channel) async throws -> NIOAsyncChannel {
        try await channel.eventLoop.submit {
            // On a closed channel the writer could not be finished, which it insists on.
            guard channel.isActive else { throw ChannelError.ioOnClosedChannel }
            let connection = try NIOAsyncChannel(wrappingChannelSynchronously: channel)
            try? channel.syncOptions?.setOption(.autoRead, value: true)
            return connection
        }.get()
    }
}
