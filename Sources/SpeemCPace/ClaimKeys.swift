import SpeemCrypto

/// What both sides derive from the key of a CPace run, each under a label of its own.
struct ClaimKeys {
    private let deviceConfirmation: SecretBytes
    private let nodeConfirmation: SecretBytes
    private let grantKey: SecretBytes
    private let transcript: [UInt8]

    /// - Parameters:
    ///   - nonces: the device's and the node's: CPace's session identifier.
    ///   - shared: K, which nobody may see (draft-irtf-cfrg-cpace-21, section 10.3).
    init(
        nonces: [UInt8], shared: Ristretto255.SecretElement, deviceShare: Ristretto255.Element,
        nodeShare: Ristretto255.Element
    ) {
        transcript = CPace.transcript(
            initiator: deviceShare, saying: ClaimRole.device.name, responder: nodeShare, saying: ClaimRole.node.name)
        let key = CPace.sessionKey(session: nonces, shared: shared, transcript: transcript)
        func derive(_ label: StaticString) -> SecretBytes {
            HKDF.derive(secret: key, salt: nonces, info: DomainSeparator(label).bytes, length: 32)
        }
        deviceConfirmation = derive("claim device confirmation")
        nodeConfirmation = derive("claim node confirmation")
        grantKey = derive("claim grant")
    }

    /// The confirmation that `role` sends: a MAC over the transcript (draft-irtf-cfrg-cpace-21, section 10.4).
    func confirmation(of role: ClaimRole) -> SecretBytes {
        switch role {
        case .device: HMACSHA256.tag(transcript, key: deviceConfirmation)
        case .node: HMACSHA256.tag(transcript, key: nodeConfirmation)
        }
    }

    /// Compares in constant time.
    func check(_ confirmation: SecretBytes, of role: ClaimRole) throws(ClaimExchangeError) {
        guard confirmation == self.confirmation(of: role) else { throw .codeOrPeerWrong }
    }

    /// Seals what the node hands over, padded to one length. The key is used for nothing else, so the nonce is zero.
    ///
    /// - Precondition: `payload` has at most ``ClaimMessage/payloadLimit`` bytes.
    func seal(_ payload: SecretBytes) -> [UInt8] {
        precondition(payload.count <= ClaimMessage.payloadLimit, "a claim hands over at most 4,096 bytes")
        var writer = SecretWriter()
        writer.write(BigEndian.bytes(UInt16(payload.count)))
        writer.write(payload)
        writer.write([UInt8](repeating: 0, count: ClaimMessage.payloadLimit - payload.count))
        var plaintext = writer.encoded.exposedCopy()
        defer { Wipe.zero(&plaintext) }
        return ChaCha20Poly1305.seal(plaintext, key: grantKey, nonce: Self.nonce, associatedData: transcript)
    }

    /// Opens what ``seal(_:)`` made.
    func open(_ sealed: [UInt8]) throws(ClaimExchangeError) -> SecretBytes {
        var plaintext: [UInt8]
        do {
            plaintext = try ChaCha20Poly1305.open(
                sealed, key: grantKey, nonce: Self.nonce, associatedData: transcript)
        } catch {
            throw .codeOrPeerWrong
        }
        defer { Wipe.zero(&plaintext) }
        var reader = ByteReader(plaintext)
        do {
            let length = Int(try reader.readBigEndian(UInt16.self))
            return try reader.readSecret(length)
        } catch {
            throw .malformed
        }
    }

    private static let nonce = [UInt8](repeating: 0, count: ChaCha20Poly1305.nonceLength)
}

/// The peer's share, checked.
func readShare(_ message: [UInt8]) throws(ClaimExchangeError) -> Ristretto255.Element {
    guard message.count == ClaimMessage.shareLength else { throw .malformed }
    do {
        return try Ristretto255.Element(message)
    } catch {
        throw .invalidShare
    }
}
