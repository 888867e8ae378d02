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
/// A node keeps some of it back by itself (``SpeemProtocol/Limits/pushesUnacknowledged``), so only a hostile one comes to
/// the bound.
final class PushQueue: Sendable {
    private struct State {
        var waiting: [WirePush] = []
        var bytes = 0
    }

    /// Twice what one subscription may have on its way: the device may subscribe again.
    static let limit = 2 * Limits.pushesUnacknowledged
    static let byteLimit = 2 * Limits.pushBytesUnacknowledged

    private let state = Mutex(State())
    private let wake: AsyncStream<Void>.Continuation
    let signal: AsyncStream<Void>

    init() { (signal, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1)) }

    /// - Returns: false, and the push is dropped, when too much waits.
    func append(_ push: WirePush) -> Bool {
        let isTaken = state.withLock { state in
            guard state.waiting.count < Self.limit, state.bytes < Self.byteLimit else { return false }
            state.waiting.append(push)
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
    fileprivate var size: Int {
        if case .envelope(let envelope) = kind { envelope.header.count + envelope.body.count } else { 0 }
    }
}
