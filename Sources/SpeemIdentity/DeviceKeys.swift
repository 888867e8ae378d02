public import SpeemCrypto

/// The private keys of a device: one for each of its four uses.
public struct DeviceKeys: Sendable {
    /// Signs roster entries and prekeys.
    public let signing: Ed25519.PrivateKey
    /// The identity in PQXDH.
    public let identity: X25519.PrivateKey
    /// Opens the outer seal of envelopes.
    public let seal: X25519.PrivateKey
    /// The static key in Noise when the device listens.
    public let noise: X25519.PrivateKey

    /// Fresh keys.
    public init(random: some RandomSource) {
        signing = Ed25519.PrivateKey(random: random)
        identity = X25519.PrivateKey(random: random)
        seal = X25519.PrivateKey(random: random)
        noise = X25519.PrivateKey(random: random)
    }

    /// Keys from their four secrets of 32 bytes each.
    public init(
        signing: SecretBytes, identity: SecretBytes, seal: SecretBytes, noise: SecretBytes
    ) throws(CryptoError) {
        self.signing = try Ed25519.PrivateKey(seed: signing)
        self.identity = try X25519.PrivateKey(identity)
        self.seal = try X25519.PrivateKey(seal)
        self.noise = try X25519.PrivateKey(noise)
    }

    /// The public half, for the roster.
    public var entry: DeviceEntry {
        DeviceEntry(
            signing: signing.publicKey, identity: identity.publicKey, seal: seal.publicKey, noise: noise.publicKey)
    }
}

/// A device as the roster lists it.
public struct DeviceEntry: Sendable, Hashable {
    public let signing: Ed25519.PublicKey
    public let identity: X25519.PublicKey
    public let seal: X25519.PublicKey
    public let noise: X25519.PublicKey
    /// Names the device in requests and mailboxes.
    public let id: DeviceID

    public init(
        signing: Ed25519.PublicKey, identity: X25519.PublicKey, seal: X25519.PublicKey, noise: X25519.PublicKey
    ) {
        self.signing = signing
        self.identity = identity
        self.seal = seal
        self.noise = noise
        id = Self.id(of: Self.encode(signing, identity, seal, noise))
    }

    /// Bytes of ``encoded``: four keys, each behind its type.
    public static let encodedLength = 4 * 33

    /// The keys in the order signing, identity, seal, Noise, each behind its ``SpeemCrypto/KeyType`` byte; 132 bytes.
    public var encoded: [UInt8] { Self.encode(signing, identity, seal, noise) }

    private static func encode(
        _ signing: Ed25519.PublicKey, _ identity: X25519.PublicKey, _ seal: X25519.PublicKey, _ noise: X25519.PublicKey
    ) -> [UInt8] {
        let keys: [(type: KeyType, bytes: [UInt8])] = [
            (.deviceSigning, signing.bytes), (.deviceIdentity, identity.bytes), (.deviceSeal, seal.bytes),
            (.deviceNoise, noise.bytes),
        ]
        return keys.flatMap { [$0.type.rawValue] + $0.bytes }
    }

    private static func id(of encoded: [UInt8]) -> DeviceID {
        DeviceID(unchecked: BLAKE2b.hash(domain: DomainSeparator("device id"), encoded, length: DeviceID.length))
    }

    /// - Throws: ``IdentityError/malformed(_:)``.
    public init(_ reader: inout ByteReader) throws(IdentityError) {
        do {
            signing = try Ed25519.PublicKey(try reader.readKey(.deviceSigning))
            identity = try X25519.PublicKey(try reader.readKey(.deviceIdentity))
            seal = try X25519.PublicKey(try reader.readKey(.deviceSeal))
            noise = try X25519.PublicKey(try reader.readKey(.deviceNoise))
        } catch {
            throw .malformed("a device entry")
        }
        // Nothing could be sealed to it, and no session begun: whoever lists such a key breaks those who write to it.
        guard !identity.isWeak, !seal.isWeak, !noise.isWeak else { throw .malformed("a key of a device entry") }
        id = Self.id(of: Self.encode(signing, identity, seal, noise))
    }
}

/// The name of a device: a hash over its keys, so that no two devices share one.
public struct DeviceID: Sendable, Hashable {
    /// In bytes.
    public static let length = 16
    public let bytes: [UInt8]

    /// - Throws: ``IdentityError/malformed(_:)`` for another length.
    public init(_ bytes: [UInt8]) throws(IdentityError) {
        guard bytes.count == Self.length else { throw .malformed("a device id") }
        self.bytes = bytes
    }

    init(unchecked bytes: [UInt8]) { self.bytes = bytes }
}

extension ByteReader {
    /// A 32-byte key behind its type byte.
    mutating func readKey(_ type: KeyType) throws(Truncated) -> [UInt8] {
        guard try readByte() == type.rawValue else { throw Truncated() }
        return try read(32)
    }
}
