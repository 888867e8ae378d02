import SpeemCrypto

/// An account's chain of signed entries, checked from the first to the newest.
public struct Roster: Sendable, Equatable {
    /// Entries of a chain at the most: a device and its node are added in two.
    public static let maxEntries = 1024

    public let account: AccountPublicKey
    /// Oldest first; never empty.
    public private(set) var entries: [RosterEntry]

    /// A chain that begins with `genesis`.
    ///
    /// - Throws: ``IdentityError/roster(sequence:reason:)``.
    public init(genesis: RosterEntry) throws(IdentityError) {
        account = genesis.account
        guard genesis.sequence == 1, genesis.previous == .none else {
            throw .roster(sequence: genesis.sequence, reason: "a chain begins with entry 1")
        }
        guard genesis.signer == .account, genesis.isSigned(by: account.key) else {
            throw .roster(sequence: 1, reason: "the account key has not signed it")
        }
        try Self.checkContents(genesis)
        entries = [genesis]
    }

    /// Checks the encoded chain of `account`, oldest entry first.
    ///
    /// - Parameter through: a head that the chain must contain, as an invite promises it.
    /// - Throws: ``IdentityError``.
    public init(
        verifying encoded: [[UInt8]], account: AccountPublicKey, through: RosterHead? = nil
    ) throws(IdentityError) {
        guard let first = encoded.first else { throw .malformed("an empty roster") }
        guard encoded.count <= Self.maxEntries else { throw .malformed("a roster of too many entries") }
        try self.init(genesis: try RosterEntry(first))
        guard self.account == account else { throw .roster(sequence: 1, reason: "it belongs to another account") }
        for bytes in encoded.dropFirst() { try append(try RosterEntry(bytes)) }
        if let through, !contains(through) { throw .headNotInChain }
    }

    /// The newest entry.
    public var newest: RosterEntry {
        guard let last = entries.last else { preconditionFailure("a roster is made with its first entry") }
        return last
    }

    public var head: RosterHead { newest.head }
    public var devices: [DeviceEntry] { newest.devices }
    public var nodes: [NodeEntry] { newest.nodes }

    public func device(_ id: DeviceID) -> DeviceEntry? { newest.lists(id) }

    public func contains(_ head: RosterHead) -> Bool { entries.contains { $0.head == head } }

    /// Adds the next entry: it names the current head, has the next number, and is signed by a device that the current
    /// entry lists, or by the account key.
    ///
    /// - Throws: ``IdentityError/roster(sequence:reason:)``; the chain is then as before.
    public mutating func append(_ entry: RosterEntry) throws(IdentityError) {
        let last = newest
        guard entries.count < Self.maxEntries else {
            throw .roster(sequence: entry.sequence, reason: "the chain has too many entries")
        }
        guard entry.account == account else {
            throw .roster(sequence: entry.sequence, reason: "it belongs to another account")
        }
        guard last.sequence < .max, entry.sequence == last.sequence + 1, entry.previous == last.head else {
            throw .roster(sequence: entry.sequence, reason: "it does not follow the newest entry")
        }
        switch entry.signer {
        case .account:
            guard entry.isSigned(by: account.key) else {
                throw .roster(sequence: entry.sequence, reason: "the account key has not signed it")
            }
        case .device(let id):
            guard let device = last.lists(id) else {
                throw .roster(sequence: entry.sequence, reason: "its signer is not listed in the entry before")
            }
            guard entry.isSigned(by: device.signing) else {
                throw .roster(sequence: entry.sequence, reason: "its signature is wrong")
            }
        }
        try Self.checkContents(entry)
        entries.append(entry)
    }

    /// The chain as it was when it had `count` entries.
    ///
    /// - Precondition: it had, and at least one.
    public func prefix(_ count: Int) -> Roster {
        precondition((1...entries.count).contains(count), "a chain of \(count) of \(entries.count) entries")
        var earlier = self
        earlier.entries.removeLast(entries.count - count)
        return earlier
    }

    /// How another chain of the same account relates to this one.
    public enum Relation: Sendable, Equatable {
        case same
        /// The other goes on from this one's head.
        case newer
        /// This one goes on from the other's head.
        case older
        /// Both go on differently from entry `sequence`: an alarm. The branch that the account key signed wins.
        case fork(after: UInt64)
    }

    /// Compares with another checked chain.
    public func relation(of other: Roster) -> Relation {
        let common = zip(entries, other.entries).prefix { $0.encoded == $1.encoded }.count
        switch (common == entries.count, common == other.entries.count) {
        case (true, true): return .same
        case (true, false): return .newer
        case (false, true): return .older
        case (false, false): return .fork(after: UInt64(common))
        }
    }

    private static func checkContents(_ entry: RosterEntry) throws(IdentityError) {
        guard !entry.devices.isEmpty else {
            throw .roster(sequence: entry.sequence, reason: "it lists no device")
        }
        guard Set(entry.devices.map(\.id)).count == entry.devices.count,
            Set(entry.nodes.map(\.noise)).count == entry.nodes.count
        else { throw .roster(sequence: entry.sequence, reason: "it lists a device or node twice") }
        // One key for two uses or two devices would let one stand in for another.
        var keys = Set<[UInt8]>()
        for device in entry.devices {
            for key in [device.signing.bytes, device.identity.bytes, device.seal.bytes, device.noise.bytes]
            where !keys.insert(key).inserted {
                throw .roster(sequence: entry.sequence, reason: "it lists a key twice")
            }
        }
    }
}
