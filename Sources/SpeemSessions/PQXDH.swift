public import SpeemCrypto
public import SpeemIdentity

/// One side of a session: the account, and the device's public keys.
public struct SessionParty: Sendable, Hashable {
    public let account: AccountPublicKey
    public let device: DeviceEntry

    public init(account: AccountPublicKey, device: DeviceEntry) {
        self.account = account
        self.device = device
    }

    /// Account key behind its type, and the device's entry; 165 bytes.
    var encoded: [UInt8] { [KeyType.accountSigning.rawValue] + account.bytes + device.encoded }
}

/// The device's own side.
public struct LocalParty: Sendable {
    public let account: AccountPublicKey
    public let keys: DeviceKeys

    public init(account: AccountPublicKey, keys: DeviceKeys) {
        self.account = account
        self.keys = keys
    }

    public var party: SessionParty { SessionParty(account: account, device: keys.entry) }
}

/// What the initiator of a session tells the responder, in every message until the first answer.
///
///     base key 33 | signed prekey id 8 | KEM prekey type 1 and id 8 | one-time prekey 1, id 8 if there is one
///     | KEM ciphertext 1,088
public struct InitialPart: Sendable, Equatable {
    let baseKey: X25519.PublicKey
    public let signedPrekey: PrekeyID
    public let kemPrekey: PrekeyID
    public let isLastResort: Bool
    public let oneTimePrekey: PrekeyID?
    let ciphertext: [UInt8]

    var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.write(KeyType.base.rawValue)
        writer.write(baseKey.bytes)
        writer.write(signedPrekey.encoded)
        writer.write(isLastResort ? KeyType.kemLastResort.rawValue : KeyType.kemPrekey.rawValue)
        writer.write(kemPrekey.encoded)
        writer.write(oneTimePrekey == nil ? 0 : 1)
        if let oneTimePrekey { writer.write(oneTimePrekey.encoded) }
        writer.write(ciphertext)
        return writer.bytes
    }

    init(
        baseKey: X25519.PublicKey, signedPrekey: PrekeyID, kemPrekey: PrekeyID, isLastResort: Bool,
        oneTimePrekey: PrekeyID?, ciphertext: [UInt8]
    ) {
        self.baseKey = baseKey
        self.signedPrekey = signedPrekey
        self.kemPrekey = kemPrekey
        self.isLastResort = isLastResort
        self.oneTimePrekey = oneTimePrekey
        self.ciphertext = ciphertext
    }

    init(_ reader: inout ByteReader) throws(SessionError) {
        do {
            guard try reader.readByte() == KeyType.base.rawValue else { throw ByteReader.Truncated() }
            baseKey = try X25519.PublicKey(try reader.read(X25519.length))
            signedPrekey = try PrekeyID(&reader)
            switch KeyType(rawValue: try reader.readByte()) {
            case .kemPrekey: isLastResort = false
            case .kemLastResort: isLastResort = true
            default: throw ByteReader.Truncated()
            }
            kemPrekey = try PrekeyID(&reader)
            switch try reader.readByte() {
            case 0: oneTimePrekey = nil
            case 1: oneTimePrekey = try PrekeyID(&reader)
            default: throw ByteReader.Truncated()
            }
            ciphertext = try reader.read(MLKEM.ciphertextLength)
        } catch {
            throw .malformed("the initial part of a message")
        }
    }
}

/// The private halves that answer an ``InitialPart``.
///
/// Look the KEM key up among those of the kind that ``InitialPart/isLastResort`` says: whoever takes the last-resort key
/// for a one-time key because a peer calls it so deletes it after use.
public struct ResponderPrekeys: Sendable {
    public let signed: X25519.PrivateKey
    public let kem: MLKEM.PrivateKey
    /// Of the id that the initial part names; nil when it names none.
    public let oneTime: X25519.PrivateKey?

    public init(signed: X25519.PrivateKey, kem: MLKEM.PrivateKey, oneTime: X25519.PrivateKey?) {
        self.signed = signed
        self.kem = kem
        self.oneTime = oneTime
    }
}

/// Post-quantum extended Diffie-Hellman (Signal, "The PQXDH Key Agreement Protocol", revision 3) with X25519, SHA-256
/// and ML-KEM-768.
enum PQXDH {
    /// What both sides share afterwards.
    struct Agreement {
        /// SK, 32 bytes.
        let sharedSecret: SecretBytes
        /// The same for all messages of the session: initiator, then responder.
        let associatedData: [UInt8]
        /// Names the session, 16 bytes.
        let sessionID: [UInt8]
    }

    static func initiate(
        local: LocalParty, peer: SessionParty, bundle: PrekeyBundle, random: some RandomSource
    ) throws(SessionError) -> (agreement: Agreement, initial: InitialPart) {
        let encapsulated: (ciphertext: [UInt8], sharedSecret: SecretBytes)
        do { encapsulated = try bundle.kem.key.encapsulate() } catch { throw .malformed("a prekey of the peer") }
        return try initiate(
            local: local, peer: peer, bundle: bundle, base: X25519.PrivateKey(random: random),
            encapsulated: encapsulated)
    }

    /// With both ephemeral secrets given, so that a run can be repeated.
    static func initiate(
        local: LocalParty, peer: SessionParty, bundle: PrekeyBundle, base: X25519.PrivateKey,
        encapsulated: (ciphertext: [UInt8], sharedSecret: SecretBytes)
    ) throws(SessionError) -> (agreement: Agreement, initial: InitialPart) {
        precondition(bundle.device == peer.device, "a bundle of another device")
        do {
            let initial = InitialPart(
                baseKey: base.publicKey, signedPrekey: bundle.signed.id, kemPrekey: bundle.kem.id,
                isLastResort: bundle.kem.isLastResort, oneTimePrekey: bundle.oneTime?.id,
                ciphertext: encapsulated.ciphertext)
            // Section 3.3: DH1 = DH(IK_A, SPK_B), DH2 = DH(EK_A, IK_B), DH3 = DH(EK_A, SPK_B), DH4 = DH(EK_A, OPK_B).
            var secrets = [
                try local.keys.identity.sharedSecret(with: bundle.signed.key),
                try base.sharedSecret(with: peer.device.identity),
                try base.sharedSecret(with: bundle.signed.key),
            ]
            if let oneTime = bundle.oneTime { secrets.append(try base.sharedSecret(with: oneTime.key)) }
            secrets.append(encapsulated.sharedSecret)
            let agreement = derive(
                secrets, initiator: local.party, responder: peer, initial: initial, signed: bundle.signed.key,
                kem: bundle.kem.key, oneTime: bundle.oneTime?.key)
            return (agreement, initial)
        } catch {
            throw .malformed("a prekey of the peer")
        }
    }

    static func respond(
        local: LocalParty, peer: SessionParty, initial: InitialPart, prekeys: ResponderPrekeys
    ) throws(SessionError) -> Agreement {
        var oneTime: X25519.PrivateKey?
        if let id = initial.oneTimePrekey {
            guard let named = prekeys.oneTime else { throw .unknownPrekey(id) }
            oneTime = named
        }
        do {
            var secrets = [
                try prekeys.signed.sharedSecret(with: peer.device.identity),
                try local.keys.identity.sharedSecret(with: initial.baseKey),
                try prekeys.signed.sharedSecret(with: initial.baseKey),
            ]
            if let oneTime { secrets.append(try oneTime.sharedSecret(with: initial.baseKey)) }
            secrets.append(try prekeys.kem.decapsulate(initial.ciphertext))
            return derive(
                secrets, initiator: peer, responder: local.party, initial: initial, signed: prekeys.signed.publicKey,
                kem: prekeys.kem.publicKey, oneTime: oneTime?.publicKey)
        } catch {
            throw .malformed("the initial part of a message")
        }
    }

    /// SK = KDF(DH1 | DH2 | DH3 | DH4 | SS) (section 3.3), the KDF being HKDF-SHA-256 with a salt of zeros, 32 bytes
    /// 0xff in front of the input (section 2.2), and info that binds every public value of the run (section 4.12 asks
    /// for the KEM public key at least).
    ///
    ///     associated data = "speem/1 session\0" | initiator 165 | responder 165, each as SessionParty.encoded
    ///     transcript = BLAKE2b-512("speem/1 PQXDH transcript\0", associated data, InitialPart.encoded,
    ///                  signed prekey 32, KEM public key 1,184, one-time prekey 32 or none)
    ///     info = "speem/1 PQXDH X25519 SHA-256 ML-KEM-768\0" | transcript
    ///     session id = BLAKE2b-128("speem/1 session id\0", transcript)
    ///
    /// BLAKE2b takes each part after the label behind its length, as 8 bytes little-endian.
    private static func derive(
        _ secrets: [SecretBytes], initiator: SessionParty, responder: SessionParty, initial: InitialPart,
        signed: X25519.PublicKey, kem: MLKEM.PublicKey, oneTime: X25519.PublicKey?
    ) -> Agreement {
        let associatedData = DomainSeparator("session").bytes + initiator.encoded + responder.encoded
        let transcript = BLAKE2b.hash(
            domain: DomainSeparator("PQXDH transcript"), associatedData, initial.encoded, signed.bytes, kem.bytes,
            oneTime?.bytes ?? [], length: BLAKE2b.fullLength)
        let prefix = [UInt8](repeating: 0xff, count: 32)
        let input = SecretBytes(count: prefix.count + secrets.reduce(0) { $0 + $1.count }) { out in
            out.copyBytes(from: prefix)
            var offset = prefix.count
            for secret in secrets {
                secret.withUnsafeBytes {
                    UnsafeMutableRawBufferPointer(rebasing: out[offset...]).copyMemory(from: $0)
                }
                offset += secret.count
            }
        }
        let label = DomainSeparator("PQXDH X25519 SHA-256 ML-KEM-768").bytes
        return Agreement(
            sharedSecret: HKDF.derive(secret: input, info: label + transcript, length: 32),
            associatedData: associatedData,
            sessionID: BLAKE2b.hash(domain: DomainSeparator("session id"), transcript, length: 16))
    }
}
