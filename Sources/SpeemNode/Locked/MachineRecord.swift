import SpeemCrypto
import SpeemDiscovery
import SpeemIdentity
import SpeemTransport

/// What a node must know while its store is locked: who may connect, and for whom something is taken in.
///
/// A copy of rows of the store, which wins wherever the two differ.
struct MachineRecord: Sendable {
    var noiseKey: X25519.PrivateKey
    /// The public half of the store's seal key.
    var sealPublicKey: X25519.PublicKey
    /// Whether the owner's roster does not list this node any more.
    var isRetired: Bool
    /// nil before a device has told.
    var discoveryKey: EndpointKey?
    var spool: SpoolPosition.Last
    /// Devices with a mailbox, 16 bytes each.
    var mailboxes: [[UInt8]]
    /// Names of the parties (16 bytes) by their rows.
    var parties: [Int64: [UInt8]]
    var grants: [NodeAccess.Entry]

    private static let version: UInt8 = 1

    /// - Parameter counters: false leaves out what changes with every connection.
    func encoded(counters: Bool = true) -> SecretBytes {
        var writer = SecretWriter()
        writer.write(Self.version)
        writer.write(noiseKey.secret)
        writer.write(sealPublicKey.bytes)
        writer.write(isRetired ? 1 : 0)
        writer.write(discoveryKey == nil ? 0 : 1)
        if let discoveryKey { writer.write(discoveryKey.secret) }
        writer.write(BigEndian.bytes(spool.number))
        writer.write(spool.link)
        writer.write(BigEndian.bytes(UInt32(mailboxes.count)))
        for mailbox in mailboxes.sorted(by: { Hex.encode($0) < Hex.encode($1) }) { writer.write(mailbox) }
        let used = Set(grants.map(\.party))
        let names = parties.filter { used.contains($0.key) }.sorted { $0.key < $1.key }
        writer.write(BigEndian.bytes(UInt32(names.count)))
        for (party, name) in names {
            writer.write(BigEndian.bytes(UInt64(bitPattern: party)))
            writer.write(name)
        }
        writer.write(BigEndian.bytes(UInt32(grants.count)))
        for entry in grants.sorted(by: { $0.grant.id < $1.grant.id }) {
            writer.write(BigEndian.bytes(UInt64(bitPattern: entry.grant.id)))
            writer.write(entry.initiatorKey)
            writer.write(entry.grant.preSharedKey)
            writer.write(UInt8(clamping: entry.kind.code))
            if case .ownDevice(let device) = entry.kind { writer.write(device.bytes) }
            writer.write(BigEndian.bytes(UInt64(bitPattern: entry.party)))
            writer.write(BigEndian.bytes(counters ? entry.counter : 0))
        }
        return writer.encoded
    }

    /// Takes apart what ``encoded(counters:)`` made.
    init(_ bytes: SecretBytes) throws {
        var reader = SecretReader(bytes)
        guard try reader.readByte() == Self.version else {
            throw NodeError.inconsistentStore("the machine file is of another version")
        }
        noiseKey = try X25519.PrivateKey(try reader.readSecret(X25519.length))
        sealPublicKey = try X25519.PublicKey(try reader.read(X25519.length))
        isRetired = try reader.readByte() != 0
        discoveryKey =
            try reader.readByte() == 0 ? nil : EndpointKey(try reader.readSecret(EndpointKey.length))
        spool = SpoolPosition.Last(
            number: try reader.readBigEndian(UInt64.self), link: try reader.read(SpoolPosition.linkLength))
        mailboxes = []
        for _ in 0..<(try reader.readBigEndian(UInt32.self)) { mailboxes.append(try reader.read(16)) }
        parties = [:]
        for _ in 0..<(try reader.readBigEndian(UInt32.self)) {
            let party = Int64(bitPattern: try reader.readBigEndian(UInt64.self))
            parties[party] = try reader.read(PartyRows.nameLength)
        }
        grants = []
        for _ in 0..<(try reader.readBigEndian(UInt32.self)) {
            let id = Int64(bitPattern: try reader.readBigEndian(UInt64.self))
            let key = try reader.read(X25519.length)
            let preSharedKey = try reader.readSecret(32)
            let code = Int64(try reader.readByte())
            let device = code == GrantKind.ownDeviceCode ? try reader.read(16) : nil
            let party = Int64(bitPattern: try reader.readBigEndian(UInt64.self))
            grants.append(
                NodeAccess.Entry(
                    grant: AccessGrant(id: id, preSharedKey: preSharedKey), initiatorKey: key,
                    kind: try GrantKind(code: code, device: device), party: party,
                    counter: try reader.readBigEndian(UInt64.self)))
        }
        guard reader.remaining == 0 else {
            throw NodeError.inconsistentStore("the machine file is longer than what is in it")
        }
    }

    init(
        noiseKey: X25519.PrivateKey, sealPublicKey: X25519.PublicKey, isRetired: Bool, discoveryKey: EndpointKey?,
        spool: SpoolPosition.Last, mailboxes: [[UInt8]], parties: [Int64: [UInt8]], grants: [NodeAccess.Entry]
    ) {
        self.noiseKey = noiseKey
        self.sealPublicKey = sealPublicKey
        self.isRetired = isRetired
        self.discoveryKey = discoveryKey
        self.spool = spool
        self.mailboxes = mailboxes
        self.parties = parties
        self.grants = grants
    }
}
