/// How far a node's store had come when a device last saw it.
///
/// A node's disk may be replaced, or be an older copy of itself. The store cannot notice; whoever has seen it further can.
public struct NodeContinuity: Sendable, Hashable {
    /// Random, made with the node's store and anew by a reset.
    public let epoch: [UInt8]
    /// Counts the commits of the node's store.
    public let commit: UInt64

    public init(epoch: [UInt8], commit: UInt64) {
        self.epoch = epoch
        self.commit = commit
    }

    /// What a device makes of a node.
    public enum Judgement: Sendable, Hashable {
        /// Seen for the first time.
        case new
        /// Where it was, or further on.
        case onward
        /// The disk is older than it was: the node is to be reset, and own devices compare what they have.
        case wentBack
        /// The store is another one, or another device has reset it: prekeys, invites and grants are brought anew, and own
        /// devices compare what they have.
        case anotherStore

        /// Whether something that the node had taken may be gone.
        public var mayHaveLost: Bool {
            switch self {
            case .new, .onward: false
            case .wentBack, .anotherStore: true
            }
        }
    }

    /// Compares what a node says of itself now with what was `known` of it.
    ///
    /// A node that went back and has since come further than `known` looks like one that went on. What was lost then is
    /// found when own devices compare what they have, as they do from time to time.
    public static func judge(_ now: NodeContinuity, known: NodeContinuity?) -> Judgement {
        guard let known else { return .new }
        guard now.epoch == known.epoch else { return .anotherStore }
        return now.commit < known.commit ? .wentBack : .onward
    }
}
