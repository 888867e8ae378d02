import SpeemCrypto

/// BLAKE2b as Noise's hash function, and the key derivation on top of it (Noise revision 34, section 4.3).
enum NoiseHash {
    static func hash(_ first: [UInt8], _ second: [UInt8] = []) -> [UInt8] {
        BLAKE2b.hash(first, second, length: NoiseLimits.hashLength)
    }

    /// HMAC (RFC 2104) over BLAKE2b; `key` has at most 64 bytes, less than a block.
    static func hmac(key: SecretBytes, _ first: SecretBytes, _ second: [UInt8] = []) -> SecretBytes {
        var inner = [UInt8](repeating: 0x36, count: NoiseLimits.blockLength)
        var outer = [UInt8](repeating: 0x5c, count: NoiseLimits.blockLength)
        key.withUnsafeBytes { bytes in
            for (index, byte) in bytes.enumerated() {
                inner[index] ^= byte
                outer[index] ^= byte
            }
        }
        var message = first.exposedCopy()
        var digest = BLAKE2b.hash(inner, message, second, length: NoiseLimits.hashLength)
        var tag = BLAKE2b.hash(outer, digest, length: NoiseLimits.hashLength)
        defer {
            Wipe.zero(&inner)
            Wipe.zero(&outer)
            Wipe.zero(&message)
            Wipe.zero(&digest)
            Wipe.zero(&tag)
        }
        return SecretBytes(count: tag.count) { $0.copyBytes(from: tag) }
    }

    /// HKDF(chaining_key, input_key_material, 2): two outputs of 64 bytes.
    static func derive2(chainingKey: SecretBytes, input: SecretBytes) -> (SecretBytes, SecretBytes) {
        let temporary = hmac(key: chainingKey, input)
        let first = hmac(key: temporary, SecretBytes([1]))
        return (first, hmac(key: temporary, first, [2]))
    }

    /// HKDF(chaining_key, input_key_material, 3): three outputs of 64 bytes.
    static func derive3(chainingKey: SecretBytes, input: SecretBytes) -> (SecretBytes, SecretBytes, SecretBytes) {
        let temporary = hmac(key: chainingKey, input)
        let first = hmac(key: temporary, SecretBytes([1]))
        let second = hmac(key: temporary, first, [2])
        return (first, second, hmac(key: temporary, second, [3]))
    }
}
