public import SpeemCrypto

/// What a new device tells the device that invited it, inside the first sealed message (design, section 5).
///
///     version 1 | account's head as the invite names it 32 | newcomer's device entry 132
///     | initiator key for the home node, behind its type 33 | name behind its length of 2 | MAC 32
///
/// The MAC is keyed BLAKE2b under the invite's request key over the account key and all bytes before the MAC. The node has
/// not that key: it cannot offer a device of its own.
public struct LinkRequest: Sendable, Equatable {
    private static let version: UInt8 = 1

    public let head: RosterHead
    public let device: DeviceEntry
    /// The newcomer's permanent one.
    public let initiatorKey: X25519.PublicKey
    /// What the device is to be called; at most ``ContactRequest/maxNameBytes``.
    public let name: String

    public init(head: RosterHead, device: DeviceEntry, initiatorKey: X25519.PublicKey, name: String) {
        self.head = head
        self.device = device
        self.initiatorKey = initiatorKey
        self.name = name
    }

    /// The request with its MAC.
    ///
    /// - Throws: ``IdentityError/malformed(_:)`` when the name is over its limit.
    public func encode(requestKey: SecretBytes, account: AccountPublicKey) throws(IdentityError) -> [UInt8] {
        guard name.utf8.count <= ContactRequest.maxNameBytes else { throw .malformed("a link request") }
        var writer = ByteWriter()
        writer.write(Self.version)
        writer.write(head.bytes)
        writer.write(device.encoded)
        writer.write(KeyType.initiator.rawValue)
        writer.write(initiatorKey.bytes)
        writer.write(lengthPrefixed: Array(name.utf8))
        writer.write(Self.mac(writer.bytes, key: requestKey, account: account))
        return writer.bytes
    }

    /// Reads a request whose MAC is right under one of `requestKeys`, and returns which.
    ///
    /// - Parameter device: the newcomer's device as the session around the request knows it.
    /// - Throws: ``IdentityError``.
    public static func open(
        _ bytes: [UInt8], requestKeys: [SecretBytes], account: AccountPublicKey, device: DeviceID
    ) throws(IdentityError) -> (request: LinkRequest, invite: Int) {
        guard bytes.count > 32, bytes.count <= ContactRequest.maxLength else { throw .malformed("a link request") }
        let body = Array(bytes.dropLast(32))
        let tag = Array(bytes.suffix(32))
        var match: Int?
        for (index, key) in requestKeys.enumerated()
        where ConstantTime.equal(mac(body, key: key, account: account), tag) { match = index }
        guard let match else { throw .notAuthentic("a link request") }
        var reader = ByteReader(body)
        do {
            let version = try reader.readByte()
            guard version == Self.version else { throw IdentityError.unknownVersion("a link request", version) }
            let head = try RosterHead(try reader.read(RosterHead.length))
            let entry = try DeviceEntry(&reader)
            let key = try X25519.PublicKey(try reader.readKey(.initiator))
            let name = try ContactRequest.readName(&reader)
            guard reader.remaining == 0 else { throw IdentityError.malformed("a link request") }
            guard entry.id == device else { throw IdentityError.notAuthentic("a link request's device") }
            return (LinkRequest(head: head, device: entry, initiatorKey: key, name: name), match)
        } catch let error as IdentityError {
            throw error
        } catch {
            throw .malformed("a link request")
        }
    }

    private static func mac(_ body: [UInt8], key: SecretBytes, account: AccountPublicKey) -> [UInt8] {
        BLAKE2b.hash(DomainSeparator("link request").bytes, account.bytes, body, key: key)
    }
}
