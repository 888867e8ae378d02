/// How often a wrong key may be tried. A key has 256 bits, so this keeps nobody out who could not be kept out; it keeps the
/// work and the log of a board small, and tells its owner that somebody tries.
struct UnlockAttempts: Sendable {
    /// In a minute.
    static let limit = 5
    static let period: Int64 = 60

    /// When wrong ones were tried, in seconds of a clock that does not go back.
    private var misses: [Int64] = []
    /// Of this start.
    private(set) var total = 0

    /// Seconds until one may be tried; 0: now.
    mutating func wait(at now: Int64) -> Int64 {
        misses.removeAll { now - $0 >= Self.period }
        guard misses.count >= Self.limit, let first = misses.first else { return 0 }
        return max(first + Self.period - now, 1)
    }

    mutating func missed(at now: Int64) {
        misses.append(now)
        total += 1
    }
}
