import Crypto

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// ML-KEM-768 (FIPS 203) from swift-crypto; Debian 12's libsodium 1.0.18 has none.
public enum MLKEM {
    /// Length of a public (encapsulation) key, in bytes.
    public static let publicKeyLength = 1184
    /// Length of a ciphertext, in bytes.
    public static let ciphertextLength = 1088
    /// Length of the shared secret, in bytes.
    public static let sharedSecretLength = 32
    /// Length of the seed a private key is kept as, in bytes (FIPS 203, section 7.1: d and z).
    public static let seedLength = 64

    /// A public key, 1,184 bytes.
    public struct PublicKey: Sendable, Hashable {
        public let bytes: [UInt8]

        /// - Throws: ``CryptoError/wrongLength(of:expected:actual:)`` or ``CryptoError/malformedKEMInput``.
        public init(_ bytes: [UInt8]) throws(CryptoError) {
            try require(bytes.count, is: MLKEM.publicKeyLength, of: "an ML-KEM-768 public key")
            guard (try? MLKEM768.PublicKey(rawRepresentation: bytes)) != nil else { throw .malformedKEMInput }
            self.bytes = bytes
        }

        init(unchecked bytes: [UInt8]) {
            self.bytes = bytes
        }

        /// Makes a shared secret (32 bytes) and the ciphertext (1,088 bytes) that carries it to the key's owner.
        ///
        /// Takes no random source: BoringSSL draws its own.
        public func encapsulate() throws(CryptoError) -> (ciphertext: [UInt8], sharedSecret: SecretBytes) {
            do {
                let result = try MLKEM768.PublicKey(rawRepresentation: bytes).encapsulate()
                return ([UInt8](result.encapsulated), result.sharedSecret.withUnsafeBytes { SecretBytes($0) })
            } catch {
                throw .malformedKEMInput
            }
        }
    }

    /// A private key, kept as its 64-byte seed.
    public struct PrivateKey: Sendable, Equatable {
        public let seed: SecretBytes
        public let publicKey: PublicKey

        /// A fresh key.
        public init(random: some RandomSource) throws(CryptoError) {
            try self.init(seed: random.secret(MLKEM.seedLength))
        }

        /// A key from its 64-byte seed.
        public init(seed: SecretBytes) throws(CryptoError) {
            try require(seed.count, is: MLKEM.seedLength, of: "an ML-KEM-768 seed")
            self.seed = seed
            do {
                publicKey = PublicKey(unchecked: [UInt8](try Self.expand(seed).publicKey.rawRepresentation))
            } catch {
                throw .malformedKEMInput
            }
        }

        /// The shared secret (32 bytes) inside `ciphertext`.
        ///
        /// A forged ciphertext of the right length gives a secret that nobody else has (implicit rejection, FIPS 203,
        /// section 6.3), so the failure shows only later, as an authentication error.
        public func decapsulate(_ ciphertext: [UInt8]) throws(CryptoError) -> SecretBytes {
            try require(ciphertext.count, is: MLKEM.ciphertextLength, of: "an ML-KEM-768 ciphertext")
            do {
                let secret = try Self.expand(seed).decapsulate(ciphertext)
                return secret.withUnsafeBytes { SecretBytes($0) }
            } catch {
                throw .malformedKEMInput
            }
        }

        private static func expand(_ seed: SecretBytes) throws -> MLKEM768.PrivateKey {
            try seed.withUnsafeBytes { seed throws in
                try seed.withMemoryRebound(to: UInt8.self) { seed throws in
                    try MLKEM768.PrivateKey(seedRepresentation: seed, publicKey: nil)
                }
            }
        }
    }
}
