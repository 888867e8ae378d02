import SpeemCrypto

/// The Double Ratchet (Signal, "The Double Ratchet Algorithm", revision 4, section 3) with X25519, HKDF-SHA-256,
/// HMAC-SHA-256 and XChaCha20-Poly1305 under a random nonce: a state that was rolled back never repeats one.
struct DoubleRatchet: Sendable, Equatable {
    /// One direction of the current step.
    struct Chain: Sendable, Equatable {
        var key: SecretBytes
        /// The number of the next message.
        var next: UInt32

        /// KDF_CK ("Recommended cryptographic algorithms"): HMAC with the constants 1 and 2.
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

    /// A receiving chain before the current one.
    struct PastChain: Sendable, Equatable {
        let ratchetKey: X25519.PublicKey
        /// See ``DoubleRatchet/droppedBelow``.
        var droppedBelow: UInt32
    }

    // RK, DHs, DHr, CKs with Ns, CKr with Nr, PN, MKSKIPPED of section 3.2.
    var rootKey: SecretBytes
    var ownRatchetKey: X25519.PrivateKey
    var peerRatchetKey: X25519.PublicKey?
    var sending: Chain?
    var receiving: Chain?
    var previousCount: UInt32
    /// Oldest first.
    var skipped: [SkippedKey] = []
    /// Skipped keys of the receiving chain were dropped below this number: whether such a message was received before
    /// cannot be told any more.
    var droppedBelow: UInt32 = 0
    /// Oldest first.
    var past: [PastChain] = []

    /// RatchetInitAlice (section 3.3): the responder's signed prekey is its first ratchet key.
    init(initiator sharedSecret: SecretBytes, peer: X25519.PublicKey, random: some RandomSource) throws(SessionError) {
        ownRatchetKey = X25519.PrivateKey(random: random)
        peerRatchetKey = peer
        rootKey = sharedSecret
        previousCount = 0
        sending = try Self.step(&rootKey, ownRatchetKey, peer)
    }

    /// RatchetInitBob.
    init(responder sharedSecret: SecretBytes, signedPrekey: X25519.PrivateKey) {
        ownRatchetKey = signedPrekey
        rootKey = sharedSecret
        previousCount = 0
    }

    /// A state at rest.
    init(
        rootKey: SecretBytes, ownRatchetKey: X25519.PrivateKey, peerRatchetKey: X25519.PublicKey?, sending: Chain?,
        receiving: Chain?, previousCount: UInt32, skipped: [SkippedKey], droppedBelow: UInt32, past: [PastChain]
    ) {
        self.rootKey = rootKey
        self.ownRatchetKey = ownRatchetKey
        self.peerRatchetKey = peerRatchetKey
        self.sending = sending
        self.receiving = receiving
        self.previousCount = previousCount
        self.skipped = skipped
        self.droppedBelow = droppedBelow
        self.past = past
    }

    /// A responder cannot send before it has received.
    var canSend: Bool { sending != nil }

    /// RatchetEncrypt (section 3.4).
    mutating func encrypt(
        _ plaintext: SecretBytes, associatedData: [UInt8], random: some RandomSource
    ) throws(SessionError) -> RatchetMessage {
        guard var chain = sending else { throw .cannotSend }
        let number = chain.next
        let key = try chain.step()
        sending = chain
        let header = RatchetMessage.Header(
            ratchetKey: ownRatchetKey.publicKey, previousCount: previousCount, number: number)
        var exposed = plaintext.exposedCopy()
        defer { Wipe.zero(&exposed) }
        return RatchetMessage(
            header: header,
            ciphertext: XChaCha20Poly1305.seal(
                exposed, key: key, associatedData: associatedData + header.encoded, random: random))
    }

    /// RatchetDecrypt (section 3.5). A message that fails leaves the state as it was: all work is done on a copy.
    mutating func decrypt(
        _ message: RatchetMessage, associatedData: [UInt8], random: some RandomSource
    ) throws(SessionError) -> SecretBytes {
        var copy = self
        let key = try copy.messageKey(for: message.header, random: random)
        var exposed: [UInt8]
        do {
            exposed = try XChaCha20Poly1305.open(
                message.ciphertext, key: key, associatedData: associatedData + message.header.encoded)
        } catch {
            throw .notAuthentic("a message")
        }
        defer { Wipe.zero(&exposed) }
        self = copy
        return SecretBytes(exposed)
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
            if let chain = past.last(where: { $0.ratchetKey == header.ratchetKey }) {
                throw header.number < chain.droppedBelow ? .keyGone : .duplicate
            }
            try skip(to: header.previousCount)
            try turn(to: header.ratchetKey, random: random)
        }
        // Only an initiator whose peer has never answered has no chain: nothing can come under the signed prekey.
        guard let next = receiving?.next else { throw .notAuthentic("a message") }
        guard header.number >= next else { throw header.number < droppedBelow ? .keyGone : .duplicate }
        try skip(to: header.number)
        guard var chain = receiving else { throw .notAuthentic("a message") }
        let key = try chain.step()
        receiving = chain
        return key
    }

    /// SkipMessageKeys: keeps the keys of the receiving chain below `number`.
    private mutating func skip(to number: UInt32) throws(SessionError) {
        guard var chain = receiving, let ratchetKey = peerRatchetKey, number > chain.next else { return }
        let count = number - chain.next
        guard count <= UInt32(SessionLimits.skippedPerStep) else {
            throw .tooManySkipped(Int(clamping: count), limit: SessionLimits.skippedPerStep)
        }
        while chain.next < number {
            let number = chain.next
            skipped.append(SkippedKey(ratchetKey: ratchetKey, number: number, key: try chain.step()))
        }
        receiving = chain
        dropOldestSkipped()
    }

    /// Keeps ``SessionLimits/skippedInAll`` keys, and remembers where others were.
    private mutating func dropOldestSkipped() {
        guard skipped.count > SessionLimits.skippedInAll else { return }
        let excess = skipped.count - SessionLimits.skippedInAll
        for dropped in skipped[..<excess] {
            // A skipped message is not the last of its chain, so its number is below the maximum.
            if dropped.ratchetKey == peerRatchetKey {
                droppedBelow = dropped.number + 1
            } else if let index = past.lastIndex(where: { $0.ratchetKey == dropped.ratchetKey }) {
                past[index].droppedBelow = dropped.number + 1
            }
        }
        skipped.removeFirst(excess)
    }

    /// DHRatchet.
    private mutating func turn(to ratchetKey: X25519.PublicKey, random: some RandomSource) throws(SessionError) {
        // The signed prekey that an initiator begins with has no receiving chain.
        if let old = peerRatchetKey, receiving != nil {
            past.append(PastChain(ratchetKey: old, droppedBelow: droppedBelow))
            if past.count > SessionLimits.rememberedRatchetKeys { past.removeFirst() }
        }
        droppedBelow = 0
        previousCount = sending?.next ?? 0
        peerRatchetKey = ratchetKey
        receiving = try Self.step(&rootKey, ownRatchetKey, ratchetKey)
        ownRatchetKey = X25519.PrivateKey(random: random)
        sending = try Self.step(&rootKey, ownRatchetKey, ratchetKey)
    }

    /// KDF_RK ("Recommended cryptographic algorithms"): HKDF with the root key as salt.
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
