public import SpeemCrypto
public import SpeemIdentity

/// Names a prekey of a device: the epoch in which it was made, and a number that is never used again.
public struct PrekeyID: Sendable, Hashable, CustomStringConvertible {
    /// Raised at each start of the device and after a restore.
    public let epoch: UInt32
    public let number: UInt32

    public init(epoch: UInt32, number: UInt32) {
        self.epoch = epoch
        self.number = number
    }

    /// 8 bytes.
    var encoded: [UInt8] { BigEndian.bytes(epoch) + BigEndian.bytes(number) }

    init(_ reader: inout ByteReader) throws(ByteReader.Truncated) {
        epoch = try reader.readBigEndian(UInt32.self)
        number = try reader.readBigEndian(UInt32.self)
    }

    public var description: String { "\(epoch).\(number)" }
}

/// A public signed prekey: X25519.
///
///     type 1 | id 8 | key 32 | signature 64 over all before it, by the device's signing key
public struct SignedPrekey: Sendable, Equatable {
    static let domain = DomainSeparator("signed prekey")
    public let id: PrekeyID
    public let key: X25519.PublicKey
    /// 105 bytes.
    public let encoded: [UInt8]

    public init(id: PrekeyID, key: X25519.PublicKey, signedBy signer: Ed25519.PrivateKey) {
        let signed = [KeyType.signedPrekey.rawValue] + id.encoded + key.bytes
        self.id = id
        self.key = key
        encoded = signed + signer.sign(signed, domain: Self.domain)
    }

    /// Reads and checks a prekey of `device`.
    public init(_ encoded: [UInt8], of device: DeviceEntry) throws(SessionError) {
        let (id, key) = try readPrekey(
            encoded, types: [.signedPrekey], keyLength: X25519.length, signer: device.signing, domain: Self.domain
        ).parts
        guard let key = try? X25519.PublicKey(key) else { throw .malformed("a signed prekey") }
        self.id = id
        self.key = key
        self.encoded = encoded
    }
}

/// A public one-time prekey: X25519, unsigned as in PQXDH.
///
///     type 1 | id 8 | key 32
public struct OneTimePrekey: Sendable, Equatable {
    public let id: PrekeyID
    public let key: X25519.PublicKey

    public init(id: PrekeyID, key: X25519.PublicKey) {
        self.id = id
        self.key = key
    }

    /// 41 bytes.
    public var encoded: [UInt8] { [KeyType.oneTimePrekey.rawValue] + id.encoded + key.bytes }

    public init(_ encoded: [UInt8]) throws(SessionError) {
        var reader = ByteReader(encoded)
        do {
            guard try reader.readByte() == KeyType.oneTimePrekey.rawValue else { throw ByteReader.Truncated() }
            id = try PrekeyID(&reader)
            key = try X25519.PublicKey(try reader.read(X25519.length))
            guard reader.remaining == 0 else { throw ByteReader.Truncated() }
        } catch {
            throw .malformed("a one-time prekey")
        }
    }
}

/// A public ML-KEM-768 prekey, one-time or last-resort. The type is signed: the node cannot pass one off as the other.
///
///     type 1 | id 8 | key 1,184 | signature 64 over all before it, by the device's signing key
public struct KEMPrekey: Sendable, Equatable {
    static let domain = DomainSeparator("KEM prekey")
    public let id: PrekeyID
    public let isLastResort: Bool
    public let key: MLKEM.PublicKey
    /// 1,257 bytes.
    public let encoded: [UInt8]

    public init(id: PrekeyID, key: MLKEM.PublicKey, isLastResort: Bool, signedBy signer: Ed25519.PrivateKey) {
        let type: KeyType = isLastResort ? .kemLastResort : .kemPrekey
        let signed = [type.rawValue] + id.encoded + key.bytes
        self.id = id
        self.key = key
        self.isLastResort = isLastResort
        encoded = signed + signer.sign(signed, domain: Self.domain)
    }

    /// Reads and checks a prekey of `device`.
    public init(_ encoded: [UInt8], of device: DeviceEntry) throws(SessionError) {
        let read = try readPrekey(
            encoded, types: [.kemPrekey, .kemLastResort], keyLength: MLKEM.publicKeyLength, signer: device.signing,
            domain: Self.domain)
        guard let key = try? MLKEM.PublicKey(read.parts.key) else { throw .malformed("a KEM prekey") }
        id = read.parts.id
        isLastResort = read.type == .kemLastResort
        self.key = key
        self.encoded = encoded
    }
}

private func readPrekey(
    _ encoded: [UInt8], types: [KeyType], keyLength: Int, signer: Ed25519.PublicKey, domain: DomainSeparator
) throws(SessionError) -> (type: KeyType, parts: (id: PrekeyID, key: [UInt8])) {
    var reader = ByteReader(encoded)
    let type: KeyType
    let id: PrekeyID
    let key: [UInt8]
    let signature: [UInt8]
    do {
        guard let known = KeyType(rawValue: try reader.readByte()), types.contains(known) else {
            throw ByteReader.Truncated()
        }
        type = known
        id = try PrekeyID(&reader)
        key = try reader.read(keyLength)
        signature = try reader.read(Ed25519.signatureLength)
        guard reader.remaining == 0 else { throw ByteReader.Truncated() }
    } catch {
        throw .malformed("a prekey")
    }
    do {
        try signer.verify(signature, of: Array(encoded.dropLast(Ed25519.signatureLength)), domain: domain)
    } catch {
        throw .notAuthentic("a prekey")
    }
    return (type, (id, key))
}

/// What a node hands out for a new session with a device.
public struct PrekeyBundle: Sendable, Equatable {
    public let device: DeviceEntry
    public let signed: SignedPrekey
    public let kem: KEMPrekey
    /// Missing when the node had none left for whoever asks.
    public let oneTime: OneTimePrekey?

    /// Checks all signatures, and that the KEM key is of the type that the node says.
    public init(
        device: DeviceEntry, signed: [UInt8], kem: [UInt8], isLastResort: Bool, oneTime: [UInt8]?
    ) throws(SessionError) {
        self.device = device
        self.signed = try SignedPrekey(signed, of: device)
        self.kem = try KEMPrekey(kem, of: device)
        guard self.kem.isLastResort == isLastResort else { throw .wrongPrekeyType }
        if let oneTime { self.oneTime = try OneTimePrekey(oneTime) } else { self.oneTime = nil }
    }
}
