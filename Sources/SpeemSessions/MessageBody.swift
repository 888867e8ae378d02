public import SpeemCrypto

/// The name of a message, the same for all its recipients: BLAKE2b-256 over a label, the body's key and its ciphertext.
public struct MessageID: Sendable, Hashable {
    /// In bytes.
    public static let length = 32
    public let bytes: [UInt8]

    /// - Throws: ``SessionError/malformed(_:)`` for another length.
    public init(_ bytes: [UInt8]) throws(SessionError) {
        guard bytes.count == Self.length else { throw .malformed("a message id") }
        self.bytes = bytes
    }

    /// XChaCha20-Poly1305 does not commit to its key: one ciphertext can be made to open under two keys to two bodies.
    /// The id binds key and ciphertext, and is compared everywhere.
    init(key: SecretBytes, ciphertext: [UInt8]) {
        var exposed = key.exposedCopy()
        defer { Wipe.zero(&exposed) }
        bytes = BLAKE2b.hash(domain: DomainSeparator("message id"), exposed, ciphertext)
    }
}

/// A body, encrypted once for all recipients: padded with Padmé, then XChaCha20-Poly1305 under a fresh key, with
/// "speem/1 message body\0" as associated data.
public struct MessageBody: Sendable, Equatable {
    private static let label = DomainSeparator("message body").bytes

    /// Bytes of a ciphertext at the most.
    static let maxLength = Padme.paddedLength(SessionLimits.contentLength + 1) + XChaCha20Poly1305.overhead

    public let id: MessageID
    /// nonce 24 | ciphertext | tag 16
    public let ciphertext: [UInt8]
    /// 32 bytes; travels inside the sealed header. Kept with the body while a reader is still to get it.
    public let key: SecretBytes

    /// Encrypts `content`.
    ///
    /// - Throws: ``SessionError/tooLong(_:limit:)`` for content over ``SessionLimits/contentLength``.
    public init(sealing content: [UInt8], random: some RandomSource) throws(SessionError) {
        guard content.count <= SessionLimits.contentLength else {
            throw .tooLong(content.count, limit: SessionLimits.contentLength)
        }
        key = random.secret(XChaCha20Poly1305.keyLength)
        var padded = Padme.pad(content, minimum: SessionLimits.minimumBody)
        defer { Wipe.zero(&padded) }
        ciphertext = XChaCha20Poly1305.seal(padded, key: key, associatedData: Self.label, random: random)
        id = MessageID(key: key, ciphertext: ciphertext)
    }

    /// A body that was sealed before, and kept.
    ///
    /// - Throws: ``SessionError/notAuthentic(_:)`` when id, key and ciphertext do not belong together.
    public init(id: MessageID, ciphertext: [UInt8], key: SecretBytes) throws(SessionError) {
        guard ConstantTime.equal(MessageID(key: key, ciphertext: ciphertext).bytes, id.bytes) else {
            throw .notAuthentic("the body of a message")
        }
        self.id = id
        self.ciphertext = ciphertext
        self.key = key
    }

    /// Opens a body under the key and id of its header.
    static func open(_ ciphertext: [UInt8], key: SecretBytes, id: MessageID) throws(SessionError) -> [UInt8] {
        guard ciphertext.count <= maxLength else { throw .malformed("the body of a message") }
        guard ConstantTime.equal(MessageID(key: key, ciphertext: ciphertext).bytes, id.bytes) else {
            throw .notAuthentic("the body of a message")
        }
        do {
            var padded = try XChaCha20Poly1305.open(ciphertext, key: key, associatedData: label)
            defer { Wipe.zero(&padded) }
            return try Padme.unpad(padded)
        } catch {
            throw .notAuthentic("the body of a message")
        }
    }
}
