/// Why a primitive refused its input. Nothing here tells an attacker which byte was wrong.
public enum CryptoError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A key, nonce, tag or signature has not the length that its type demands.
    case wrongLength(of: String, expected: Int, actual: Int)
    /// The authentication tag or signature does not match.
    case authenticationFailed
    /// A Diffie-Hellman result was all zeros: the peer's key lies in a small subgroup (RFC 7748, section 6.1). Or bytes
    /// are no element of ristretto255, or its identity.
    case weakPublicKey
    /// An ML-KEM public key or ciphertext is malformed.
    case malformedKEMInput
    /// Padding is not what ``Padme`` writes.
    case malformedPadding
    /// The system has not the memory that a passphrase's hash takes.
    case outOfMemory

    public var description: String {
        switch self {
        case .wrongLength(let what, let expected, let actual):
            "\(what) has \(actual) bytes instead of \(expected)"
        case .authenticationFailed: "authentication failed"
        case .weakPublicKey: "the public key is weak"
        case .malformedKEMInput: "the ML-KEM key or ciphertext is malformed"
        case .malformedPadding: "the padding is malformed"
        case .outOfMemory: "not enough memory is free"
        }
    }
}

/// Checks a length that came from outside.
func require(_ count: Int, is expected: Int, of what: String) throws(CryptoError) {
    guard count == expected else { throw .wrongLength(of: what, expected: expected, actual: count) }
}
