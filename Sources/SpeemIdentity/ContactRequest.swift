public import SpeemCrypto

/// What a newcomer tells the inviter, inside the first sealed message (design, section 5).
///
///     version 1 | roster entries 2, each behind its length | inviter's head 32 | reciprocal secret 16
///     | name behind its length | MAC 32
///
/// The MAC is keyed BLAKE2b under the invite's request key over the transcript: the inviter's account, the newcomer's
/// account and device, and all bytes before the MAC, which hold both heads and the grant offered. The node has not that
/// key.
public struct ContactRequest: Sendable, Equatable {
    /// Bytes of a name in UTF-8 at the most.
    public static let maxNameBytes = 64
    /// Roster entries in a request at the most; a longer chain is fetched.
    static let maxEntries = 64
    /// Bytes of a request at the most: it fits an envelope's body.
    public static let maxLength = 96 * 1024
    private static let version: UInt8 = 1

    /// The newcomer's chain.
    public let roster: Roster
    /// The inviter's head, as the invite named it.
    public let inviterHead: RosterHead
    /// The secret of a one-time contact invite at the newcomer's home node: the grant offered in return.
    public let reciprocalSecret: SecretBytes
    /// What the newcomer is to be shown as.
    public let name: String

    public init(roster: Roster, inviterHead: RosterHead, reciprocalSecret: SecretBytes, name: String) {
        precondition(reciprocalSecret.count == Invite.secretLength, "an invite's secret has 16 bytes")
        self.roster = roster
        self.inviterHead = inviterHead
        self.reciprocalSecret = reciprocalSecret
        self.name = name
    }

    /// The request with its MAC, which holds a secret: wiping it is the caller's duty.
    ///
    /// - Throws: ``IdentityError/malformed(_:)`` when the chain or the name is over its limit.
    public func encode(
        requestKey: SecretBytes, inviter: AccountPublicKey, device: DeviceID
    ) throws(IdentityError) -> [UInt8] {
        guard roster.entries.count <= Self.maxEntries, name.utf8.count <= Self.maxNameBytes else {
            throw .malformed("a contact request")
        }
        var writer = SecretWriter()
        writer.write(Self.version)
        writer.write(BigEndian.bytes(UInt16(roster.entries.count)))
        for entry in roster.entries { writer.write(lengthPrefixed: entry.encoded) }
        writer.write(inviterHead.bytes)
        writer.write(reciprocalSecret)
        writer.write(lengthPrefixed: Array(name.utf8))
        var body = writer.encoded.exposedCopy()
        defer { Wipe.zero(&body) }
        writer.write(Self.mac(body, key: requestKey, inviter: inviter, newcomer: roster.account, device: device))
        let request = writer.encoded
        guard request.count <= Self.maxLength else { throw .malformed("a contact request") }
        return request.exposedCopy()
    }

    /// Reads a request whose MAC is right under one of `requestKeys`, and returns which.
    ///
    /// - Parameters:
    ///   - inviter: the account of the reader.
    ///   - device: the newcomer's device, as the session around the request knows it.
    /// - Throws: ``IdentityError``.
    public static func open(
        _ bytes: [UInt8], requestKeys: [SecretBytes], inviter: AccountPublicKey, newcomer: AccountPublicKey,
        device: DeviceID
    ) throws(IdentityError) -> (request: ContactRequest, invite: Int) {
        guard bytes.count <= maxLength, bytes.count > 32 else { throw .malformed("a contact request") }
        var body = Array(bytes.dropLast(32))
        defer { Wipe.zero(&body) }
        let tag = Array(bytes.suffix(32))
        var match: Int?
        for (index, key) in requestKeys.enumerated() {
            let expected = mac(body, key: key, inviter: inviter, newcomer: newcomer, device: device)
            if ConstantTime.equal(expected, tag) { match = index }
        }
        guard let match else { throw .notAuthentic("a contact request") }
        let request = try decode(body, newcomer: newcomer)
        guard request.roster.device(device) != nil else { throw .notAuthentic("a contact request's device") }
        return (request, match)
    }

    private static func decode(_ body: [UInt8], newcomer: AccountPublicKey) throws(IdentityError) -> ContactRequest {
        var reader = ByteReader(body)
        do {
            let version = try reader.readByte()
            guard version == Self.version else { throw IdentityError.unknownVersion("a contact request", version) }
            let count = Int(try reader.readBigEndian(UInt16.self))
            guard count <= maxEntries else { throw IdentityError.malformed("a contact request") }
            var entries: [[UInt8]] = []
            for _ in 0..<count { entries.append(try reader.readLengthPrefixed(limit: RosterEntry.maxLength)) }
            let head = try RosterHead(try reader.read(RosterHead.length))
            let secret = try reader.readSecret(Invite.secretLength)
            let name = try readName(&reader)
            guard reader.remaining == 0 else { throw IdentityError.malformed("a contact request") }
            return ContactRequest(
                roster: try Roster(verifying: entries, account: newcomer), inviterHead: head,
                reciprocalSecret: secret, name: name)
        } catch let error as IdentityError {
            throw error
        } catch {
            throw .malformed("a contact request")
        }
    }

    private static func mac(
        _ body: [UInt8], key: SecretBytes, inviter: AccountPublicKey, newcomer: AccountPublicKey, device: DeviceID
    ) -> [UInt8] {
        BLAKE2b.hash(
            DomainSeparator("contact request").bytes, inviter.bytes, newcomer.bytes, device.bytes, body, key: key)
    }

    static func readName(_ reader: inout ByteReader) throws -> String {
        let bytes = try reader.readLengthPrefixed(limit: maxNameBytes)
        guard let name = String(validating: bytes, as: UTF8.self) else {
            throw IdentityError.malformed("a name")
        }
        // None at all is no claim.
        guard name.isEmpty || ContactName.problem(name) == nil else { throw IdentityError.malformed("a name") }
        return name
    }
}

/// The inviter's answer, inside a sealed message: the newcomer is a contact now.
///
///     version 1 | inviter's head 32 | name behind its length
public struct ContactAccept: Sendable, Equatable {
    private static let version: UInt8 = 1

    public let head: RosterHead
    /// What the inviter is to be shown as.
    public let name: String

    public init(head: RosterHead, name: String) {
        self.head = head
        self.name = name
    }

    public var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.version)
        writer.write(head.bytes)
        writer.write(lengthPrefixed: Array(name.utf8.prefix(ContactRequest.maxNameBytes)))
        return writer.bytes
    }

    /// - Throws: ``IdentityError``.
    public init(_ bytes: [UInt8]) throws(IdentityError) {
        var reader = ByteReader(bytes)
        do {
            let version = try reader.readByte()
            guard version == Self.version else { throw IdentityError.unknownVersion("a contact acceptance", version) }
            head = try RosterHead(try reader.read(RosterHead.length))
            name = try ContactRequest.readName(&reader)
            guard reader.remaining == 0 else { throw IdentityError.malformed("a contact acceptance") }
        } catch let error as IdentityError {
            throw error
        } catch {
            throw .malformed("a contact acceptance")
        }
    }
}
