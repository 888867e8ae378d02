public import SpeemCrypto

/// The initiator's side of IK or IKpsk2, before its first message.
///
///     <- s
///     ...
///     -> e, es, s, ss
///     <- e, ee, se, psk      (IKpsk2; without psk in IK)
///
/// Each step consumes the state before it, so that no key can be used in the wrong phase.
public struct InitiatorHandshake: ~Copyable {
    private let pattern: NoisePattern
    private var symmetric: SymmetricState
    private let staticKey: X25519.PrivateKey
    private let ephemeral: X25519.PrivateKey
    private let remoteStatic: X25519.PublicKey
    private let preSharedKey: SecretBytes

    /// - Parameters:
    ///   - staticKey: the initiator's s.
    ///   - remoteStatic: the responder's s, known beforehand.
    ///   - preSharedKey: 32 bytes; not used by ``NoisePattern/ik``.
    ///   - prologue: what both must agree on (section 6).
    /// - Throws: ``NoiseError/preSharedKeyLength(_:)``.
    public init(
        pattern: NoisePattern = .ikpsk2, staticKey: X25519.PrivateKey, remoteStatic: X25519.PublicKey,
        preSharedKey: SecretBytes, prologue: [UInt8], random: some RandomSource
    ) throws(NoiseError) {
        try checkPreSharedKey(preSharedKey, pattern)
        self.pattern = pattern
        self.staticKey = staticKey
        self.remoteStatic = remoteStatic
        self.preSharedKey = preSharedKey
        ephemeral = X25519.PrivateKey(random: random)
        symmetric = SymmetricState(protocolName: pattern.name)
        symmetric.mixHash(prologue)
        symmetric.mixHash(remoteStatic.bytes)
    }

    /// Writes the first message around `payload`, which is confidential but can be replayed by anybody who saw it.
    ///
    /// - Throws: ``NoiseError/tooLong(limit:actual:)``, ``NoiseError/weakPublicKey``.
    public consuming func writeMessage(_ payload: [UInt8]) throws(NoiseError) -> Waiting {
        var message = ephemeral.publicKey.bytes
        symmetric.mixHash(ephemeral.publicKey.bytes)
        if pattern.usesPreSharedKey { symmetric.mixKey(SecretBytes(ephemeral.publicKey.bytes)) }
        try symmetric.mixSharedSecret(of: ephemeral, with: remoteStatic)
        message += try symmetric.encryptAndHash(staticKey.publicKey.bytes)
        try symmetric.mixSharedSecret(of: staticKey, with: remoteStatic)
        message += try symmetric.encryptAndHash(payload)
        try checkLength(message)
        return Waiting(
            message: message, pattern: pattern, symmetric: symmetric, staticKey: staticKey, ephemeral: ephemeral,
            preSharedKey: preSharedKey)
    }

    /// The initiator after its first message.
    public struct Waiting: ~Copyable {
        /// The first message, to be sent.
        public let message: [UInt8]
        private let pattern: NoisePattern
        private var symmetric: SymmetricState
        private let staticKey: X25519.PrivateKey
        private let ephemeral: X25519.PrivateKey
        private let preSharedKey: SecretBytes

        init(
            message: [UInt8], pattern: NoisePattern, symmetric: consuming SymmetricState,
            staticKey: X25519.PrivateKey, ephemeral: X25519.PrivateKey, preSharedKey: SecretBytes
        ) {
            self.message = message
            self.pattern = pattern
            self.symmetric = symmetric
            self.staticKey = staticKey
            self.ephemeral = ephemeral
            self.preSharedKey = preSharedKey
        }

        /// Reads the responder's message. One that fails ends the handshake: there is no state left to try another.
        public consuming func readMessage(_ message: [UInt8]) throws(NoiseError) -> Established {
            try checkLength(message)
            var reader = ByteReader(message)
            let remoteEphemeral = try readKey(&reader)
            symmetric.mixHash(remoteEphemeral.bytes)
            if pattern.usesPreSharedKey { symmetric.mixKey(SecretBytes(remoteEphemeral.bytes)) }
            try symmetric.mixSharedSecret(of: ephemeral, with: remoteEphemeral)
            try symmetric.mixSharedSecret(of: staticKey, with: remoteEphemeral)
            if pattern.usesPreSharedKey { symmetric.mixKeyAndHash(preSharedKey) }
            let payload = try symmetric.decryptAndHash(reader.readRest())
            return Established(payload: payload, transport: symmetric.split(initiator: true))
        }
    }

    /// The initiator after the handshake.
    public struct Established: ~Copyable {
        /// What the responder said in its message.
        public let payload: [UInt8]
        private let transport: NoiseTransport

        init(payload: [UInt8], transport: consuming NoiseTransport) {
            self.payload = payload
            self.transport = transport
        }

        /// The transport; nothing else is left of the handshake.
        public consuming func intoTransport() -> NoiseTransport { transport }
    }
}

func checkPreSharedKey(_ key: SecretBytes, _ pattern: NoisePattern) throws(NoiseError) {
    guard !pattern.usesPreSharedKey || key.count == NoiseLimits.preSharedKeyLength else {
        throw .preSharedKeyLength(key.count)
    }
}

func checkLength(_ message: [UInt8]) throws(NoiseError) {
    guard message.count <= NoiseLimits.messageLength else {
        throw .tooLong(limit: NoiseLimits.messageLength, actual: message.count)
    }
}

func readKey(_ reader: inout ByteReader) throws(NoiseError) -> X25519.PublicKey {
    do {
        return try X25519.PublicKey(try reader.read(NoiseLimits.keyLength))
    } catch {
        throw .truncated
    }
}
