import NIOCore
import NIOPosix
import Synchronization

/// Passes bytes between a client and a node, and counts them: what an observer of the wire sees inside TCP.
final class CountingProxy: Sendable {
    private let bytes: Counter
    private let channel: any Channel

    final class Counter: Sendable {
        private let count = Atomic<Int>(0)
        var value: Int { count.load(ordering: .relaxed) }
        func add(_ bytes: Int) { count.add(bytes, ordering: .relaxed) }
    }

    /// - Parameter target: "host:port".
    static func start(target: String) async throws -> CountingProxy {
        let parts = target.split(separator: ":")
        guard parts.count == 2, let port = Int(parts[1]) else { throw Failed() }
        let host = String(parts[0])
        let counter = Counter()
        let group = MultiThreadedEventLoopGroup.singleton
        let channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { inner in
                ClientBootstrap(group: inner.eventLoop)
                    .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                    .channelInitializer { outer in
                        outer.eventLoop.makeCompletedFuture {
                            try outer.pipeline.syncOperations.addHandler(Pipe(to: inner, counter))
                        }
                    }
                    .connect(host: host, port: port).flatMapThrowing { outer in
                        try inner.pipeline.syncOperations.addHandler(Pipe(to: outer, counter))
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return CountingProxy(bytes: counter, channel: channel)
    }

    struct Failed: Error {}

    private init(bytes: Counter, channel: any Channel) {
        self.bytes = bytes
        self.channel = channel
    }

    var address: String { "127.0.0.1:\(channel.localAddress?.port ?? 0)" }
    var count: Int { bytes.value }

    func stop() async throws { try await channel.close() }

    private final class Pipe: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let other: any Channel
        private let counter: Counter

        init(to other: any Channel, _ counter: Counter) {
            self.other = other
            self.counter = counter
        }

        func channelRead(context _: ChannelHandlerContext, data: NIOAny) {
            let buffer = unwrapInboundIn(data)
            counter.add(buffer.readableBytes)
            other.writeAndFlush(buffer, promise: nil)
        }

        func channelInactive(context _: ChannelHandlerContext) { other.close(promise: nil) }
    }
}
