import SpeemProtocol
import SpeemStore
import Synchronization

/// What others than the owner have asked and is not answered yet.
///
/// The store refuses everybody while too much waits for it. The others may fill half of that at the most, so that they cannot
/// lock the owner out, however many connections they have.
final class GuestLoad: Sendable {
    static let maxRequests = 4096
    /// Bytes of memory.
    static let maxBytes = 8 << 20

    private let state = Mutex<(requests: Int, bytes: Int)>((0, 0))

    /// - Returns: false when it is too much with these bytes; else ``leave(_:)`` follows.
    func enter(_ bytes: Int) -> Bool {
        state.withLock { state in
            guard state.requests < Self.maxRequests, bytes <= Self.maxBytes - state.bytes else { return false }
            state.requests += 1
            state.bytes += bytes
            return true
        }
    }

    func leave(_ bytes: Int) {
        state.withLock { state in
            state.requests -= 1
            state.bytes -= bytes
        }
    }
}

extension WireRequest {
    /// Bytes that the request holds in memory until it is answered.
    var heldBytes: Int {
        guard case .deposit(let deposit) = kind else { return Store.smallCost }
        return deposit.targets.reduce(Store.smallCost + deposit.body.count) { $0 + $1.header.count }
    }
}
