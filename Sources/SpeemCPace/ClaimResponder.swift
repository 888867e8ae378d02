public import SpeemCrypto

/// The node's side of a claim on the network, after the device's hello.
///
/// As with ``ClaimInitiator``, each step consumes the one before it. The code comes in as late as can be, with
/// ``Ready/answer(code:random:)``: whoever only connects keeps nobody from trying.
public struct ClaimResponder: ~Copyable {
    /// The node's nonce, to be sent.
    public let message: [UInt8]
    private let channel: ClaimChannel
    private let nonces: [UInt8]

    public init(
        hello: [UInt8], channel: ClaimChannel, random: some RandomSource
    ) throws(ClaimExchangeError) {
        guard hello.count == ClaimMessage.helloLength, let version = hello.first else { throw .malformed }
        guard version == ClaimMessage.version else { throw .unknownVersion(version) }
        self.channel = channel
        message = random.bytes(ClaimMessage.nonceLength)
        nonces = Array(hello[1...]) + message
    }

    /// Reads the device's share. A share that no honest device sends has cost no attempt.
    public consuming func readShare(_ message: [UInt8]) throws(ClaimExchangeError) -> Ready {
        Ready(share: try SpeemCPace.readShare(message), channel: channel, nonces: nonces)
    }

    /// The node that has a share to answer.
    public struct Ready: ~Copyable {
        private let share: Ristretto255.Element
        private let channel: ClaimChannel
        private let nonces: [UInt8]

        init(share: Ristretto255.Element, channel: ClaimChannel, nonces: [UInt8]) {
            self.share = share
            self.channel = channel
            self.nonces = nonces
        }

        /// Answers with the node's share. From here on the code is used up.
        public consuming func answer(
            code: ClaimCode, random: some RandomSource
        ) throws(ClaimExchangeError) -> Sharing {
            let generator = CPace.generator(password: code.digits, channel: channel.identifier, session: nonces)
            let scalar = Ristretto255.Scalar(random: random)
            let own = try makeShare(scalar, generator)
            return Sharing(
                message: own.bytes,
                keys: ClaimKeys(
                    nonces: nonces, shared: try agree(scalar, share), deviceShare: share, nodeShare: own))
        }
    }

    /// The node after its share.
    public struct Sharing: ~Copyable {
        /// The share, to be sent.
        public let message: [UInt8]
        private let keys: ClaimKeys

        init(message: [UInt8], keys: ClaimKeys) {
            self.message = message
            self.keys = keys
        }

        /// Checks the device's confirmation: it knows the code.
        public consuming func readConfirmation(_ message: [UInt8]) throws(ClaimExchangeError) -> Confirmed {
            guard message.count == ClaimMessage.confirmationLength else { throw .malformed }
            try keys.check(SecretBytes(message), of: .device)
            return Confirmed(keys: keys)
        }
    }

    /// The node that knows that the device has the code.
    public struct Confirmed: ~Copyable {
        private let keys: ClaimKeys

        init(keys: ClaimKeys) {
            self.keys = keys
        }

        /// The last message: the node's own confirmation, and `payload` for the device alone.
        ///
        /// - Precondition: `payload` has at most ``ClaimMessage/payloadLimit`` bytes.
        public consuming func grant(_ payload: SecretBytes) -> [UInt8] {
            keys.confirmation(of: .node).exposedCopy() + keys.seal(payload)
        }
    }
}
