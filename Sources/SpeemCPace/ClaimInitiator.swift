public import SpeemCrypto

/// The device's side of a claim on the network, before its first message is answered.
///
/// Each step consumes the state before it, so that neither a code nor a scalar is used twice, and a message that fails
/// leaves nothing with which another could be tried.
public struct ClaimInitiator: ~Copyable {
    /// The hello, to be sent.
    public let message: [UInt8]
    private let code: ClaimCode
    private let channel: ClaimChannel
    private let nonce: [UInt8]

    /// - Parameter code: what the person typed.
    public init(code: ClaimCode, channel: ClaimChannel, random: some RandomSource) {
        self.code = code
        self.channel = channel
        nonce = random.bytes(ClaimMessage.nonceLength)
        message = [ClaimMessage.version] + nonce
    }

    /// Reads the node's nonce, and makes the share.
    public consuming func readReply(
        _ reply: [UInt8], random: some RandomSource
    ) throws(ClaimExchangeError) -> Sharing {
        guard reply.count == ClaimMessage.replyLength else { throw .malformed }
        let nonces = nonce + reply
        let generator = CPace.generator(password: code.digits, channel: channel.identifier, session: nonces)
        let scalar = Ristretto255.Scalar(random: random)
        return Sharing(share: try makeShare(scalar, generator), scalar: scalar, nonces: nonces)
    }

    /// The device after its share.
    public struct Sharing: ~Copyable {
        private let share: Ristretto255.Element
        private let scalar: Ristretto255.Scalar
        private let nonces: [UInt8]

        init(share: Ristretto255.Element, scalar: Ristretto255.Scalar, nonces: [UInt8]) {
            self.share = share
            self.scalar = scalar
            self.nonces = nonces
        }

        /// The share, to be sent.
        public var message: [UInt8] { share.bytes }

        /// Reads the node's share.
        public consuming func readShare(_ message: [UInt8]) throws(ClaimExchangeError) -> Confirming {
            let peer = try SpeemCPace.readShare(message)
            return Confirming(
                keys: ClaimKeys(
                    nonces: nonces, shared: try agree(scalar, peer), deviceShare: share, nodeShare: peer))
        }
    }

    /// The device that has the key, if the node used the same code.
    public struct Confirming: ~Copyable {
        private let keys: ClaimKeys

        init(keys: ClaimKeys) {
            self.keys = keys
        }

        /// The confirmation, to be sent.
        public var message: [UInt8] { keys.confirmation(of: .device).exposedCopy() }

        /// Checks the node's confirmation, and opens what it hands over.
        public consuming func readGrant(_ message: [UInt8]) throws(ClaimExchangeError) -> SecretBytes {
            guard message.count == ClaimMessage.grantLength else { throw .malformed }
            try keys.check(SecretBytes(message[..<ClaimMessage.confirmationLength]), of: .node)
            return try keys.open(Array(message[ClaimMessage.confirmationLength...]))
        }
    }
}

/// A side's share.
func makeShare(
    _ scalar: Ristretto255.Scalar, _ generator: Ristretto255.SecretElement
) throws(ClaimExchangeError) -> Ristretto255.Element {
    do {
        return try scalar.multiply(generator)
    } catch {
        // A scalar or a generator of zero: one in 2^252.
        throw .invalidShare
    }
}

/// K; the draft demands that the identity aborts (section 7.2).
func agree(
    _ scalar: Ristretto255.Scalar, _ share: Ristretto255.Element
) throws(ClaimExchangeError) -> Ristretto255.SecretElement {
    do {
        return try scalar.multiply(share)
    } catch {
        throw .invalidShare
    }
}
