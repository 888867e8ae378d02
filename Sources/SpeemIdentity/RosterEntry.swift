public import SpeemCrypto

/// The hash of a roster entry, 32 bytes: what the next entry, messages and invites name it by.
public struct RosterHead: Sendable, Hashable {
    /// In bytes.
    public static let length = 32
    public let bytes: [UInt8]

    /// - Throws: ``IdentityError/malformed(_:)`` for another length.
    public init(_ bytes: [UInt8]) throws(IdentityError) {
        guard bytes.count == Self.length else { throw .malformed("a roster head") }
        self.bytes = bytes
    }

    init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    /// What the first entry names as the one before it.
    static let none = RosterHead(unchecked: [UInt8](repeating: 0, count: length))
}

/// One entry of a roster: all devices and nodes of the account from here on, signed.
///
///     version 1 | sequence 8 | previous head 32 | account key 33 | signer 1 or 17
///     | devices 1, each 132 | nodes 1, each as NodeEntry.encoded | signature 64
///
/// `signer` is 0 for the account key, or 1 and the device id. The signature covers all before it.
public struct RosterEntry: Sendable, Hashable {
    /// Devices of an account at the most.
    public static let maxDevices = 16
    /// Nodes of an account at the most.
    public static let maxNodes = 8
    /// Bytes of an encoded entry at the most.
    public static let maxLength = 32 * 1024
    private static let version: UInt8 = 1
    private static let domain = DomainSeparator("roster entry")

    public enum Signer: Sendable, Hashable {
        /// The first entry, and recovery.
        case account
        case device(DeviceID)
    }

    /// Counts from 1.
    public let sequence: UInt64
    public let previous: RosterHead
    public let account: AccountPublicKey
    public let signer: Signer
    public let devices: [DeviceEntry]
    /// The first is home.
    public let nodes: [NodeEntry]
    /// 64 bytes.
    public let signature: [UInt8]
    /// The whole entry.
    public let encoded: [UInt8]

    public let head: RosterHead

    private static func head(of encoded: [UInt8]) -> RosterHead {
        RosterHead(unchecked: BLAKE2b.hash(domain: DomainSeparator("roster head"), encoded))
    }

    /// The first entry of an account.
    public static func genesis(
        account: AccountKey, devices: [DeviceEntry], nodes: [NodeEntry]
    ) throws(IdentityError) -> RosterEntry {
        try sign(
            sequence: 1, previous: .none, account: account.publicKey, signer: .account, devices: devices, nodes: nodes
        ) { account.signingKey.sign($0, domain: domain) }
    }

    /// The entry after `entry`, signed by one of its devices.
    public static func next(
        after entry: RosterEntry, signedBy keys: DeviceKeys, devices: [DeviceEntry], nodes: [NodeEntry]
    ) throws(IdentityError) -> RosterEntry {
        let (sequence, overflow) = entry.sequence.addingReportingOverflow(1)
        guard !overflow else { throw .roster(sequence: entry.sequence, reason: "no number comes after it") }
        return try sign(
            sequence: sequence, previous: entry.head, account: entry.account, signer: .device(keys.entry.id),
            devices: devices, nodes: nodes
        ) { keys.signing.sign($0, domain: domain) }
    }

    /// The entry after `entry`, signed by the account key: what the recovery words are for.
    public static func recovery(
        after entry: RosterEntry, account: AccountKey, devices: [DeviceEntry], nodes: [NodeEntry]
    ) throws(IdentityError) -> RosterEntry {
        let (sequence, overflow) = entry.sequence.addingReportingOverflow(1)
        guard !overflow else { throw .roster(sequence: entry.sequence, reason: "no number comes after it") }
        return try sign(
            sequence: sequence, previous: entry.head, account: account.publicKey, signer: .account, devices: devices,
            nodes: nodes
        ) { account.signingKey.sign($0, domain: domain) }
    }

    private static func sign(
        sequence: UInt64, previous: RosterHead, account: AccountPublicKey, signer: Signer, devices: [DeviceEntry],
        nodes: [NodeEntry], _ sign: ([UInt8]) -> [UInt8]
    ) throws(IdentityError) -> RosterEntry {
        guard devices.count <= maxDevices, nodes.count <= maxNodes else {
            throw .roster(sequence: sequence, reason: "it lists more than \(maxDevices) devices or \(maxNodes) nodes")
        }
        var writer = ByteWriter()
        writer.write(version)
        writer.write(bigEndian: sequence)
        writer.write(previous.bytes)
        writer.write(KeyType.accountSigning.rawValue)
        writer.write(account.bytes)
        switch signer {
        case .account: writer.write(0)
        case .device(let id):
            writer.write(1)
            writer.write(id.bytes)
        }
        writer.write(UInt8(devices.count))
        for device in devices { writer.write(device.encoded) }
        writer.write(UInt8(nodes.count))
        for node in nodes { writer.write(node.encoded) }
        let signature = sign(writer.bytes)
        writer.write(signature)
        return RosterEntry(
            sequence: sequence, previous: previous, account: account, signer: signer, devices: devices, nodes: nodes,
            signature: signature, encoded: writer.bytes)
    }

    private init(
        sequence: UInt64, previous: RosterHead, account: AccountPublicKey, signer: Signer, devices: [DeviceEntry],
        nodes: [NodeEntry], signature: [UInt8], encoded: [UInt8]
    ) {
        self.sequence = sequence
        self.previous = previous
        self.account = account
        self.signer = signer
        self.devices = devices
        self.nodes = nodes
        self.signature = signature
        self.encoded = encoded
        head = Self.head(of: encoded)
    }

    /// Reads an entry. Its signature is not checked yet: that takes the entry before it (``Roster``).
    public init(_ encoded: [UInt8]) throws(IdentityError) {
        guard encoded.count <= Self.maxLength else { throw .malformed("a roster entry") }
        var reader = ByteReader(encoded)
        do {
            let version = try reader.readByte()
            guard version == Self.version else { throw IdentityError.unknownVersion("a roster entry", version) }
            sequence = try reader.readBigEndian(UInt64.self)
            previous = RosterHead(unchecked: try reader.read(RosterHead.length))
            account = try AccountPublicKey(try reader.readKey(.accountSigning))
            switch try reader.readByte() {
            case 0: signer = .account
            case 1: signer = .device(try DeviceID(try reader.read(DeviceID.length)))
            default: throw IdentityError.malformed("a roster entry")
            }
            let deviceCount = Int(try reader.readByte())
            guard deviceCount <= Self.maxDevices else { throw IdentityError.malformed("a roster entry") }
            var devices: [DeviceEntry] = []
            for _ in 0..<deviceCount { devices.append(try DeviceEntry(&reader)) }
            let nodeCount = Int(try reader.readByte())
            guard nodeCount <= Self.maxNodes else { throw IdentityError.malformed("a roster entry") }
            var nodes: [NodeEntry] = []
            for _ in 0..<nodeCount { nodes.append(try NodeEntry(&reader)) }
            self.devices = devices
            self.nodes = nodes
            signature = try reader.read(Ed25519.signatureLength)
            guard reader.remaining == 0 else { throw IdentityError.malformed("a roster entry") }
        } catch let error as IdentityError {
            throw error
        } catch {
            throw .malformed("a roster entry")
        }
        self.encoded = encoded
        head = Self.head(of: encoded)
    }

    /// Whether `key` signed the entry.
    func isSigned(by key: Ed25519.PublicKey) -> Bool {
        let signed = Array(encoded.dropLast(Ed25519.signatureLength))
        return (try? key.verify(signature, of: signed, domain: Self.domain)) != nil
    }

    /// Whether a node is one of the account's from here on.
    public func lists(node key: X25519.PublicKey) -> Bool { nodes.contains { $0.noise == key } }

    public func lists(_ device: DeviceID) -> DeviceEntry? { devices.first { $0.id == device } }
}
