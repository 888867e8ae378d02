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

        /// Whether the key is of low order: every shared secret with it is all zeros, whoever computes it. The highest
        /// bit does not count (RFC 7748, section 5).
        public var isWeak: Bool {
            var masked = bytes
            masked[X25519.length - 1] &= 0x7f
            return X25519.lowOrder.contains(masked)
        }
    }

    /// The points of order 1, 2, 4 and 8, of the curve and its twist, with the encodings above p that mean the same.
    static let lowOrder: Set<[UInt8]> = {
        let ends: [UInt8] = [UInt8](repeating: 0xff, count: 30) + [0x7f]
        return [
            [UInt8](repeating: 0, count: 32), [1] + [UInt8](repeating: 0, count: 31),
            [
                0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda,
                0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
            ],
            [
                0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04,
                0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
            ], [0xec] + ends, [0xed] + ends, [0xee] + ends,
        ]
    }()

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
