import NIOCore
import SpeemCrypto
import SpeemProtocol
import SwiftProtobuf

/// A request on its way out, and where its answer goes.
struct ClientRequest: Sendable {
    let request: WireRequest
    let answer: EventLoopPromise<WireResponse>
}

/// Puts an ``InitiatorEngine`` behind a channel: requests out, answers and pushes in.
final class InitiatorHandler: ChannelDuplexHandler {
    typealias InboundIn = [UInt8]
    typealias OutboundIn = ClientRequest
    typealias OutboundOut = ByteBuffer

    private var engine: InitiatorEngine
    private let opened: EventLoopPromise<Void>
    private let pushes: PushQueue
    private let address: String
    private var isOpen = false
    private var nextID: UInt64 = 0
    private var waiting: [UInt64: Waiting] = [:]
    /// Whether anything was asked that lets the peer push.
    private var isSubscribed = false
    /// Why the connection ends, when there is a better word than "lost".
    private var ending: TransportError?
    private let answerTimeout: TimeAmount
    /// When the peer last answered something that was asked, or sent as much as a whole part, or was asked after a
    /// pause. Less than that is no sign: a peer could drip bytes and never answer.
    private var lastSign: NIODeadline = .now()
    /// Bytes since the last sign.
    private var received = 0
    /// Runs only while a request waits: an idle connection wakes nobody.
    private var watch: Scheduled<Void>?

    private struct Waiting {
        let answer: EventLoopPromise<WireResponse>
        let since: NIODeadline
    }

    init(
        engine: consuming InitiatorEngine, opened: EventLoopPromise<Void>,
        pushes: PushQueue, address: String, answerTimeout: TimeAmount
    ) {
        self.engine = engine
        self.opened = opened
        self.pushes = pushes
        self.address = address
        self.answerTimeout = answerTimeout
    }

    func channelActive(context: ChannelHandlerContext) {
        send(engine.hello, context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let message = unwrapInboundIn(data)
        received += message.count
        if received >= Limits.partBytes { sign() }
        switch engine.receive(message, isAwaited: { waiting[$0] != nil }) {
        case .opened:
            isOpen = true
            opened.succeed()
        case .response(let id, let response):
            sign()
            waiting.removeValue(forKey: id)?.answer.succeed(response)
            if waiting.isEmpty { stopWatching() }
        case .push(let push):
            // An all-clear goes to all connections of a contact, also to those that have deposited nothing.
            guard isSubscribed || push.kind == .allClear(WireAllClear()) else {
                return end(.violation("a push without a subscription"), context)
            }
            // A push that is lost here comes again with the drain after the next handshake.
            if !pushes.append(push) { end(.violation("more pushes than it may send"), context) }
        case .closed(let close): end(.closed(close.reason, detail: close.detail), context)
        case .nothing: break
        case .failed(let words): end(.violation(words), context)
        }
    }

    private func sign() {
        lastSign = .now()
        received = 0
    }

    private func end(_ error: TransportError, _ context: ChannelHandlerContext) {
        ending = error
        engine.close()
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let error = ending ?? .disconnected
        if !isOpen { opened.fail(ending ?? .refused(address: address)) }
        for request in waiting.values { request.answer.fail(error) }
        waiting = [:]
        stopWatching()
        pushes.finish()
        context.fireChannelInactive()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let outgoing = unwrapOutboundIn(data)
        nextID += 1
        var buffer = context.channel.allocator.buffer(capacity: 1024)
        for frame in MessageSplitter.frames(kind: .request, id: nextID, message: outgoing.request.encode()) {
            guard let message = engine.encrypt(frame) else {
                outgoing.answer.fail(ending ?? .disconnected)
                promise?.fail(TransportError.disconnected)
                return
            }
            buffer.writeNoiseMessage(message)
        }
        if waiting.isEmpty {
            sign()
            watch(context, after: answerTimeout)
        }
        if case .drain(let drain) = outgoing.request.kind, drain.subscribe { isSubscribed = true }
        waiting[nextID] = Waiting(answer: outgoing.answer, since: .now())
        context.write(wrapOutboundOut(buffer), promise: promise)
    }

    /// Closes when the peer, with requests before it, has given no sign for ``answerTimeout``, or has answered others all
    /// the time and left one waiting for much longer.
    private func watch(_ context: ChannelHandlerContext, after delay: TimeAmount) {
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        watch = context.eventLoop.scheduleTask(in: delay) {
            let (handler, context) = loopBound.value
            let now = NIODeadline.now()
            let oldest = handler.waiting.values.map(\.since).min() ?? now
            let due = min(
                handler.lastSign + handler.answerTimeout,
                oldest + handler.answerTimeout * TransportLimits.answerPatience)
            guard now >= due else { return handler.watch(context, after: due - now) }
            handler.end(.timedOut(address: handler.address), context)
        }
    }

    private func stopWatching() {
        watch?.cancel()
        watch = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if ending == nil { ending = .unreachable(address: address, reason: systemWords(error)) }
        context.close(promise: nil)
    }

    private func send(_ message: [UInt8], _ context: ChannelHandlerContext) {
        var buffer = context.channel.allocator.buffer(capacity: message.count + TransportLimits.lengthPrefix)
        buffer.writeNoiseMessage(message)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }
}
