import SpeemCrypto

/// A cipher key and the nonce that counts its messages (Noise revision 34, section 5.1).
struct CipherState: ~Copyable {
    private var key: SecretBytes?
    private(set) var nonce: UInt64

    /// - Parameter key: 32 bytes, or nil for a state that passes everything through.
    init(key: SecretBytes?, nonce: UInt64 = 0) {
        self.key = key
        self.nonce = nonce
    }

    /// EncryptWithAd.
    mutating func encrypt(_ plaintext: [UInt8], associatedData: [UInt8]) throws(NoiseError) -> [UInt8] {
        guard let key else { return plaintext }
        guard nonce != NoiseLimits.reservedNonce else { throw .nonceExhausted }
        defer { nonce += 1 }
        return ChaCha20Poly1305.seal(plaintext, key: key, nonce: Self.encode(nonce), associatedData: associatedData)
    }

    /// DecryptWithAd; a failure does not move the nonce.
    mutating func decrypt(_ ciphertext: [UInt8], associatedData: [UInt8]) throws(NoiseError) -> [UInt8] {
        guard let key else { return ciphertext }
        guard nonce != NoiseLimits.reservedNonce else { throw .nonceExhausted }
        do {
            let plaintext = try ChaCha20Poly1305.open(
                ciphertext, key: key, nonce: Self.encode(nonce), associatedData: associatedData)
            nonce += 1
            return plaintext
        } catch {
            throw .authenticationFailed
        }
    }

    /// Rekey: the first 32 bytes of the encryption of 32 zero bytes under the reserved nonce (section 4.2). The nonce
    /// goes on counting.
    mutating func rekey() {
        guard let key else { return }
        var sealed = ChaCha20Poly1305.seal(
            [UInt8](repeating: 0, count: NoiseLimits.keyLength), key: key,
            nonce: Self.encode(NoiseLimits.reservedNonce), associatedData: [])
        self.key = SecretBytes(sealed[..<NoiseLimits.keyLength])
        Wipe.zero(&sealed)
    }

    /// 32 zero bits and the nonce, least significant byte first (section 12.3).
    private static func encode(_ nonce: UInt64) -> [UInt8] {
        [0, 0, 0, 0] + LittleEndian.bytes(nonce)
    }
}
