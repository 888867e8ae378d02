/// Who was refused because there was no space, and waits to be told that there is: pure, asked by ``AllClears``.
struct BackPressure: Sendable {
    /// Parties that are remembered at the most; whoever is not, tries again by the clock.
    static let limit = 1024
    /// Bytes that must be free before a party is told, where a quarter of its share is more.
    static let enough: Int64 = 64 * 1024

    /// The smallest deposit that each was refused, in bytes.
    private var waiting: [Int64: Int64] = [:]

    var isEmpty: Bool { waiting.isEmpty }
    var parties: [Int64] { Array(waiting.keys) }

    func isWaiting(_ party: Int64) -> Bool { waiting[party] != nil }

    /// A deposit of `size` bytes was refused.
    ///
    /// - Parameter share: of the party. What is larger than all of it never fits, and is not waited for.
    /// - Returns: whether the party will be told.
    mutating func refused(_ size: Int64, of party: Int64, share: Int64) -> Bool {
        guard size <= share else { return isWaiting(party) }
        if let known = waiting[party] {
            waiting[party] = min(known, size)
            return true
        }
        guard waiting.count < Self.limit else { return false }
        waiting[party] = size
        return true
    }

    /// Whether `free` bytes are worth telling: enough for some more than one deposit, and at least for the one that was
    /// refused. A sender that is told earlier would be refused again with the next.
    static func isEnough(_ free: Int64, share: Int64, size: Int64) -> Bool {
        free >= max(min(share / 4, enough), size)
    }

    /// Some space is free.
    ///
    /// - Parameter space: what is free for a party, and its share.
    /// - Returns: who is told now; nobody is told twice.
    mutating func spaceFreed(_ space: [Int64: (free: Int64, share: Int64)]) -> [Int64] {
        let told = waiting.filter { party, size in
            guard let space = space[party] else { return false }
            return Self.isEnough(space.free, share: space.share, size: size)
        }
        for party in told.keys { waiting[party] = nil }
        return told.keys.sorted()
    }
}
