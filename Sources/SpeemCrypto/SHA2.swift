import CSodium

/// SHA-256 (FIPS 180-4) from libsodium's `crypto_hash_sha256`.
public enum SHA256 {
    /// Length of a digest, in bytes.
    public static let length = 32

    /// The digest of `bytes`, 32 bytes.
    public static func hash(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { hash($0) } }

    /// The digest of `secret`, 32 bytes; it is copied nowhere.
    public static func hash(_ secret: SecretBytes) -> [UInt8] { secret.withUnsafeBytes { hash($0) } }

    private static func hash(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        _ = Sodium.ready
        return [UInt8](unsafeUninitializedCapacity: length) { buffer, initialized in
            _ = crypto_hash_sha256(buffer.octets, bytes.octets, UInt64(bytes.count))
            initialized = length
        }
    }
}

/// SHA-512 (FIPS 180-4) from libsodium's `crypto_hash_sha512`.
public enum SHA512 {
    /// Length of a digest, in bytes.
    public static let length = 64

    /// The digest of `bytes`, 64 bytes.
    public static func hash(_ bytes: [UInt8]) -> [UInt8] {
        _ = Sodium.ready
        return [UInt8](unsafeUninitializedCapacity: length) { buffer, initialized in
            _ = crypto_hash_sha512(buffer.octets, bytes, UInt64(bytes.count))
            initialized = length
        }
    }

    /// The digest of `secret`, 64 bytes that wipe themselves; it is copied nowhere.
    public static func hash(_ secret: SecretBytes) -> SecretBytes {
        _ = Sodium.ready
        return SecretBytes(count: length) { out in
            secret.withUnsafeBytes { _ = crypto_hash_sha512(out.octets, $0.octets, UInt64($0.count)) }
        }
    }
}
