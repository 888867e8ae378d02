/// Why a sealed message, a prekey or a session is refused. The session is then as it was before.
public enum SessionError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Bytes that are not what they should be.
    case malformed(String)
    /// An encoding of a later version.
    case unknownVersion(String, UInt8)
    /// A tag or signature does not match.
    case notAuthentic(String)
    /// The message was decrypted before, or its key is gone because too many came after it.
    case duplicate
    /// More messages are missing in between than a step may skip.
    case tooManySkipped(Int, limit: Int)
    /// A prekey that this device does not hold (any more).
    case unknownPrekey(PrekeyID)
    /// A prekey that does not suit its place: a one-time key where the last-resort key belongs, or the other way round.
    case wrongPrekeyType
    /// The message is meant for another account or device.
    case wrongRecipient
    /// A chain has counted to its end.
    case exhausted

    public var description: String {
        switch self {
        case .malformed(let what): "\(what) is malformed"
        case .unknownVersion(let what, let version): "\(what) has version \(version), which this program does not know"
        case .notAuthentic(let what): "\(what) does not authenticate"
        case .duplicate: "the message was received before"
        case .tooManySkipped(let count, let limit): "\(count) messages are missing before this one; the limit is \(limit)"
        case .unknownPrekey(let id): "the message uses prekey \(id), which this device does not hold"
        case .wrongPrekeyType: "a prekey is of another type than it is used as"
        case .wrongRecipient: "the message is meant for somebody else"
        case .exhausted: "the session has sent all messages that it can number"
        }
    }
}
