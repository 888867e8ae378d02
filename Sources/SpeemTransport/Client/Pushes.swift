public import SpeemProtocol
import Synchronization

/// What a node pushes over one connection, in order; ends with the connection. For one reader.
public struct Pushes: AsyncSequence, Sendable {
    public typealias Element = WirePush
    public typealias Failure = Never

    let queue: PushQueue

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(queue: queue, signal: queue.signal.makeAsyncIterator())
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let queue: PushQueue
        fileprivate var signal: AsyncStream<Void>.AsyncIterator

        public mutating func next() async -> WirePush? {
            while true {
                if let push = queue.takeFirst() { return push }
                if await signal.next() == nil { return queue.takeFirst() }
            }
        }

        /// All that has come and was not taken yet, at least one; nil at the end.
        public mutating func nextBatch() async -> [WirePush]? {
            while true {
                let batch = queue.takeAll()
                if !batch.isEmpty { return batch }
                if await signal.next() == nil {
                    let rest = queue.takeAll()
                    return rest.isEmpty ? nil : rest
                }
            }
        }
    }
}

/// Pushes between the event loop and their reader, of bounded number and size.
///
/// A node keeps envelopes back by itself (``SpeemProtocol/Limits/pushesUnacknowledged``), and reports are small; so only a
/// hostile one comes to the bound.
final class PushQueue: Sendable {
    private struct State {
        var waiting: [WirePush] = []
        var reports = 0
        var bytes = 0
    }

    /// Twice what one subscription may have on its way: the device may subscribe again.
    static let limit = 2 * Limits.pushesUnacknowledged
    /// Reports of the outbox come on top: as many as change state at once when a route opens.
    static let reportLimit = 16 * Limits.outboxItems
    static let byteLimit = 2 * Limits.pushBytesUnacknowledged

    private let state = Mutex(State())
    private let wake: AsyncStream<Void>.Continuation
    let signal: AsyncStream<Void>

    init() { (signal, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1)) }

    /// - Returns: false, and the push is dropped, when too much waits.
    func append(_ push: WirePush) -> Bool {
        let isTaken = state.withLock { state in
            let others = state.waiting.count - state.reports
            guard push.isReport ? state.reports < Self.reportLimit : others < Self.limit, state.bytes < Self.byteLimit
            else { return false }
            state.waiting.append(push)
            if push.isReport { state.reports += 1 }
            state.bytes += push.size
            return true
        }
        if isTaken { wake.yield() }
        return isTaken
    }

    /// Nothing comes any more; what waits can still be taken.
    func finish() { wake.finish() }

    func takeFirst() -> WirePush? {
        state.withLock { state in
            guard !state.waiting.isEmpty else { return nil }
            let push = state.waiting.removeFirst()
            if push.isReport { state.reports -= 1 }
            state.bytes -= push.size
            return push
        }
    }

    func takeAll() -> [WirePush] {
        state.withLock { state in
            defer { state = State() }
            return state.waiting
        }
    }
}

extension WirePush {
    fileprivate var isReport: Bool { if case .outboxReport = kind { true } else { false } }

    fileprivate var size: Int {
        switch kind {
        case .envelope(let envelope): envelope.header.count + envelope.body.count
        case .outboxReport(let item): item.targets.reduce(0) { $0 + $1.refusal.detail.utf8.count }
        case .mailWaiting, .rosterChanged, .allClear, .grantsChanged, nil: 0
        }
    }
}
