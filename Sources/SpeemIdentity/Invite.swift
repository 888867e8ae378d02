public import SpeemCrypto

/// A one-time grant in a link or QR code.
///
///     version 1 | kind 1 | expires 8 | node (NodeEntry.encoded) | secret 16
///     | link and contact: account key 33, roster head 32, device id 16 | checksum 4
///
/// As text: "speem:" and base32 (RFC 4648, no padding) of these bytes. The checksum is the start of a BLAKE2b hash and
/// only finds mistyping.
public struct Invite: Sendable, Equatable {
    /// Bytes of the secret: 128 bits, because it is only good for one use within its lifetime.
    public static let secretLength = 16
    /// Characters of the text at the most; more is not looked at.
    public static let maxTextLength = 4096
    private static let version: UInt8 = 1
    private static let scheme = "speem:"

    public enum Kind: UInt8, Sendable {
        /// The first device takes an unowned node.
        case claim = 1
        /// A further device of the same account.
        case link = 2
        /// Another person.
        case contact = 3
    }

    /// Who invites, and which chain the newcomer must find.
    public struct Inviter: Sendable, Equatable {
        public let account: AccountPublicKey
        public let head: RosterHead
        /// The device that made the invite: it alone has the secret, and takes the request.
        public let device: DeviceID

        public init(account: AccountPublicKey, head: RosterHead, device: DeviceID) {
            self.account = account
            self.head = head
            self.device = device
        }
    }

    /// What the invite is for.
    public enum Purpose: Sendable, Equatable {
        case claim
        case link(Inviter)
        case contact(Inviter)

        public var kind: Kind {
            switch self {
            case .claim: .claim
            case .link: .link
            case .contact: .contact
            }
        }
    }

    public let purpose: Purpose
    /// Unix seconds; 0 when the maker had no synchronised clock.
    public let expires: UInt64
    public let node: NodeEntry
    /// 16 bytes.
    public let secret: SecretBytes

    public init(purpose: Purpose, expires: UInt64, node: NodeEntry, secret: SecretBytes) {
        precondition(secret.count == Self.secretLength, "an invite's secret has 16 bytes")
        self.purpose = purpose
        self.expires = expires
        self.node = node
        self.secret = secret
    }

    // MARK: Text

    /// The invite in lower case, for a link. It shows the secret, and like any text it is not wiped.
    public var text: String { Self.scheme + encoded.withUnsafeBytes { Base32.encode($0) }.lowercased() }

    /// The invite in upper case, which a QR code packs more tightly.
    public var qrText: String { text.uppercased() }

    private var encoded: SecretBytes {
        var writer = SecretWriter()
        writer.write(Self.version)
        writer.write(purpose.kind.rawValue)
        writer.write(BigEndian.bytes(expires))
        writer.write(node.encoded)
        writer.write(secret)
        switch purpose {
        case .claim: break
        case .link(let inviter), .contact(let inviter):
            writer.write(KeyType.accountSigning.rawValue)
            writer.write(inviter.account.bytes)
            writer.write(inviter.head.bytes)
            writer.write(inviter.device.bytes)
        }
        var body = writer.encoded.exposedCopy()
        defer { Wipe.zero(&body) }
        writer.write(Self.checksum(body))
        return writer.encoded
    }

    private static func checksum(_ bytes: [UInt8]) -> [UInt8] {
        Array(BLAKE2b.hash(domain: DomainSeparator("invite checksum"), bytes, length: 16)[..<4])
    }

    /// Why a text is not an invite.
    public enum TextError: Error, Equatable, Sendable, CustomStringConvertible {
        case notAnInvite
        case tooLong(limit: Int)
        case mistyped
        case unknownVersion(UInt8)
        case unknownKind(UInt8)

        public var description: String {
            switch self {
            case .notAnInvite: "this is not an invite: an invite begins with \"speem:\""
            case .tooLong(let limit): "this is not an invite: it has more than \(limit) characters"
            case .mistyped: "the invite is mistyped or incomplete"
            case .unknownVersion(let version): "the invite has version \(version), which this program does not know"
            case .unknownKind(let kind): "the invite is of kind \(kind), which this program does not know"
            }
        }
    }

    /// Reads an invite from text: in any case, with white space in it, as mail programs leave it.
    public init(text: String) throws(TextError) {
        guard text.utf8.count <= Self.maxTextLength else { throw .tooLong(limit: Self.maxTextLength) }
        let compact = text.filter { !$0.isWhitespace }.lowercased()
        guard compact.hasPrefix(Self.scheme) else { throw .notAnInvite }
        guard var bytes = Base32.decode(compact.dropFirst(Self.scheme.count)) else { throw .mistyped }
        defer { Wipe.zero(&bytes) }
        guard bytes.count > 6 else { throw .mistyped }
        var body = Array(bytes.dropLast(4))
        defer { Wipe.zero(&body) }
        // The version first: a later one may have another checksum.
        guard body[0] == Self.version else {
            throw ConstantTime.equal(Self.checksum(body), Array(bytes.suffix(4))) ? .unknownVersion(body[0]) : .mistyped
        }
        guard ConstantTime.equal(Self.checksum(body), Array(bytes.suffix(4))) else { throw .mistyped }
        guard let kind = Kind(rawValue: body[1]) else { throw .unknownKind(body[1]) }
        do {
            var reader = ByteReader(body)
            _ = try reader.read(2)
            let expires = try reader.readBigEndian(UInt64.self)
            let node = try NodeEntry(&reader)
            let secret = try reader.readSecret(Self.secretLength)
            let purpose: Purpose
            switch kind {
            case .claim: purpose = .claim
            case .link: purpose = .link(try Self.readInviter(&reader))
            case .contact: purpose = .contact(try Self.readInviter(&reader))
            }
            guard reader.remaining == 0 else { throw TextError.mistyped }
            self.init(purpose: purpose, expires: expires, node: node, secret: secret)
        } catch {
            throw .mistyped
        }
    }

    private static func readInviter(_ reader: inout ByteReader) throws -> Inviter {
        Inviter(
            account: try AccountPublicKey(try reader.readKey(.accountSigning)),
            head: try RosterHead(try reader.read(RosterHead.length)),
            device: try DeviceID(try reader.read(DeviceID.length)))
    }
}
