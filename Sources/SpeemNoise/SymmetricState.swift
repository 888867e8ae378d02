import SpeemCrypto

/// The chaining key, the handshake hash and the cipher state of a handshake (Noise revision 34, section 5.2).
struct SymmetricState: ~Copyable {
    private var chainingKey: SecretBytes
    private(set) var handshakeHash: [UInt8]
    private var cipher: CipherState

    /// InitializeSymmetric: a name shorter than a hash is filled up with zeros.
    init(protocolName: String) {
        let name = Array(protocolName.utf8)
        precondition(name.count <= NoiseLimits.hashLength, "a longer name would have to be hashed")
        handshakeHash = name + [UInt8](repeating: 0, count: NoiseLimits.hashLength - name.count)
        chainingKey = SecretBytes(handshakeHash)
        cipher = CipherState(key: nil)
    }

    mutating func mixKey(_ input: SecretBytes) {
        let (chaining, key) = NoiseHash.derive2(chainingKey: chainingKey, input: input)
        chainingKey = chaining
        cipher = CipherState(key: key.slice(0..<NoiseLimits.keyLength))
    }

    mutating func mixHash(_ data: [UInt8]) {
        handshakeHash = NoiseHash.hash(handshakeHash, data)
    }

    mutating func mixKeyAndHash(_ input: SecretBytes) {
        let (chaining, hash, key) = NoiseHash.derive3(chainingKey: chainingKey, input: input)
        chainingKey = chaining
        var exposed = hash.exposedCopy()
        defer { Wipe.zero(&exposed) }
        mixHash(exposed)
        cipher = CipherState(key: key.slice(0..<NoiseLimits.keyLength))
    }

    mutating func encryptAndHash(_ plaintext: [UInt8]) throws(NoiseError) -> [UInt8] {
        let ciphertext = try cipher.encrypt(plaintext, associatedData: handshakeHash)
        mixHash(ciphertext)
        return ciphertext
    }

    mutating func decryptAndHash(_ ciphertext: [UInt8]) throws(NoiseError) -> [UInt8] {
        let plaintext = try cipher.decrypt(ciphertext, associatedData: handshakeHash)
        mixHash(ciphertext)
        return plaintext
    }

    /// Mixes in a Diffie-Hellman result.
    mutating func mixSharedSecret(
        of own: X25519.PrivateKey, with peer: X25519.PublicKey
    ) throws(NoiseError) {
        do {
            mixKey(try own.sharedSecret(with: peer))
        } catch {
            // Section 12.1 leaves the all-zero check to the application; we abort.
            throw .weakPublicKey
        }
    }

    /// Split: the keys of the two directions, initiator's first. The state is gone afterwards.
    consuming func split(initiator: Bool) -> NoiseTransport {
        let (first, second) = NoiseHash.derive2(chainingKey: chainingKey, input: SecretBytes([]))
        let keys = [first, second].map { $0.slice(0..<NoiseLimits.keyLength) }
        return NoiseTransport(
            sending: keys[initiator ? 0 : 1], receiving: keys[initiator ? 1 : 0], handshakeHash: handshakeHash)
    }
}
