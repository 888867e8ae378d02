import CSodium

/// BLAKE2b (RFC 7693) from libsodium's `crypto_generichash`.
public enum BLAKE2b {
    /// Length of a full digest, in bytes (Noise's HASHLEN).
    public static let fullLength = 64
    /// Length of a short digest, in bytes: identifiers and content hashes.
    public static let shortLength = 32

    /// Hashes `parts` one after another to `length` bytes (16 to 64), under `key` (0 to 64 bytes) if there is one.
    ///
    /// Only their concatenation counts: two ways to cut the same bytes give the same digest. Where a part has not a fixed
    /// length, use ``hash(domain:_:length:)``.
    public static func hash(_ parts: [UInt8]..., key: SecretBytes? = nil, length: Int = shortLength) -> [UInt8] {
        hash(parts, key: key, length: length)
    }

    /// Hashes `domain` and then `parts`, each behind its length as 8 bytes little-endian, to `length` bytes.
    ///
    /// The lengths make the encoding of the parts unambiguous.
    public static func hash(domain: DomainSeparator, _ parts: [UInt8]..., length: Int = shortLength) -> [UInt8] {
        var framed = [domain.bytes]
        for part in parts {
            framed.append(LittleEndian.bytes(UInt64(part.count)))
            framed.append(part)
        }
        return hash(framed, key: nil, length: length)
    }

    static func hash(_ parts: [[UInt8]], key: SecretBytes?, length: Int) -> [UInt8] {
        _ = Sodium.ready
        precondition((16...64).contains(length), "BLAKE2b digests have 16 to 64 bytes")
        precondition((key?.count ?? 0) <= 64, "BLAKE2b keys have at most 64 bytes")
        // The C structure is opaque to Swift: its size and alignment come from libsodium's documentation.
        let memory = UnsafeMutableRawPointer.allocate(byteCount: crypto_generichash_statebytes(), alignment: 64)
        let state = OpaquePointer(memory)
        defer {
            sodium_memzero(memory, crypto_generichash_statebytes())
            memory.deallocate()
        }
        if let key {
            key.withUnsafeBytes { _ = crypto_generichash_init(state, $0.octets, $0.count, length) }
        } else {
            _ = crypto_generichash_init(state, nil, 0, length)
        }
        for part in parts {
            _ = crypto_generichash_update(state, part, UInt64(part.count))
        }
        return [UInt8](unsafeUninitializedCapacity: length) { buffer, initialized in
            _ = crypto_generichash_final(state, buffer.octets, length)
            initialized = length
        }
    }
}
