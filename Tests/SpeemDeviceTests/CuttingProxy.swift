import NIOCore
import NIOPosix
import Synchronization

/// A proxy that loses replies: it cuts a connection after so many bytes from the server.
final class CuttingProxy: Sendable {
    private let channel: any Channel
    private let shared: Shared

    var address: String { "127.0.0.1:\(channel.localAddress?.port ?? 0)" }

    static func start(to target: @escaping @Sendable () async -> (host: String, port: Int)) async throws -> CuttingProxy
    {
        let shared = Shared()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { inbound in
                guard shared.passesNext() else {
                    return inbound.eventLoop.makeCompletedFuture {
                        try inbound.pipeline.syncOperations.addHandler(CloseAfterRead())
                    }
                }
                let address = inbound.eventLoop.makeFutureWithTask { await target() }
                return address.flatMap { address in
                    ClientBootstrap(group: inbound.eventLoop)
                        .channelInitializer { outbound in
                            outbound.eventLoop.makeCompletedFuture {
                                try outbound.pipeline.syncOperations.addHandler(
                                    Forward(to: inbound, limit: { shared.take($0) }))
                            }
                        }
                        .connect(host: address.host, port: address.port)
                }.flatMap { outbound in
                    inbound.eventLoop.makeCompletedFuture {
                        try inbound.pipeline.syncOperations.addHandler(Forward(to: outbound, limit: { $0 }))
                    }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return CuttingProxy(channel: channel, shared: shared)
    }

    /// What all connections of a proxy share.
    final class Shared: Sendable {
        let allowed = Mutex(Int.max)
        let script = Mutex<[Bool]>([])
        let passed = Mutex(0)

        /// Whether the next connection is passed on, or closed without a byte.
        func passesNext() -> Bool { script.withLock { $0.isEmpty ? true : $0.removeFirst() } }

        /// How many of `count` bytes may pass.
        func take(_ count: Int) -> Int {
            allowed.withLock { allowed in
                let passed = min(count, allowed)
                if allowed != .max { allowed -= passed }
                self.passed.withLock { $0 += passed }
                return passed
            }
        }
    }

    private init(channel: any Channel, shared: Shared) {
        self.channel = channel
        self.shared = shared
    }

    /// From now on only so many bytes come back from the server; nil for all.
    func allow(_ bytes: Int?) { shared.allowed.withLock { $0 = bytes ?? .max } }

    /// Whether no byte more comes back.
    var isSpent: Bool { shared.allowed.withLock { $0 == 0 } }

    /// Bytes that have come back from the server so far.
    var passed: Int { shared.passed.withLock { $0 } }

    /// The next connections: true for one that is passed on, false for one that is closed without a byte. All after them
    /// are passed on.
    func next(_ connections: [Bool]) { shared.script.withLock { $0 = connections } }

    deinit { channel.close(promise: nil) }
}

/// Closes without a byte, after something has come: nothing is left unread, so that the peer sees an end and no reset.
private final class CloseAfterRead: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.close(promise: nil) }
}

/// Passes bytes on to another channel, as many as may pass, and then closes both.
private final class Forward: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let other: any Channel
    private let limit: @Sendable (Int) -> Int

    init(to other: any Channel, limit: @escaping @Sendable (Int) -> Int) {
        self.other = other
        self.limit = limit
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        let passed = limit(buffer.readableBytes)
        guard let part = buffer.readSlice(length: passed) else { return }
        other.writeAndFlush(part, promise: nil)
        guard buffer.readableBytes > 0 else { return }
        other.close(promise: nil)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }
}
