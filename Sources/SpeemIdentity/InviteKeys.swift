public import SpeemCrypto

/// What the holder of an invite's secret derives from it, each under a label of its own (HKDF, RFC 5869).
///
/// The node is told ``initiatorKey``'s public half and both pre-shared keys, never the secret or ``requestKey``: it can
/// admit the newcomer, and cannot forge the newcomer's request.
public struct InviteKeys: Sendable {
    /// The one-time initiator key in Noise.
    public let initiatorKey: X25519.PrivateKey
    /// The pre-shared key of the one-time key, 32 bytes.
    public let preSharedKey: SecretBytes
    /// The pre-shared key of the permanent initiator key that is named on redeeming, 32 bytes.
    public let grantPreSharedKey: SecretBytes
    /// Authenticates the contact request, 32 bytes.
    public let requestKey: SecretBytes

    /// - Parameter secret: 16 bytes.
    public init(secret: SecretBytes) {
        precondition(secret.count == Invite.secretLength, "an invite's secret has 16 bytes")
        func derive(_ label: StaticString) -> SecretBytes {
            HKDF.derive(secret: secret, info: DomainSeparator(label).bytes, length: 32)
        }
        // A derived key has the 32 bytes that are asked for above.
        guard let key = try? X25519.PrivateKey(derive("invite initiator key")) else {
            preconditionFailure("a derived key has 32 bytes")
        }
        initiatorKey = key
        preSharedKey = derive("invite pre-shared key")
        grantPreSharedKey = derive("invite grant pre-shared key")
        requestKey = derive("invite request key")
    }
}
