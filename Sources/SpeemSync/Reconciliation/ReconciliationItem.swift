public import SpeemCrypto

/// An element of the set that two devices compare: 8 bytes of a hash under a salt of the session, at its place in time.
///
/// The salt is random and known to the two devices only, so nobody outside can make two elements look like one, and 8
/// bytes are enough: among a million elements two are alike once in 10^7 sessions, and the next session has another salt.
public struct ReconciliationItem: Sendable, Hashable, Comparable {
    /// The latest time: it and all differences have a successor in 64 bits.
    static let maxTime = UInt64(Int64.max)

    /// Unix milliseconds of a message; 0 for what has no time.
    public let time: UInt64
    public let id: UInt64

    /// A time that is later than ``maxTime`` counts as that.
    public init(time: UInt64, id: UInt64) {
        self.time = min(time, Self.maxTime)
        self.id = id
    }

    /// The element for `content`: whatever differs in one bit is another element.
    ///
    /// - Parameter salt: 16 bytes.
    public init(time: UInt64, salt: [UInt8], content: [UInt8]) {
        let hash = BLAKE2b.hash(domain: DomainSeparator("sync item"), salt, BigEndian.bytes(time), content, length: 16)
        self.time = min(time, Self.maxTime)
        id = hash[..<8].reduce(0) { $0 << 8 | UInt64($1) }
    }

    public static func < (lhs: ReconciliationItem, rhs: ReconciliationItem) -> Bool {
        lhs.time != rhs.time ? lhs.time < rhs.time : lhs.id < rhs.id
    }
}

/// A sorted set of elements whose ranges are compared by a sum.
///
/// Sums of random 64-bit numbers are random, and the sum of a range is the difference of two prefix sums: comparing costs
/// the same for a hundred elements and for a hundred thousand.
public struct ItemSet: Sendable {
    public let items: [ReconciliationItem]
    private let sums: [UInt64]

    public init(_ items: some Sequence<ReconciliationItem>) {
        let sorted = items.sorted()
        var unique: [ReconciliationItem] = []
        unique.reserveCapacity(sorted.count)
        for item in sorted where unique.last != item { unique.append(item) }
        var sums: [UInt64] = [0]
        sums.reserveCapacity(unique.count + 1)
        var sum: UInt64 = 0
        for item in unique {
            sum &+= item.id
            sums.append(sum)
        }
        self.items = unique
        self.sums = sums
    }

    public var count: Int { items.count }

    /// Bytes of a fingerprint. Two ranges that differ look alike once in 10^12; the next session has another salt.
    static let fingerprintLength = 5

    /// What a range of elements is compared by. The number of elements is in it, too: an element of 0 counts.
    func fingerprint(_ range: Range<Int>) -> UInt64 {
        let sum = (sums[range.upperBound] &- sums[range.lowerBound]) ^ (UInt64(range.count) &* 0x9e37_79b9_7f4a_7c15)
        return sum >> UInt64(8 * (8 - Self.fingerprintLength))
    }

    /// The end of a range behind which the element at `index` comes: its time alone, where that tells it from the one before.
    ///
    /// - Precondition: `index` is that of an element, and not the first.
    func bound(before index: Int) -> Bound {
        let item = items[index]
        return items[index - 1].time < item.time ? .item(ReconciliationItem(time: item.time, id: 0)) : .item(item)
    }

    /// The first index, from `start` on, whose element is at or behind `bound`.
    func index(of bound: Bound, from start: Int) -> Int {
        var low = start
        var high = items.count
        while low < high {
            let middle = low + (high - low) / 2
            if bound.isBehind(items[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// The end of a range: an element's place, or behind all.
enum Bound: Sendable, Hashable {
    case item(ReconciliationItem)
    case end

    /// Whether `item` lies before the bound.
    func isBehind(_ item: ReconciliationItem) -> Bool {
        switch self {
        case .item(let place): item < place
        case .end: true
        }
    }

    static func < (lhs: Bound, rhs: Bound) -> Bool {
        switch (lhs, rhs) {
        case (.item(let one), .item(let other)): one < other
        case (.item, .end): true
        case (.end, _): false
        }
    }
}
