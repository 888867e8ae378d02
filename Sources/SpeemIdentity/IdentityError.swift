/// Why words, keys, a roster or an invite are refused.
public enum IdentityError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Recovery words: not 24 of them.
    case wordCount(Int)
    /// A word that is not in the list; `position` counts from 1.
    case unknownWord(String, position: Int, suggestion: String?)
    /// The words are all known, and their checksum is wrong.
    case wordChecksum
    /// An encoding that ends early, goes on too long, or has a field over its limit.
    case malformed(String)
    /// An encoding of a later version.
    case unknownVersion(String, UInt8)
    /// A roster entry that breaks a rule of the chain; `sequence` counts from 1.
    case roster(sequence: UInt64, reason: String)
    /// The chain of an account does not go through the head that was promised.
    case headNotInChain
    /// A contact request or acceptance does not authenticate.
    case notAuthentic(String)

    public var description: String {
        switch self {
        case .wordCount(let count): "there are \(count) recovery words instead of 24"
        case .unknownWord(let word, let position, let suggestion):
            "word \(position), \"\(word)\", is not a recovery word"
                + (suggestion.map { "; did you mean \"\($0)\"?" } ?? "")
        case .wordChecksum: "the recovery words do not belong together: one is wrong, or two changed places"
        case .malformed(let what): "\(what) is malformed"
        case .unknownVersion(let what, let version): "\(what) has version \(version), which this program does not know"
        case .roster(let sequence, let reason): "roster entry \(sequence) is refused: \(reason)"
        case .headNotInChain: "the roster does not contain the entry that the invite promises"
        case .notAuthentic(let what): "\(what) does not authenticate"
        }
    }
}
