/// Why a Noise message was not produced or not accepted.
///
/// A peer must not learn which of these it was: the transport closes without a byte for all of them.
public enum NoiseError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A message or payload over ``NoiseLimits/messageLength``.
    case tooLong(limit: Int, actual: Int)
    /// A message that ends before its pattern's tokens do.
    case truncated
    /// A tag does not match: another key, another prologue, or changed bytes.
    case authenticationFailed
    /// A Diffie-Hellman result was all zeros.
    case weakPublicKey
    /// All nonces of a key were used (section 5.1).
    case nonceExhausted
    /// A pre-shared key has not 32 bytes.
    case preSharedKeyLength(Int)

    public var description: String {
        switch self {
        case .tooLong(let limit, let actual): "the Noise message has \(actual) bytes; the limit is \(limit)"
        case .truncated: "the Noise message is too short"
        case .authenticationFailed: "the Noise message does not authenticate"
        case .weakPublicKey: "the peer's public key is weak"
        case .nonceExhausted: "all nonces of the Noise key were used"
        case .preSharedKeyLength(let count): "the pre-shared key has \(count) bytes instead of 32"
        }
    }
}
