import CSodium

/// XChaCha20-Poly1305 with a random 24-byte nonce in front: nonce, ciphertext, tag
/// (libsodium `crypto_aead_xchacha20poly1305_ietf`, draft-irtf-cfrg-xchacha-03).
public enum XChaCha20Poly1305 {
    /// Length of a key, in bytes.
    public static let keyLength = 32
    /// Length of a nonce, in bytes; long enough to be random for every message.
    public static let nonceLength = 24
    /// Length of a tag, in bytes.
    public static let tagLength = 16
    /// Bytes that ``seal(_:key:associatedData:random:)`` adds.
    public static let overhead = nonceLength + tagLength

    /// Encrypts `plaintext` under a fresh random nonce; returns nonce, ciphertext and tag.
    public static func seal(
        _ plaintext: [UInt8], key: SecretBytes, associatedData: [UInt8] = [], random: some RandomSource
    ) -> [UInt8] {
        precondition(key.count == keyLength, "an XChaCha20-Poly1305 key has 32 bytes")
        let length = overhead + plaintext.count
        return [UInt8](unsafeUninitializedCapacity: length) { buffer, initialized in
            let raw = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<length])
            let nonce = UnsafeMutableRawBufferPointer(rebasing: raw[..<nonceLength])
            random.fill(nonce)
            let body = UnsafeMutableRawBufferPointer(rebasing: raw[nonceLength..<(length - tagLength)])
            body.copyBytes(from: plaintext)
            associatedData.withUnsafeBytes { ad in
                encrypt(
                    inPlace: body, tag: UnsafeMutableRawBufferPointer(rebasing: raw[(length - tagLength)...]),
                    nonce: UnsafeRawBufferPointer(nonce), associatedData: ad, key: key)
            }
            initialized = length
        }
    }

    /// Opens what ``seal(_:key:associatedData:random:)`` returned.
    ///
    /// - Throws: ``CryptoError/authenticationFailed`` for anything else, too short input included.
    public static func open(
        _ box: [UInt8], key: SecretBytes, associatedData: [UInt8] = []
    ) throws(CryptoError) -> [UInt8] {
        precondition(key.count == keyLength, "an XChaCha20-Poly1305 key has 32 bytes")
        guard box.count >= overhead else { throw .authenticationFailed }
        let length = box.count - overhead
        var plaintext = [UInt8](repeating: 0, count: length)
        let opened = box.withUnsafeBytes { raw in
            plaintext.withUnsafeMutableBytes { body in
                body.copyMemory(from: UnsafeRawBufferPointer(rebasing: raw[nonceLength..<(nonceLength + length)]))
                return associatedData.withUnsafeBytes { ad in
                    decrypt(
                        inPlace: body, tag: UnsafeRawBufferPointer(rebasing: raw[(nonceLength + length)...]),
                        nonce: UnsafeRawBufferPointer(rebasing: raw[..<nonceLength]), associatedData: ad, key: key)
                }
            }
        }
        guard opened else { throw .authenticationFailed }
        return plaintext
    }

    /// Encrypts `body` where it lies and writes the tag (16 bytes). The nonce (24 bytes) must never repeat under `key`.
    public static func encrypt(
        inPlace body: UnsafeMutableRawBufferPointer, tag: UnsafeMutableRawBufferPointer,
        nonce: UnsafeRawBufferPointer, associatedData: UnsafeRawBufferPointer, key: SecretBytes
    ) {
        precondition(nonce.count == nonceLength && tag.count == tagLength && key.count == keyLength)
        _ = Sodium.ready
        key.withUnsafeBytes { key in
            _ = crypto_aead_xchacha20poly1305_ietf_encrypt_detached(
                body.octets, tag.octets, nil,
                body.octets, UInt64(body.count),
                associatedData.octets, UInt64(associatedData.count), nil,
                nonce.octets, key.octets)
        }
    }

    /// Checks the tag and decrypts `body` where it lies; returns false, with `body` unusable, when the tag is wrong.
    public static func decrypt(
        inPlace body: UnsafeMutableRawBufferPointer, tag: UnsafeRawBufferPointer,
        nonce: UnsafeRawBufferPointer, associatedData: UnsafeRawBufferPointer, key: SecretBytes
    ) -> Bool {
        precondition(nonce.count == nonceLength && tag.count == tagLength && key.count == keyLength)
        _ = Sodium.ready
        return key.withUnsafeBytes { key in
            crypto_aead_xchacha20poly1305_ietf_decrypt_detached(
                body.octets, nil,
                body.octets, UInt64(body.count),
                tag.octets,
                associatedData.octets, UInt64(associatedData.count),
                nonce.octets, key.octets) == 0
        }
    }
}

/// ChaCha20-Poly1305 with a 12-byte nonce (RFC 8439), as Noise uses it.
public enum ChaCha20Poly1305 {
    /// Length of a key, in bytes.
    public static let keyLength = 32
    /// Length of a nonce, in bytes.
    public static let nonceLength = 12
    /// Length of a tag, in bytes.
    public static let tagLength = 16

    /// Encrypts `plaintext`; returns ciphertext and tag. The nonce must never repeat under `key`.
    public static func seal(
        _ plaintext: [UInt8], key: SecretBytes, nonce: [UInt8], associatedData: [UInt8]
    ) -> [UInt8] {
        precondition(nonce.count == nonceLength && key.count == keyLength)
        _ = Sodium.ready
        let length = plaintext.count + tagLength
        return [UInt8](unsafeUninitializedCapacity: length) { buffer, initialized in
            key.withUnsafeBytes { key in
                _ = crypto_aead_chacha20poly1305_ietf_encrypt(
                    buffer.octets, nil, plaintext, UInt64(plaintext.count), associatedData,
                    UInt64(associatedData.count), nil, nonce, key.octets)
            }
            initialized = length
        }
    }

    /// Opens ciphertext and tag.
    ///
    /// - Throws: ``CryptoError/authenticationFailed`` when the tag does not match or the input is shorter than a tag.
    public static func open(
        _ box: [UInt8], key: SecretBytes, nonce: [UInt8], associatedData: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        precondition(nonce.count == nonceLength && key.count == keyLength)
        _ = Sodium.ready
        guard box.count >= tagLength else { throw .authenticationFailed }
        let length = box.count - tagLength
        var opened = false
        let plaintext = [UInt8](unsafeUninitializedCapacity: max(length, 1)) { buffer, initialized in
            opened = key.withUnsafeBytes { key in
                crypto_aead_chacha20poly1305_ietf_decrypt(
                    buffer.octets, nil, nil, box, UInt64(box.count), associatedData,
                    UInt64(associatedData.count), nonce, key.octets) == 0
            }
            initialized = opened ? length : 0
        }
        guard opened else { throw .authenticationFailed }
        return plaintext
    }
}
