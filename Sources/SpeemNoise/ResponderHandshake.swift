public import SpeemCrypto

/// The responder's side of IK or IKpsk2, before the first message.
///
/// The first message is read in two steps: ``readInitiatorStatic(_:)`` tells who knocks after one Diffie-Hellman, so
/// that the pre-shared key is looked up, and strangers are dropped, before a second one is computed for them.
public struct ResponderHandshake: ~Copyable {
    private let pattern: NoisePattern
    private var symmetric: SymmetricState
    private let staticKey: X25519.PrivateKey

    /// - Parameters:
    ///   - staticKey: the responder's s, which the initiator knows.
    ///   - prologue: what both must agree on (Noise revision 34, section 6).
    public init(pattern: NoisePattern = .ikpsk2, staticKey: X25519.PrivateKey, prologue: [UInt8]) {
        self.pattern = pattern
        self.staticKey = staticKey
        symmetric = SymmetricState(protocolName: pattern.name)
        symmetric.mixHash(prologue)
        symmetric.mixHash(staticKey.publicKey.bytes)
    }

    /// Reads e and s of the first message.
    public consuming func readInitiatorStatic(_ message: [UInt8]) throws(NoiseError) -> Identified {
        try checkLength(message)
        guard message.count >= NoiseLimits.firstMessagePrefix else { throw .truncated }
        var reader = ByteReader(message)
        let remoteEphemeral = try readKey(&reader)
        symmetric.mixHash(remoteEphemeral.bytes)
        if pattern.usesPreSharedKey { symmetric.mixKey(SecretBytes(remoteEphemeral.bytes)) }
        try symmetric.mixSharedSecret(of: staticKey, with: remoteEphemeral)
        let remoteStatic: X25519.PublicKey
        do {
            let encrypted = try reader.read(NoiseLimits.keyLength + NoiseLimits.tagLength)
            remoteStatic = try X25519.PublicKey(try symmetric.decryptAndHash(encrypted))
        } catch {
            throw .authenticationFailed
        }
        return Identified(
            initiatorStatic: remoteStatic, pattern: pattern, symmetric: symmetric, staticKey: staticKey,
            remoteEphemeral: remoteEphemeral, encryptedPayload: reader.readRest())
    }

    /// The responder that has read which static key the initiator claims to hold. Nothing is proven yet.
    public struct Identified: ~Copyable {
        /// The initiator's s, 32 bytes.
        public let initiatorStatic: X25519.PublicKey
        private let pattern: NoisePattern
        private var symmetric: SymmetricState
        private let staticKey: X25519.PrivateKey
        private let remoteEphemeral: X25519.PublicKey
        private let encryptedPayload: [UInt8]

        init(
            initiatorStatic: X25519.PublicKey, pattern: NoisePattern, symmetric: consuming SymmetricState,
            staticKey: X25519.PrivateKey, remoteEphemeral: X25519.PublicKey, encryptedPayload: [UInt8]
        ) {
            self.initiatorStatic = initiatorStatic
            self.pattern = pattern
            self.symmetric = symmetric
            self.staticKey = staticKey
            self.remoteEphemeral = remoteEphemeral
            self.encryptedPayload = encryptedPayload
        }

        /// Computes ss and opens the payload: the initiator holds the private key of ``initiatorStatic``, now or at the
        /// time when a recorded message was first sent.
        public consuming func authenticate() throws(NoiseError) -> Authenticated {
            try symmetric.mixSharedSecret(of: staticKey, with: initiatorStatic)
            let payload = try symmetric.decryptAndHash(encryptedPayload)
            return Authenticated(
                payload: payload, initiatorStatic: initiatorStatic, pattern: pattern, symmetric: symmetric,
                remoteEphemeral: remoteEphemeral)
        }
    }

    /// The responder that has read the whole first message.
    public struct Authenticated: ~Copyable {
        /// What the initiator said in its message.
        public let payload: [UInt8]
        /// The initiator's s, 32 bytes.
        public let initiatorStatic: X25519.PublicKey
        private let pattern: NoisePattern
        private var symmetric: SymmetricState
        private let remoteEphemeral: X25519.PublicKey

        init(
            payload: [UInt8], initiatorStatic: X25519.PublicKey, pattern: NoisePattern,
            symmetric: consuming SymmetricState, remoteEphemeral: X25519.PublicKey
        ) {
            self.payload = payload
            self.initiatorStatic = initiatorStatic
            self.pattern = pattern
            self.symmetric = symmetric
            self.remoteEphemeral = remoteEphemeral
        }

        /// Writes the second message around `payload`.
        ///
        /// - Parameter preSharedKey: 32 bytes; not used by ``NoisePattern/ik``.
        public consuming func writeMessage(
            _ payload: [UInt8], preSharedKey: SecretBytes, random: some RandomSource
        ) throws(NoiseError) -> Established {
            try checkPreSharedKey(preSharedKey, pattern)
            let ephemeral = X25519.PrivateKey(random: random)
            var message = ephemeral.publicKey.bytes
            symmetric.mixHash(ephemeral.publicKey.bytes)
            if pattern.usesPreSharedKey { symmetric.mixKey(SecretBytes(ephemeral.publicKey.bytes)) }
            try symmetric.mixSharedSecret(of: ephemeral, with: remoteEphemeral)
            try symmetric.mixSharedSecret(of: ephemeral, with: initiatorStatic)
            if pattern.usesPreSharedKey { symmetric.mixKeyAndHash(preSharedKey) }
            message += try symmetric.encryptAndHash(payload)
            try checkLength(message)
            return Established(message: message, transport: symmetric.split(initiator: false))
        }
    }

    /// The responder after the handshake. The initiator is proven alive only when its first transport message decrypts.
    public struct Established: ~Copyable {
        /// The second message, to be sent.
        public let message: [UInt8]
        private let transport: NoiseTransport

        init(message: [UInt8], transport: consuming NoiseTransport) {
            self.message = message
            self.transport = transport
        }

        /// The transport; nothing else is left of the handshake.
        public consuming func intoTransport() -> NoiseTransport { transport }
    }
}
