import SpeemCrypto

/// The Double Ratchet (Signal, "The Double Ratchet Algorithm", section 3) with X25519, HKDF-SHA-256, HMAC-SHA-256 and
/// XChaCha20-Poly1305 under a random nonce: a state that was rolled back never repeats one.
struct DoubleRatchet: Sendable, Equatable {
    /// One direction of the current step.
    struct Chain: Sendable, Equatable {
        var key: SecretBytes
        /// The number of the next message.
        var next: UInt32

        /// KDF_CK (section 5.2): HMAC with the constants 1 and 2.
        mutating func step() throws(SessionError) -> SecretBytes {
            guard next < .max else { throw .exhausted }
            let messageKey = HMACSHA256.tag([1], key: key)
            key = HMACSHA256.tag([2], key: key)
            next += 1
            return messageKey
        }
    }

    /// The key of a message that has not come yet.
    struct SkippedKey: Sendable, Equatable {
        let ratchetKey: X25519.PublicKey
        let number: UInt32
        let key: SecretBytes
    }

    // RK, DHs, DHr, CKs with Ns, CKr with Nr, PN, MKSKIPPED of section 3.2.
    var rootKey: SecretBytes
    var ownRatchetKey: X25519.PrivateKey
    var peerRatchetKey: X25519.PublicKey?
    var sending: Chain?
    var receiving: Chain?
    var previousCount: UInt32
    var skipped: [SkippedKey]
    /// The peer's ratchet keys before the current one, oldest first.
    var pastRatchetKeys: [X25519.PublicKey]

    /// RatchetInitAlice (section 3.3): the responder's signed prekey is its first ratchet key.
    init(initiator sharedSecret: SecretBytes, peer: X25519.PublicKey, random: some RandomSource) throws(SessionError) {
        ownRatchetKey = X25519.PrivateKey(random: random)
        peerRatchetKey = peer
        rootKey = sharedSecret
        previousCount = 0
        skipped = []
        pastRatchetKeys = []
        sending = try Self.step(&rootKey, ownRatchetKey, peer)
    }

    /// RatchetInitBob.
    init(responder sharedSecret: SecretBytes, signedPrekey: X25519.PrivateKey) {
        ownRatchetKey = signedPrekey
        rootKey = sharedSecret
        previousCount = 0
        skipped = []
        pastRatchetKeys = []
    }

    init(
        rootKey: SecretBytes, ownRatchetKey: X25519.PrivateKey, peerRatchetKey: X25519.PublicKey?, sending: Chain?,
        receiving: Chain?, previousCount: UInt32, skipped: [SkippedKey], pastRatchetKeys: [X25519.PublicKey]
    ) {
        self.rootKey = rootKey
        self.ownRatchetKey = ownRatchetKey
        self.peerRatchetKey = peerRatchetKey
        self.sending = sending
        self.receiving = receiving
        self.previousCount = previousCount
        self.skipped = skipped
        self.pastRatchetKeys = pastRatchetKeys
    }

    /// A responder cannot send before it has received.
    var canSend: Bool { sending != nil }

    /// RatchetEncrypt (section 3.4).
    mutating func encrypt(
        _ plaintext: [UInt8], associatedData: [UInt8], random: some RandomSource
    ) throws(SessionError) -> RatchetMessage {
        guard var chain = sending else { preconditionFailure("a responder sends only after it has received") }
        let number = chain.next
        let key = try chain.step()
        sending = chain
        let header = RatchetMessage.Header(
            ratchetKey: ownRatchetKey.publicKey, previousCount: previousCount, number: number)
        return RatchetMessage(
            header: header,
            ciphertext: XChaCha20Poly1305.seal(
                plaintext, key: key, associatedData: associatedData + header.encoded, random: random))
    }

    /// RatchetDecrypt (section 3.5). A message that fails leaves the state as it was: all work is done on a copy.
    mutating func decrypt(
        _ message: RatchetMessage, associatedData: [UInt8], random: some RandomSource
    ) throws(SessionError) -> [UInt8] {
        var copy = self
        let key = try copy.messageKey(for: message.header, random: random)
        do {
            let plaintext = try XChaCha20Poly1305.open(
                message.ciphertext, key: key, associatedData: associatedData + message.header.encoded)
            self = copy
            return plaintext
        } catch {
            throw .notAuthentic("a message")
        }
    }

    private mutating func messageKey(
        for header: RatchetMessage.Header, random: some RandomSource
    ) throws(SessionError) -> SecretBytes {
        if let index = skipped.firstIndex(where: {
            $0.number == header.number && $0.ratchetKey == header.ratchetKey
        }) {
            return skipped.remove(at: index).key
        }
        if header.ratchetKey != peerRatchetKey {
            guard !pastRatchetKeys.contains(header.ratchetKey) else { throw .duplicate }
            try skip(to: header.previousCount)
            try turn(to: header.ratchetKey, random: random)
        }
        guard let next = receiving?.next, header.number >= next else { throw .duplicate }
        try skip(to: header.number)
        guard var chain = receiving else { throw .duplicate }
        let key = try chain.step()
        receiving = chain
        return key
    }

    /// SkipMessageKeys: keeps the keys of the receiving chain below `number`.
    private mutating func skip(to number: UInt32) throws(SessionError) {
        guard var chain = receiving, let ratchetKey = peerRatchetKey, number > chain.next else { return }
        let count = Int(number - chain.next)
        guard count <= SessionLimits.skippedPerStep else {
            throw .tooManySkipped(count, limit: SessionLimits.skippedPerStep)
        }
        while chain.next < number {
            let number = chain.next
            skipped.append(SkippedKey(ratchetKey: ratchetKey, number: number, key: try chain.step()))
        }
        if skipped.count > SessionLimits.skippedInAll {
            skipped.removeFirst(skipped.count - SessionLimits.skippedInAll)
        }
        receiving = chain
    }

    /// DHRatchet.
    private mutating func turn(to ratchetKey: X25519.PublicKey, random: some RandomSource) throws(SessionError) {
        if let old = peerRatchetKey {
            pastRatchetKeys.append(old)
            if pastRatchetKeys.count > SessionLimits.rememberedRatchetKeys { pastRatchetKeys.removeFirst() }
        }
        previousCount = sending?.next ?? 0
        peerRatchetKey = ratchetKey
        receiving = try Self.step(&rootKey, ownRatchetKey, ratchetKey)
        ownRatchetKey = X25519.PrivateKey(random: random)
        sending = try Self.step(&rootKey, ownRatchetKey, ratchetKey)
    }

    /// KDF_RK (section 5.2): HKDF with the root key as salt.
    private static func step(
        _ rootKey: inout SecretBytes, _ own: X25519.PrivateKey, _ peer: X25519.PublicKey
    ) throws(SessionError) -> Chain {
        let shared: SecretBytes
        do { shared = try own.sharedSecret(with: peer) } catch { throw .malformed("a ratchet key") }
        let output = HKDF.derive(secret: shared, salt: rootKey, info: DomainSeparator("ratchet").bytes, length: 64)
        rootKey = output.slice(0..<32)
        return Chain(key: output.slice(32..<64), next: 0)
    }
}
