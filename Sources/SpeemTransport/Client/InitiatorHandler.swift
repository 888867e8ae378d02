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
    private let pushes: AsyncStream<WirePush>.Continuation
    private let address: String
    private var isOpen = false
    private var nextID: UInt64 = 0
    private var waiting: [UInt64: EventLoopPromise<WireResponse>] = [:]
    /// Why the connection ends, when there is a better word than "lost".
    private var ending: TransportError?
    private let answerTimeout: TimeAmount
    /// When the peer last said something, or was asked after a pause.
    private var lastSign: NIODeadline = .now()
    /// Runs only while a request waits: an idle connection wakes nobody.
    private var watch: Scheduled<Void>?

    init(
        engine: consuming InitiatorEngine, opened: EventLoopPromise<Void>,
        pushes: AsyncStream<WirePush>.Continuation, address: String, answerTimeout: TimeAmount
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
        lastSign = .now()
        switch engine.receive(unwrapInboundIn(data)) {
        case .opened:
            isOpen = true
            opened.succeed()
        case .response(let id, let response):
            waiting.removeValue(forKey: id)?.succeed(response)
            if waiting.isEmpty { stopWatching() }
        case .push(let push):
            // A push that is lost here comes again with the drain after the next handshake.
            guard case .dropped = pushes.yield(push) else { break }
            ending = .violation("more pushes than can be taken")
            context.close(promise: nil)
        case .closed(let close):
            ending = .closed(close.reason, detail: close.detail)
            context.close(promise: nil)
        case .nothing: break
        case .failed(let words):
            ending = .violation(words)
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        let error = ending ?? .disconnected
        if !isOpen { opened.fail(ending ?? .refused(address: address)) }
        for promise in waiting.values { promise.fail(error) }
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
            lastSign = .now()
            watch(context, after: answerTimeout)
        }
        waiting[nextID] = outgoing.answer
        context.write(wrapOutboundOut(buffer), promise: promise)
    }

    /// Closes when the peer, with requests before it, has not said anything for ``answerTimeout``.
    private func watch(_ context: ChannelHandlerContext, after delay: TimeAmount) {
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        watch = context.eventLoop.scheduleTask(in: delay) {
            let (handler, context) = loopBound.value
            let due = handler.lastSign + handler.answerTimeout
            let now = NIODeadline.now()
            guard now >= due else { return handler.watch(context, after: due - now) }
            handler.ending = .timedOut(address: handler.address)
            context.close(promise: nil)
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
