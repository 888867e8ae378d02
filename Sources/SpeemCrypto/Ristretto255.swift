import CSodium

/// The prime-order group ristretto255 (RFC 9496) from libsodium's `crypto_core_ristretto255`.
public enum Ristretto255 {
    /// Length of an element's encoding, in bytes.
    public static let length = 32
    /// Length of a uniform string that ``SecretElement/init(uniform:)`` maps to an element, in bytes.
    public static let uniformLength = 64

    /// A public element: a canonical encoding, and not the identity.
    public struct Element: Sendable, Hashable {
        public let bytes: [UInt8]

        /// - Throws: ``CryptoError/wrongLength(of:expected:actual:)``; ``CryptoError/weakPublicKey`` for bytes that
        ///   encode no element, or the identity.
        public init(_ bytes: [UInt8]) throws(CryptoError) {
            try require(bytes.count, is: Ristretto255.length, of: "a ristretto255 element")
            _ = Sodium.ready
            // libsodium takes the identity, all zeros, for a valid point.
            guard crypto_core_ristretto255_is_valid_point(bytes) == 1, bytes.contains(where: { $0 != 0 }) else {
                throw .weakPublicKey
            }
            self.bytes = bytes
        }
    }

    /// An element that nobody may see, such as a generator made from a password, or a shared secret.
    public struct SecretElement: Sendable, Equatable {
        /// The canonical encoding, 32 bytes.
        public let encoded: SecretBytes

        /// The element that 64 uniform bytes are mapped to (RFC 9496, section 4.3.4), in constant time.
        ///
        /// - Precondition: `uniform` has 64 bytes.
        public init(uniform: SecretBytes) {
            precondition(uniform.count == Ristretto255.uniformLength, "an element is derived from 64 bytes")
            _ = Sodium.ready
            encoded = SecretBytes(count: Ristretto255.length) { out in
                uniform.withUnsafeBytes { _ = crypto_core_ristretto255_from_hash(out.octets, $0.octets) }
            }
        }

        fileprivate init(encoded: SecretBytes) {
            self.encoded = encoded
        }
    }

    /// A secret scalar, 32 bytes little-endian, below 2^252.
    public struct Scalar: Sendable, Equatable {
        private let secret: SecretBytes

        /// A fresh scalar: 252 uniform bits.
        public init(random: some RandomSource) {
            secret = SecretBytes(count: Ristretto255.length) { out in
                random.fill(out)
                out[Ristretto255.length - 1] &= 0x0f
            }
        }

        /// The element times this scalar, to be sent.
        ///
        /// - Throws: ``CryptoError/weakPublicKey`` when that is the identity.
        public func multiply(_ element: SecretElement) throws(CryptoError) -> Element {
            try Element(try multiply(element.encoded).exposedCopy())
        }

        /// The element times this scalar, to be kept.
        ///
        /// - Throws: ``CryptoError/weakPublicKey`` when that is the identity.
        public func multiply(_ element: Element) throws(CryptoError) -> SecretElement {
            SecretElement(encoded: try multiply(SecretBytes(element.bytes)))
        }

        private func multiply(_ point: SecretBytes) throws(CryptoError) -> SecretBytes {
            _ = Sodium.ready
            return try SecretBytes(count: Ristretto255.length) { (out) throws(CryptoError) in
                let status = secret.withUnsafeBytes { scalar in
                    // libsodium returns -1 for a malformed point, and for the identity as result.
                    point.withUnsafeBytes { crypto_scalarmult_ristretto255(out.octets, scalar.octets, $0.octets) }
                }
                guard status == 0 else { throw .weakPublicKey }
            }
        }
    }
}
