/// When an outbox tries again: exponential back-off with jitter, in seconds of running. Pure.
public enum OutboxSchedule {
    /// The wait after the first failure, in seconds.
    static let first: Int64 = 2
    /// The longest wait, in seconds: a far node that comes back is found within half an hour.
    static let longest: Int64 = 1800
    /// The wait after "mailbox full": the far node says when there is room again, so asking is only for a lost answer.
    static let whenFull: Int64 = 6 * 3600
    /// The longest wait after "there is room again", in seconds.
    static let longestAfterAllClear: Int64 = 60

    /// Why a try was not the last one.
    public enum Trouble: Int64, Sendable, CaseIterable {
        case notTriedYet = 1
        /// No address of any node of the route answers.
        case unreachable = 2
        /// The far node closes without a word: the grant is gone, or somebody else is there.
        case unknownKey = 3
        case mailboxFull = 4
        /// The far node's disk is full, or it is busy.
        case farTrouble = 5
        case noRoute = 6
    }

    /// Seconds until the next try.
    ///
    /// - Parameters:
    ///   - attempts: failures in a row, at least 1.
    ///   - advice: what the far node asked for, in seconds.
    ///   - jitter: 0 up to and including 1; many nodes that lost one far node do not come back in step.
    public static func delay(attempts: Int64, trouble: Trouble, advice: Int64?, jitter: Double) -> Int64 {
        let base: Int64
        switch trouble {
        // A new route is tried at once.
        case .mailboxFull, .noRoute: base = whenFull
        case .notTriedYet, .unreachable, .unknownKey, .farTrouble:
            let doublings = min(max(attempts, 1) - 1, 20)
            base = min(first << doublings, longest)
        }
        let wanted = max(base, min(max(advice ?? 0, 0), longest))
        // Half of the wait is fixed, half is chance.
        let spread = jitter.isFinite ? Double(wanted) / 2 * min(max(jitter, 0), 1) : 0
        return max(wanted / 2 + Int64(spread), 1)
    }

    /// Seconds until the next try after the far node said that there is room: none at first, and some when it was full again
    /// each time, so that a node which says one and the other by turns keeps nobody busy.
    public static func afterAllClear(attempts: Int64) -> Int64 {
        guard attempts > 1 else { return 0 }
        return min(first << min(attempts - 2, 20), longestAfterAllClear)
    }

    /// Seconds until the next try when the connection over which "there is room" would have come is lost.
    public static func afterLostWord(jitter: Double) -> Int64 {
        delay(attempts: .max, trouble: .unreachable, advice: nil, jitter: jitter)
    }
}
