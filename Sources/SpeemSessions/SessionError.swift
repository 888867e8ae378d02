/// Why a sealed message, a prekey or a session is refused. The session is then as it was before.
public enum SessionError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Bytes that are not what they should be.
    case malformed(String)
    /// An encoding of a later version.
    case unknownVersion(String, UInt8)
    /// A tag or signature does not match.
    case notAuthentic(String)
    /// The message was decrypted before.
    case duplicate
    /// The message is so late that its key was dropped (``SessionLimits/skippedInAll``), or it is a duplicate from
    /// among such messages: which of both cannot be told any more, so it may be lost.
    case keyGone
    /// More messages are missing in between than a step may skip.
    case tooManySkipped(Int, limit: Int)
    /// A prekey that this device does not hold (any more).
    case unknownPrekey(PrekeyID)
    /// A prekey that does not suit its place: a one-time key where the last-resort key belongs, or the other way round.
    case wrongPrekeyType
    /// The message is meant for another account, or belongs to another session.
    case wrongRecipient
    /// A responder's session cannot send before it has received.
    case cannotSend
    /// A message to be sent whose content has too many bytes.
    case tooLong(Int, limit: Int)
    /// A chain has counted to its end.
    case exhausted

    public var description: String {
        switch self {
        case .malformed(let what): "\(what) is malformed"
        case .unknownVersion(let what, let version): "\(what) has version \(version), which this program does not know"
        case .notAuthentic(let what): "\(what) does not authenticate"
        case .duplicate: "the message was received before"
        case .keyGone: "the message came so late that its key is gone, or it was received before"
        case .tooManySkipped(let count, let limit):
            "\(count) messages are missing before this one; the limit is \(limit)"
        case .unknownPrekey(let id): "the message uses prekey \(id), which this device does not hold"
        case .wrongPrekeyType: "a prekey is of another type than it is used as"
        case .wrongRecipient: "the message is meant for somebody else"
        case .cannotSend: "the session cannot send before it has received the message that began it"
        case .tooLong(let count, let limit): "the message has \(count) bytes; the limit is \(limit)"
        case .exhausted: "the session has sent all messages that it can number"
        }
    }
}
