import Logging
import NIOCore
import SpeemCrypto
import SpeemProtocol

/// What a connection tells its server.
enum ServerEvent: Sendable {
    case opened(AccessGrant)
    case request(id: UInt64, WireRequest, size: Int)
    case malformed(id: UInt64, WireError)
}

/// What a server sends.
enum ServerMessage: Sendable {
    case response(id: UInt64, WireResponse)
    case push(WirePush)
    /// The last message.
    case close(WireClose)
    /// Nothing is sent: from now on the connection may be idle.
    case stayOpen
}

/// Puts a ``ResponderEngine`` behind a channel: bytes in, events out, and the timers.
final class ResponderHandler: ChannelDuplexHandler {
    typealias InboundIn = [UInt8]
    typealias InboundOut = ServerEvent
    typealias OutboundIn = ServerMessage
    typealias OutboundOut = ByteBuffer

    private var engine: ResponderEngine
    private let access: any AccessTable
    private let limits: TransportLimits
    private let logger: Logger
    private var isOpen = false
    private var mayBeIdle = false
    private var pushes: UInt64 = 0
    private var lastRequest: NIODeadline = .now()
    private var timers: [Scheduled<Void>] = []

    init(staticKey: X25519.PrivateKey, access: any AccessTable, limits: TransportLimits, logger: Logger) {
        engine = ResponderEngine(staticKey: staticKey)
        self.access = access
        self.limits = limits
        self.logger = logger
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timers.append(
            context.eventLoop.scheduleTask(in: limits.handshakeTimeout) {
                let (handler, context) = loopBound.value
                guard !handler.isOpen else { return }
                handler.logger.debug("closed: no handshake in time")
                context.close(promise: nil)
            })
        timers.append(
            context.eventLoop.scheduleTask(in: TransportLimits.maxAge) {
                let (handler, context) = loopBound.value
                handler.reject(.of(.rekey, "the connection is a day old"), context)
            })
        watchIdle(loopBound, after: limits.idleTimeout, on: context.eventLoop)
    }

    private func watchIdle(
        _ loopBound: NIOLoopBound<(ResponderHandler, ChannelHandlerContext)>, after delay: TimeAmount,
        on eventLoop: any EventLoop
    ) {
        timers.append(
            eventLoop.scheduleTask(in: delay) {
                let (handler, context) = loopBound.value
                guard !handler.mayBeIdle else { return }
                let now = NIODeadline.now()
                // Until the first request the handshake's time counts.
                let due = (handler.isOpen ? handler.lastRequest : now) + handler.limits.idleTimeout
                guard now < due else { return handler.reject(.of(.idle), context) }
                handler.timers.removeLast()
                handler.watchIdle(loopBound, after: due - now, on: context.eventLoop)
            })
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        for timer in timers { timer.cancel() }
        timers = []
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch engine.receive(unwrapInboundIn(data), access: access, random: SystemRandomSource()) {
        case .reply(let message): send(message, context)
        case .opened(let grant, let incoming):
            isOpen = true
            context.fireChannelRead(wrapInboundOut(.opened(grant)))
            if let incoming { pass(incoming, context) }
        case .incoming(let incoming): pass(incoming, context)
        case .nothing: break
        case .silence(let words):
            logger.debug("closed: \(words)")
            context.close(promise: nil)
        case .reject(let close): reject(close, context)
        }
    }

    private func pass(_ incoming: ResponderEngine.Incoming, _ context: ChannelHandlerContext) {
        lastRequest = .now()
        switch incoming {
        case .request(let id, let request, let size):
            context.fireChannelRead(wrapInboundOut(.request(id: id, request, size: size)))
        case .malformed(let id, let error): context.fireChannelRead(wrapInboundOut(.malformed(id: id, error)))
        case .close(let close):
            logger.debug("the peer closes: \(close.reason) \(close.detail)")
            context.close(promise: nil)
        }
    }

    private func reject(_ close: WireClose, _ context: ChannelHandlerContext) {
        logger.debug("closed: \(close.reason) \(close.detail)")
        guard isOpen else { return context.close(promise: nil) }
        for frame in MessageSplitter.frames(kind: .close, id: 0, message: close.encode()) {
            if let message = engine.encrypt(frame) { send(message, context) }
        }
        engine.close()
        context.close(promise: nil)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let frames: [WireFrame]
        switch unwrapOutboundIn(data) {
        case .response(let id, let response):
            frames = MessageSplitter.frames(kind: .response, id: id, message: response.encode())
        case .push(let push):
            pushes += 1
            frames = MessageSplitter.frames(kind: .push, id: pushes, message: push.encode())
        case .close(let close):
            reject(close, context)
            promise?.succeed()
            return
        case .stayOpen:
            mayBeIdle = true
            promise?.succeed()
            return
        }
        var buffer = context.channel.allocator.buffer(capacity: 1024)
        for frame in frames {
            guard let message = engine.encrypt(frame) else {
                promise?.fail(TransportError.disconnected)
                return
            }
            buffer.writeNoiseMessage(message)
        }
        context.write(wrapOutboundOut(buffer), promise: promise)
    }

    private func send(_ message: [UInt8], _ context: ChannelHandlerContext) {
        var buffer = context.channel.allocator.buffer(capacity: message.count + TransportLimits.lengthPrefix)
        buffer.writeNoiseMessage(message)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("closed: \(error)")
        context.close(promise: nil)
    }
}
