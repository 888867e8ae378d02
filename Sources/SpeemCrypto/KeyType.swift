/// The byte in front of every public key on the wire or under a signature, so that a key of one kind is never taken
/// for another.
public enum KeyType: UInt8, Sendable, CaseIterable {
    /// Ed25519: signs the first roster entry and recovery entries.
    case accountSigning = 0x01
    /// Ed25519: a device's signatures over roster entries and prekeys.
    case deviceSigning = 0x02
    /// X25519: a device's identity in PQXDH.
    case deviceIdentity = 0x03
    /// X25519: the outer seal of envelopes.
    case deviceSeal = 0x04
    /// X25519: a device's static key in Noise when it listens.
    case deviceNoise = 0x05
    /// X25519: a node's static key in Noise.
    case nodeNoise = 0x06
    /// X25519: the static key of one relationship's initiator in Noise.
    case initiator = 0x07
    /// X25519: a signed prekey.
    case signedPrekey = 0x08
    /// X25519: a one-time prekey.
    case oneTimePrekey = 0x09
    /// ML-KEM-768: a one-time prekey.
    case kemPrekey = 0x0a
    /// ML-KEM-768: the last-resort prekey.
    case kemLastResort = 0x0b
    /// X25519: a Double Ratchet public key.
    case ratchet = 0x0c
    /// X25519: the base key of a PQXDH run.
    case base = 0x0d
}

/// What a signature, hash or derived key is for. Every use has a label of its own, so that no output of one use is
/// ever valid for another.
public struct DomainSeparator: Sendable, Hashable {
    /// "speem/1 " and the label, in ASCII, and a zero byte that ends it.
    public let bytes: [UInt8]

    /// - Parameter label: printable ASCII, not empty; a constant of this program, never input.
    public init(_ label: StaticString) {
        // Without a zero byte inside, no separator is the beginning of another.
        precondition(
            label.utf8CodeUnitCount > 0 && label.withUTF8Buffer { $0.allSatisfy { (0x20...0x7e).contains($0) } },
            "a domain separator's label is printable ASCII")
        bytes = Array("speem/1 ".utf8) + label.withUTF8Buffer { Array($0) } + [0]
    }
}
