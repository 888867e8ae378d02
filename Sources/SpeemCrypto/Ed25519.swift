import CSodium

/// Ed25519 signatures (RFC 8032) from libsodium's `crypto_sign`, always over a domain separator and the message.
public enum Ed25519 {
    /// Length of a public key and of a seed, in bytes.
    public static let length = 32
    /// Length of a signature, in bytes.
    public static let signatureLength = 64

    /// A public key, 32 bytes.
    public struct PublicKey: Sendable, Hashable {
        public let bytes: [UInt8]

        /// - Throws: ``CryptoError/wrongLength(of:expected:actual:)``.
        public init(_ bytes: [UInt8]) throws(CryptoError) {
            try require(bytes.count, is: Ed25519.length, of: "an Ed25519 public key")
            self.bytes = bytes
        }

        init(unchecked bytes: [UInt8]) {
            self.bytes = bytes
        }

        /// Checks `signature` (64 bytes) over `domain` and `message`.
        ///
        /// - Throws: ``CryptoError/authenticationFailed``; a signature of another length is one that fails.
        public func verify(
            _ signature: [UInt8], of message: [UInt8], domain: DomainSeparator
        ) throws(CryptoError) {
            guard isValid(signature, of: domain.bytes + message) else { throw .authenticationFailed }
        }

        /// The X25519 key that belongs to this one (`crypto_sign_ed25519_pk_to_curve25519`): what is sealed to it is opened with
        /// ``PrivateKey/agreementKey``.
        ///
        /// - Throws: ``CryptoError/weakPublicKey`` when this is no point of the prime-order group.
        public var agreementKey: X25519.PublicKey {
            get throws(CryptoError) {
                _ = Sodium.ready
                var converted = [UInt8](repeating: 0, count: X25519.length)
                guard crypto_sign_ed25519_pk_to_curve25519(&converted, bytes) == 0 else { throw .weakPublicKey }
                return try X25519.PublicKey(converted)
            }
        }

        /// Plain Ed25519 (RFC 8032, section 5.1.7), strict: libsodium refuses public keys and R of small order, public keys
        /// that are not canonical, and S that is not below the group's order.
        func isValid(_ signature: [UInt8], of signed: [UInt8]) -> Bool {
            _ = Sodium.ready
            return signature.count == Ed25519.signatureLength
                && crypto_sign_ed25519_verify_detached(signature, signed, UInt64(signed.count), bytes) == 0
        }
    }

    /// A private key: the 32-byte seed and what RFC 8032 derives from it, wiped with the last reference.
    public struct PrivateKey: Sendable, Equatable {
        /// The seed, 32 bytes: all that needs to be kept.
        public let seed: SecretBytes
        private let expanded: SecretBytes
        public let publicKey: PublicKey

        /// A fresh key.
        public init(random: some RandomSource) {
            self.init(checked: random.secret(Ed25519.length))
        }

        /// A key from its 32-byte seed.
        ///
        /// - Throws: ``CryptoError/wrongLength(of:expected:actual:)``.
        public init(seed: SecretBytes) throws(CryptoError) {
            try require(seed.count, is: Ed25519.length, of: "an Ed25519 seed")
            self.init(checked: seed)
        }

        private init(checked seed: SecretBytes) {
            _ = Sodium.ready
            self.seed = seed
            var publicBytes = [UInt8](repeating: 0, count: Ed25519.length)
            expanded = SecretBytes(count: 64) { out in
                seed.withUnsafeBytes {
                    _ = crypto_sign_ed25519_seed_keypair(
                        &publicBytes, out.octets,
                        $0.octets)
                }
            }
            publicKey = PublicKey(unchecked: publicBytes)
        }

        /// The X25519 key that belongs to this one (`crypto_sign_ed25519_sk_to_curve25519`). Its secret is the scalar that signs:
        /// using one scalar for both is sound as long as every signature is over a domain separator, and no secret of an
        /// agreement with it is shown to others.
        public var agreementKey: X25519.PrivateKey {
            let secret = SecretBytes(count: X25519.length) { out in
                expanded.withUnsafeBytes { _ = crypto_sign_ed25519_sk_to_curve25519(out.octets, $0.octets) }
            }
            // The secret has the length that is asked for in the line above.
            guard let key = try? X25519.PrivateKey(secret) else { preconditionFailure("a scalar has 32 bytes") }
            return key
        }

        /// Signs `domain` and `message`; 64 bytes.
        public func sign(_ message: [UInt8], domain: DomainSeparator) -> [UInt8] {
            signature(of: domain.bytes + message)
        }

        /// Plain Ed25519 (RFC 8032, section 5.1.6).
        func signature(of signed: [UInt8]) -> [UInt8] {
            [UInt8](unsafeUninitializedCapacity: Ed25519.signatureLength) { buffer, initialized in
                expanded.withUnsafeBytes {
                    _ = crypto_sign_ed25519_detached(
                        buffer.octets, nil, signed, UInt64(signed.count),
                        $0.octets)
                }
                initialized = Ed25519.signatureLength
            }
        }
    }
}
