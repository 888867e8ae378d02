import CSodium

/// X25519 (RFC 7748) from libsodium's `crypto_scalarmult_curve25519`.
public enum X25519 {
    /// Length of a public key, a private key and a shared secret, in bytes.
    public static let length = 32

    /// A public key, 32 bytes. Any 32 bytes are one; weak ones are refused when used.
    public struct PublicKey: Sendable, Hashable {
        public let bytes: [UInt8]

        /// - Throws: ``CryptoError/wrongLength(of:expected:actual:)``.
        public init(_ bytes: [UInt8]) throws(CryptoError) {
            try require(bytes.count, is: X25519.length, of: "an X25519 public key")
            self.bytes = bytes
        }

        init(unchecked bytes: [UInt8]) {
            self.bytes = bytes
        }
    }

    /// A private key, 32 bytes that wipe themselves, with its public key.
    public struct PrivateKey: Sendable, Equatable {
        public let secret: SecretBytes
        public let publicKey: PublicKey

        /// A fresh key.
        public init(random: some RandomSource) {
            self.init(checked: random.secret(X25519.length))
        }

        /// A key from its 32 bytes.
        ///
        /// - Throws: ``CryptoError/wrongLength(of:expected:actual:)``.
        public init(_ secret: SecretBytes) throws(CryptoError) {
            try require(secret.count, is: X25519.length, of: "an X25519 private key")
            self.init(checked: secret)
        }

        private init(checked secret: SecretBytes) {
            _ = Sodium.ready
            self.secret = secret
            publicKey = PublicKey(
                unchecked: [UInt8](unsafeUninitializedCapacity: X25519.length) { buffer, initialized in
                    secret.withUnsafeBytes {
                        _ = crypto_scalarmult_curve25519_base(
                            buffer.octets, $0.octets)
                    }
                    initialized = X25519.length
                })
        }

        /// The shared secret with `peer`, 32 bytes.
        ///
        /// - Throws: ``CryptoError/weakPublicKey`` when it is all zeros (RFC 7748, section 6.1).
        public func sharedSecret(with peer: PublicKey) throws(CryptoError) -> SecretBytes {
            try SecretBytes(count: X25519.length) { (out) throws(CryptoError) in
                let status = secret.withUnsafeBytes {
                    // libsodium returns -1 for an all-zero result.
                    crypto_scalarmult_curve25519(
                        out.octets, $0.octets,
                        peer.bytes)
                }
                guard status == 0 else { throw .weakPublicKey }
            }
        }
    }
}
