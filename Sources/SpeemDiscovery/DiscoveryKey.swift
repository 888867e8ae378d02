public import SpeemCrypto

/// What an account is recognised by on a network: 32 random bytes that its devices and contacts know and nobody else.
///
/// It is another one once a contact was blocked or removed.
public struct DiscoveryKey: Sendable, Equatable {
    /// Bytes
    public static let length = 32

    let secret: SecretBytes

    /// - Returns: nil when `secret` is not ``length`` bytes long.
    public init?(_ secret: SecretBytes) {
        guard secret.count == Self.length else { return nil }
        self.secret = secret
    }

    /// The key of one of the account's devices or nodes: who has it recognises that one only.
    ///
    /// - Parameter staticKey: its Noise static public key, 32 bytes.
    public func endpoint(_ staticKey: [UInt8]) -> EndpointKey {
        EndpointKey(
            unchecked: HKDF.derive(
                secret: secret, info: DomainSeparator("discovery endpoint").bytes + staticKey,
                length: EndpointKey.length))
    }
}

/// What one device or node is recognised by on a network.
public struct EndpointKey: Sendable, Equatable {
    /// Bytes
    public static let length = 32

    public let secret: SecretBytes

    /// - Returns: nil when `secret` is not ``length`` bytes long.
    public init?(_ secret: SecretBytes) {
        guard secret.count == Self.length else { return nil }
        self.secret = secret
    }

    fileprivate init(unchecked secret: SecretBytes) { self.secret = secret }

    /// Tells which key a node has without saying it, 32 bytes.
    public var digest: [UInt8] { BLAKE2b.hash(DomainSeparator("discovery digest").bytes, key: secret) }

    /// The tag that stands beside `nonce` in a record of this endpoint.
    func tag(for nonce: [UInt8]) -> [UInt8] {
        Array(BLAKE2b.hash(nonce, key: secret).prefix(ServiceRecord.tagLength))
    }
}
