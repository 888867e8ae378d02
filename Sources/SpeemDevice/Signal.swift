import Synchronization

/// Wakes those who wait for something: new messages, or new work.
final class Signal: Sendable {
    private struct State {
        var generation: UInt64 = 0
        var next = 0
        var waiting: [Int: AsyncStream<Void>.Continuation] = [:]
    }

    private let state = Mutex(State())

    /// A stream that yields after every ``notify()`` from now on; many at once may be one.
    func subscribe() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let key = state.withLock { state in
            state.next += 1
            state.waiting[state.next] = continuation
            return state.next
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { state in state.waiting[key] = nil }
        }
        return stream
    }

    func notify() {
        let waiting = state.withLock { Array($0.waiting.values) }
        for continuation in waiting { continuation.yield() }
    }
}
