import CSodium

/// The outer seal: libsodium's `crypto_box_seal`, which hides who sealed it (X25519, XSalsa20-Poly1305).
public enum SealedBox {
    /// Bytes that sealing adds: an ephemeral public key (32) and a tag (16).
    public static let overhead = 48

    /// Seals `plaintext` to `recipient`.
    ///
    /// Takes no random source: libsodium makes the ephemeral key itself.
    public static func seal(_ plaintext: [UInt8], to recipient: X25519.PublicKey) throws(CryptoError) -> [UInt8] {
        _ = Sodium.ready
        var box = [UInt8](repeating: 0, count: plaintext.count + overhead)
        guard crypto_box_seal(&box, plaintext, UInt64(plaintext.count), recipient.bytes) == 0 else {
            throw .weakPublicKey
        }
        return box
    }

    /// Opens a box sealed to `key`.
    ///
    /// - Throws: ``CryptoError/authenticationFailed`` for anything else.
    public static func open(_ box: [UInt8], with key: X25519.PrivateKey) throws(CryptoError) -> [UInt8] {
        _ = Sodium.ready
        guard box.count >= overhead else { throw .authenticationFailed }
        // One byte more than needed, so that an empty message has an address to be written to.
        var plaintext = [UInt8](repeating: 0, count: box.count - overhead + 1)
        let status = key.secret.withUnsafeBytes {
            crypto_box_seal_open(
                &plaintext, box, UInt64(box.count), key.publicKey.bytes, $0.octets)
        }
        guard status == 0 else { throw .authenticationFailed }
        plaintext.removeLast()
        return plaintext
    }
}
