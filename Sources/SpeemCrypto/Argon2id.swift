import CSodium

/// Argon2id version 1.3 with one lane (RFC 9106) from libsodium's `crypto_pwhash`: makes a key of a passphrase, slowly
/// and with much memory, so that guessing is as dear.
public enum Argon2id {
    /// Length of a salt, in bytes.
    public static let saltLength = 16

    /// What one hash costs.
    public struct Cost: Sendable, Hashable {
        /// Passes over the memory.
        public let passes: UInt32
        /// Memory, in KiB.
        public let memory: UInt32

        /// - Precondition: at least one pass and 8 KiB (RFC 9106, section 3.1). Bounds on what others ask for are the
        ///   caller's.
        public init(passes: UInt32, memory: UInt32) {
            precondition(passes >= 1 && memory >= 8, "Argon2id takes at least one pass over 8 KiB")
            self.passes = passes
            self.memory = memory
        }
    }

    /// Derives `length` bytes (16 or more) from `passphrase`.
    ///
    /// - Parameter salt: 16 bytes, random for each passphrase.
    /// - Throws: ``CryptoError/outOfMemory`` when the system does not give the memory.
    public static func derive(
        passphrase: SecretBytes, salt: [UInt8], cost: Cost, length: Int
    ) throws(CryptoError) -> SecretBytes {
        precondition(salt.count == saltLength, "an Argon2id salt has 16 bytes")
        precondition(length >= 16, "Argon2id gives at least 16 bytes")
        _ = Sodium.ready
        return try SecretBytes(count: length) { (out) throws(CryptoError) in
            let status = passphrase.withUnsafeBytes { passphrase in
                passphrase.withMemoryRebound(to: CChar.self) { characters in
                    // An empty passphrase has no address; nothing is read at this one.
                    withUnsafePointer(to: CChar(0)) { none in
                        crypto_pwhash(
                            out.octets, UInt64(length), characters.baseAddress ?? none, UInt64(characters.count), salt,
                            UInt64(cost.passes), Int(cost.memory) * 1024, crypto_pwhash_ALG_ARGON2ID13)
                    }
                }
            }
            // The lengths are right: libsodium fails only for want of memory.
            guard status == 0 else { throw .outOfMemory }
        }
    }
}
