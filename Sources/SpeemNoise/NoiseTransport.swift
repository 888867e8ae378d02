import SpeemCrypto

/// An open Noise connection: one key for each direction, each rekeyed after ``NoiseLimits/messagesPerKey`` messages
/// (Noise revision 34, sections 5.3 and 11.3).
public struct NoiseTransport: ~Copyable {
    private var sending: CipherState
    private var receiving: CipherState
    /// The same on both sides of this connection and on no other, 64 bytes (section 11.2).
    public let handshakeHash: [UInt8]

    init(sending: SecretBytes, receiving: SecretBytes, handshakeHash: [UInt8], nonce: UInt64 = 0) {
        self.sending = CipherState(key: sending, nonce: nonce)
        self.receiving = CipherState(key: receiving, nonce: nonce)
        self.handshakeHash = handshakeHash
    }

    /// Encrypts a payload of at most ``NoiseLimits/payloadLength`` bytes.
    ///
    /// - Throws: ``NoiseError/tooLong(limit:actual:)``, ``NoiseError/nonceExhausted``.
    public mutating func encrypt(_ payload: [UInt8]) throws(NoiseError) -> [UInt8] {
        guard payload.count <= NoiseLimits.payloadLength else {
            throw .tooLong(limit: NoiseLimits.payloadLength, actual: payload.count)
        }
        let message = try sending.encrypt(payload, associatedData: [])
        if sending.nonce % NoiseLimits.messagesPerKey == 0 { sending.rekey() }
        return message
    }

    /// Decrypts the next message of the peer. A failure changes nothing; the caller closes the connection.
    ///
    /// - Throws: ``NoiseError/authenticationFailed``, ``NoiseError/tooLong(limit:actual:)``,
    ///   ``NoiseError/nonceExhausted``.
    public mutating func decrypt(_ message: [UInt8]) throws(NoiseError) -> [UInt8] {
        try checkLength(message)
        let payload = try receiving.decrypt(message, associatedData: [])
        if receiving.nonce % NoiseLimits.messagesPerKey == 0 { receiving.rekey() }
        return payload
    }

    /// Rekeys the sending direction now; the peer must do the same for its receiving one.
    mutating func rekeySending() { sending.rekey() }

    /// Rekeys the receiving direction now.
    mutating func rekeyReceiving() { receiving.rekey() }

    var nonces: (sending: UInt64, receiving: UInt64) { (sending.nonce, receiving.nonce) }
}
