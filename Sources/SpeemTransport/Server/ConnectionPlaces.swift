import Logging
import NIOCore
import Synchronization

/// How many more connections a server takes. Asked before a connection can cost anything.
final class ConnectionPlaces: Sendable {
    private let left: Mutex<Int>

    init(_ count: Int) { left = Mutex(count) }

    /// Takes a place and gives it back when `closed` completes.
    ///
    /// - Returns: false when there is none.
    func take(until closed: EventLoopFuture<Void>) -> Bool {
        let isTaken = left.withLock { left in
            guard left > 0 else { return false }
            left -= 1
            return true
        }
        if isTaken { closed.whenComplete { _ in self.left.withLock { $0 += 1 } } }
        return isTaken
    }
}

/// Closes a connection for which there is no place, without a byte, and drops what it sent.
final class TurnAwayHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ServerEvent

    private let logger: Logger

    init(logger: Logger) { self.logger = logger }

    func channelActive(context: ChannelHandlerContext) {
        logger.debug("closed: too many connections")
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
