/// Finds out what two sets have not in common (range-based set reconciliation: Meyer, "Range-Based Set Reconciliation",
/// 2023; the shape of the messages follows the negentropy protocol).
///
/// One side begins with ``begin()``, the other ``answer(_:)``s, and the first ``take(_:)``s the answers until it has
/// nothing more to ask; it then knows what each side lacks. Ranges that look alike are left out, those that differ are cut
/// into parts, and short ones are listed. Each message stands for itself: the answering side keeps no state, and a lost
/// message is asked again.
public struct Reconciler: Sendable {
    /// What is different, as the asking side sees it. Where a message had no room for everything, a later round goes through
    /// its rest again, and may find an element a second time.
    public struct Difference: Sendable, Equatable {
        /// Ids of elements that the other side lacks.
        public var have: [UInt64] = []
        /// Ids of elements that this side lacks.
        public var need: [UInt64] = []
    }

    private let set: ItemSet

    public init(_ set: ItemSet) { self.set = set }

    /// The first message.
    public func begin() -> [UInt8] {
        var message = ReconciliationMessage()
        cut(0..<set.count, end: .end, asking: true, into: &message)
        return message.encoded
    }

    /// The other side's answer to a message; it says nothing about what is alike.
    ///
    /// - Throws: ``ReconciliationError``.
    public func answer(_ bytes: [UInt8]) throws(ReconciliationError) -> [UInt8] {
        let (message, _) = try go(through: ReconciliationMessage(bytes), asking: false)
        return message.encoded
    }

    /// Takes an answer.
    ///
    /// - Returns: what was found, and the next question; nil when everything is found.
    /// - Throws: ``ReconciliationError``.
    public func take(_ bytes: [UInt8]) throws(ReconciliationError) -> (found: Difference, next: [UInt8]?) {
        let (message, found) = try go(through: ReconciliationMessage(bytes), asking: true)
        return (found, message.parts.isEmpty ? nil : message.encoded)
    }

    private func go(
        through message: ReconciliationMessage, asking: Bool
    ) throws(ReconciliationError) -> (reply: ReconciliationMessage, found: Difference) {
        var reply = ReconciliationMessage()
        var found = Difference()
        var lower = 0
        for part in message.parts {
            let upper = set.index(of: part.end, from: lower)
            let range = lower..<upper
            // A reply that grows too long says of the rest only that it may differ: it is gone through in later rounds.
            guard reply.size + Self.reserve(range.count, for: part.statement) <= ReconciliationLimits.messageBytes
            else {
                reply.append(.end, .fingerprint(set.fingerprint(lower..<set.count)))
                break
            }
            switch part.statement {
            case .nothing: reply.append(part.end, .nothing)
            case .fingerprint(let theirs):
                if theirs == set.fingerprint(range) {
                    reply.append(part.end, .nothing)
                } else {
                    cut(range, end: part.end, asking: asking, into: &reply)
                }
            case .list(let theirs):
                if asking {
                    compare(range, theirs, &found)
                    reply.append(part.end, .nothing)
                } else {
                    list(range, end: part.end, into: &reply)
                }
            }
            lower = upper
        }
        reply.dropTrailingNothing()
        return (reply, found)
    }

    private func compare(_ range: Range<Int>, _ theirs: [UInt64], _ found: inout Difference) {
        var left = Set(theirs)
        for item in set.items[range] where left.remove(item.id) == nil { found.have.append(item.id) }
        // In the other side's order.
        for id in theirs where left.remove(id) != nil { found.need.append(id) }
    }

    /// Bytes that what is said about a range of `count` elements may take, and the last part behind it.
    private static func reserve(_ count: Int, for statement: ReconciliationMessage.Statement) -> Int {
        let listed =
            switch statement {
            case .nothing: 0
            case .fingerprint: count > ReconciliationLimits.listed ? 0 : count
            case .list: min(count, listAtOnce)
            }
        return 40 * (ReconciliationLimits.parts + 2) + 8 * listed
    }

    /// Elements that one list holds at the most.
    private static let listAtOnce = 2048

    /// Lists a short range; of a longer one the fingerprints of its parts. Only answers are compared with: an asking side
    /// says by an empty list that it wants one.
    private func cut(
        _ range: Range<Int>, end: Bound, asking: Bool, into message: inout ReconciliationMessage
    ) {
        guard range.count > ReconciliationLimits.listed else {
            message.append(end, .list(asking ? [] : set.items[range].map(\.id)))
            return
        }
        let parts = ReconciliationLimits.parts
        var lower = range.lowerBound
        for part in 0..<parts {
            let upper = part == parts - 1 ? range.upperBound : lower + (range.upperBound - lower) / (parts - part)
            message.append(
                part == parts - 1 ? end : set.bound(before: upper), .fingerprint(set.fingerprint(lower..<upper)))
            lower = upper
        }
    }

    /// Answers a list with a list. Where this side has far more, as for a device that was just linked, its range is cut
    /// into lists of a bounded length, and those that do not fit follow in later rounds.
    private func list(_ range: Range<Int>, end: Bound, into message: inout ReconciliationMessage) {
        let upper = min(range.upperBound, range.lowerBound + Self.listAtOnce)
        let isWhole = upper == range.upperBound
        message.append(isWhole ? end : set.bound(before: upper), .list(set.items[range.lowerBound..<upper].map(\.id)))
        if !isWhole { message.append(end, .fingerprint(set.fingerprint(upper..<range.upperBound))) }
    }
}
