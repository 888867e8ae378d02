public import SpeemCrypto

/// What a file gives a fresh node, so that it belongs to an account from its first start: whose it is, and by what the
/// account's device recognises it once.
public struct Provision: Sendable, Equatable {
    /// Bytes of the secret.
    public static let secretLength = Invite.secretLength
    /// Seconds that it lives, by whichever clock says so first.
    public static let lifetime: Int64 = 30 * 24 * 3600

    public let account: AccountPublicKey
    /// 16 bytes.
    public let secret: SecretBytes
    /// Unix seconds; 0 when the maker had no synchronised clock.
    public let expires: UInt64

    public init(account: AccountPublicKey, secret: SecretBytes, expires: UInt64) {
        precondition(secret.count == Self.secretLength, "a provision's secret has 16 bytes")
        self.account = account
        self.secret = secret
        self.expires = expires
    }

    public var keys: ProvisionKeys { ProvisionKeys(secret: secret) }
}

/// What the secret in a provisioned node's file derives, each under a label of its own (HKDF, RFC 5869): what an invite's
/// does, and what a node needs that is to be found and recognised before anybody knows its own key.
public struct ProvisionKeys: Sendable {
    /// What opens a connection: the node is told the public half and the pre-shared key.
    public let invite: InviteKeys
    /// The node's static key in Noise, beside its own, until it has an owner.
    public let node: X25519.PrivateKey
    /// What the node is recognised by on its network until then, 32 bytes.
    public let discovery: SecretBytes

    /// - Parameter secret: 16 bytes.
    public init(secret: SecretBytes) {
        precondition(secret.count == Provision.secretLength, "a provision's secret has 16 bytes")
        func derive(_ label: StaticString) -> SecretBytes {
            HKDF.derive(secret: secret, info: DomainSeparator(label).bytes, length: 32)
        }
        // A derived key has the 32 bytes that are asked for above.
        guard let key = try? X25519.PrivateKey(derive("provision node key")) else {
            preconditionFailure("a derived key has 32 bytes")
        }
        invite = InviteKeys(secret: secret)
        node = key
        discovery = derive("provision discovery key")
    }
}
