import CSodium

/// HMAC-SHA-256 (RFC 2104, FIPS 180-4) from libsodium's `crypto_auth_hmacsha256`.
public enum HMACSHA256 {
    /// Length of a tag, in bytes.
    public static let length = 32

    /// The tag of `message` under `key` of any length.
    public static func tag(_ message: [UInt8], key: SecretBytes) -> SecretBytes {
        _ = Sodium.ready
        return SecretBytes(count: length) { out in
            key.withUnsafeBytes { key in
                withState { state in
                    crypto_auth_hmacsha256_init(state, key.octets, key.count)
                    crypto_auth_hmacsha256_update(state, message, UInt64(message.count))
                    crypto_auth_hmacsha256_final(state, out.octets)
                }
            }
        }
    }

    static func withState(_ body: (UnsafeMutablePointer<crypto_auth_hmacsha256_state>) -> Void) {
        var state = crypto_auth_hmacsha256_state()
        withUnsafeMutablePointer(to: &state) { pointer in
            body(pointer)
            sodium_memzero(pointer, MemoryLayout<crypto_auth_hmacsha256_state>.size)
        }
    }
}

/// HKDF over HMAC-SHA-256 (RFC 5869).
public enum HKDF {
    /// The longest output, in bytes (RFC 5869, section 2.3: 255 times the hash length).
    public static let maxOutput = 255 * HMACSHA256.length

    /// Derives `length` bytes (at most ``maxOutput``) from `secret`; an empty `salt` stands for 32 zero bytes.
    public static func derive(secret: SecretBytes, salt: [UInt8] = [], info: [UInt8], length: Int) -> SecretBytes {
        derive(secret: secret, salt: SecretBytes(salt), info: info, length: length)
    }

    /// Derives `length` bytes (at most ``maxOutput``) from `secret`, under a secret `salt` such as a root key.
    public static func derive(secret: SecretBytes, salt: SecretBytes, info: [UInt8], length: Int) -> SecretBytes {
        precondition((1...maxOutput).contains(length), "HKDF-SHA-256 gives 1 to 8,160 bytes")
        let extractKey = salt.count == 0 ? SecretBytes([UInt8](repeating: 0, count: HMACSHA256.length)) : salt
        let pseudorandomKey = tag(parts: [secret], key: extractKey)
        var previous: SecretBytes?
        return SecretBytes(count: length) { out in
            var filled = 0
            var counter: UInt8 = 1
            while filled < length {
                let block = expand(previous: previous, info: info, counter: counter, key: pseudorandomKey)
                let take = min(HMACSHA256.length, length - filled)
                block.withUnsafeBytes {
                    UnsafeMutableRawBufferPointer(rebasing: out[filled..<(filled + take)])
                        .copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<take]))
                }
                filled += take
                counter &+= 1
                previous = block
            }
        }
    }

    /// T(n) = HMAC(PRK, T(n-1) | info | n) (RFC 5869, section 2.3).
    private static func expand(
        previous: SecretBytes?, info: [UInt8], counter: UInt8, key: SecretBytes
    ) -> SecretBytes {
        let tail = SecretBytes(info + [counter])
        return tag(parts: previous.map { [$0, tail] } ?? [tail], key: key)
    }

    private static func tag(parts: [SecretBytes], key: SecretBytes) -> SecretBytes {
        _ = Sodium.ready
        return SecretBytes(count: HMACSHA256.length) { out in
            HMACSHA256.withState { state in
                key.withUnsafeBytes {
                    _ = crypto_auth_hmacsha256_init(state, $0.octets, $0.count)
                }
                for part in parts {
                    part.withUnsafeBytes {
                        _ = crypto_auth_hmacsha256_update(
                            state, $0.octets, UInt64($0.count))
                    }
                }
                crypto_auth_hmacsha256_final(state, out.octets)
            }
        }
    }
}
