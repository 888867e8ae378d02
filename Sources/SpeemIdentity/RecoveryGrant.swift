public import SpeemCrypto

/// The grant that the recovery words derive: a new device that has nothing else fetches the chain with it and appends an
/// entry that the account key signs. Nodes are told the public half when they are claimed.
public struct RecoveryGrant: Sendable {
    public let initiatorKey: X25519.PrivateKey
    /// 32 bytes.
    public let preSharedKey: SecretBytes

    init(entropy: SecretBytes) {
        func derive(_ label: StaticString) -> SecretBytes {
            HKDF.derive(secret: entropy, info: DomainSeparator(label).bytes, length: X25519.length)
        }
        // A derived key has the 32 bytes that are asked for above.
        guard let key = try? X25519.PrivateKey(derive("recovery initiator key")) else {
            preconditionFailure("a derived key has 32 bytes")
        }
        initiatorKey = key
        preSharedKey = derive("recovery pre-shared key")
    }
}
