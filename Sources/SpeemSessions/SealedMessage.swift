public import SpeemCrypto
public import SpeemIdentity

/// What the ratchet carries for every message: the body's key and who means whom.
///
///     version 1 | body key 32 | message id 32 | sender's account 32 | recipient's account 32
///     | sender's head 32 | recipient's head 32
struct MessageKeys: Sendable, Equatable {
    private static let version: UInt8 = 1
    let key: SecretBytes
    let id: MessageID
    let sender: AccountPublicKey
    let recipient: AccountPublicKey
    let heads: MessageHeads

    /// 193 bytes.
    var encoded: SecretBytes {
        var writer = SecretWriter()
        writer.write(Self.version)
        writer.write(key)
        writer.write(id.bytes)
        writer.write(sender.bytes)
        writer.write(recipient.bytes)
        writer.write(heads.sender.bytes)
        writer.write(heads.recipient.bytes)
        return writer.encoded
    }

    init(body: MessageBody, sender: AccountPublicKey, recipient: AccountPublicKey, heads: MessageHeads) {
        key = body.key
        id = body.id
        self.sender = sender
        self.recipient = recipient
        self.heads = heads
    }

    init(_ bytes: SecretBytes) throws(SessionError) {
        var reader = SecretReader(bytes)
        do {
            let version = try reader.readByte()
            guard version == Self.version else { throw SessionError.unknownVersion("a message", version) }
            key = try reader.readSecret(XChaCha20Poly1305.keyLength)
            id = try MessageID(try reader.read(MessageID.length))
            sender = try AccountPublicKey(try reader.read(32))
            recipient = try AccountPublicKey(try reader.read(32))
            heads = MessageHeads(
                sender: try RosterHead(try reader.read(32)), recipient: try RosterHead(try reader.read(32)))
            guard reader.remaining == 0 else { throw ByteReader.Truncated() }
        } catch let error as SessionError {
            throw error
        } catch {
            throw .malformed("a message")
        }
    }
}

/// A header that was unsealed; its ratchet message is not decrypted yet.
///
///     version 1 | kind 1 | session id 16
///     | kind 1 (initial): sender's account 32, sender's device entry 132, InitialPart
///     | ratchet message
public struct IncomingHeader: Sendable, Equatable {
    static let version: UInt8 = 1

    public enum Kind: Sendable, Equatable {
        /// A message in a session that both have.
        case ongoing
        /// A message that also begins a session, from whom it says it is from.
        case initial(InitialPart, from: SessionParty)
    }

    /// 16 bytes.
    public let sessionID: [UInt8]
    public let kind: Kind
    let message: RatchetMessage

    /// Unseals a header that was sealed to this device.
    ///
    /// - Throws: ``SessionError``.
    public init(unsealing sealed: [UInt8], with key: X25519.PrivateKey) throws(SessionError) {
        guard sealed.count <= SessionLimits.sealedHeaderLength else { throw .malformed("a sealed header") }
        let bytes: [UInt8]
        do { bytes = try SealedBox.open(sealed, with: key) } catch { throw .notAuthentic("the outer seal") }
        var reader = ByteReader(bytes)
        do {
            let version = try reader.readByte()
            guard version == Self.version else { throw SessionError.unknownVersion("a sealed header", version) }
            let kind = try reader.readByte()
            sessionID = try reader.read(16)
            switch kind {
            case 0: self.kind = .ongoing
            case 1:
                let account = try AccountPublicKey(try reader.read(32))
                let device = try DeviceEntry(&reader)
                self.kind = .initial(
                    try InitialPart(&reader), from: SessionParty(account: account, device: device))
            default: throw SessionError.malformed("a sealed header")
            }
            message = try RatchetMessage(&reader)
        } catch let error as SessionError {
            throw error
        } catch {
            throw .malformed("a sealed header")
        }
    }
}

/// A message that was opened.
public struct OpenedMessage: Sendable, Equatable {
    public let id: MessageID
    public let sender: AccountPublicKey
    /// Whom it is for: the reader's account, or, in a copy from another device of the reader's account, somebody else.
    public let recipient: AccountPublicKey
    public let heads: MessageHeads
    public let content: [UInt8]
}

extension Session {
    /// The header of `body` for this session's device, sealed to it. On failure the session is as before.
    ///
    /// - Parameter recipient: whom the message is for, when that is not the peer: only in a session with an own device.
    /// - Throws: ``SessionError/cannotSend``, ``SessionError/exhausted``, or ``SessionError/malformed(_:)`` when the
    ///   device's seal key is weak.
    public mutating func seal(
        _ body: MessageBody, from local: LocalParty, to recipient: AccountPublicKey? = nil, heads: MessageHeads,
        random: some RandomSource
    ) throws(SessionError) -> [UInt8] {
        let recipient = recipient ?? peer.account
        precondition(recipient == peer.account || peer.account == local.account, "a copy for somebody else's device")
        var copy = self
        let keys = MessageKeys(body: body, sender: local.account, recipient: recipient, heads: heads)
        let message = try copy.encrypt(keys.encoded, random: random)
        var writer = ByteWriter()
        writer.write(IncomingHeader.version)
        writer.write(initial == nil ? 0 : 1)
        writer.write(id)
        if let initial {
            writer.write(local.account.bytes)
            writer.write(local.keys.entry.encoded)
            writer.write(initial.encoded)
        }
        writer.write(message.encoded)
        do {
            let sealed = try SealedBox.seal(writer.bytes, to: peer.device.seal)
            self = copy
            return sealed
        } catch {
            throw .malformed("the peer's seal key")
        }
    }

    /// Opens a message of this session. On failure the session is as before.
    ///
    /// - Throws: ``SessionError``; ``SessionError/wrongRecipient`` for a message of another session, or one that names
    ///   other accounts than the session's.
    public mutating func open(
        _ header: IncomingHeader, body: [UInt8], local: LocalParty, random: some RandomSource
    ) throws(SessionError) -> OpenedMessage {
        guard header.sessionID == id else { throw .wrongRecipient }
        // A repeated initial part is ignored, but who it says it is from is shown before the message is opened.
        if case .initial(_, let sender) = header.kind, sender != peer { throw .notAuthentic("the sender of a message") }
        var copy = self
        let keys = try MessageKeys(try copy.decrypt(header.message, random: random))
        // Own devices send each other what they have sent to others.
        guard keys.sender == peer.account, keys.recipient == local.account || peer.account == local.account else {
            throw .wrongRecipient
        }
        let content = try MessageBody.open(body, key: keys.key, id: keys.id)
        self = copy
        return OpenedMessage(
            id: keys.id, sender: keys.sender, recipient: keys.recipient, heads: keys.heads, content: content)
    }
}
