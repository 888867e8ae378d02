import SpeemCrypto
import SpeemDiscovery
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemSync
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What accounts are recognised by on a network: the own key is a register that own devices agree on; contacts' are what they
/// told last.
enum DiscoveryRows {
    /// Of the own key.
    static let register = RegisterKey.setting("discovery_key")

    // MARK: The own key

    static func own(in connection: Connection) throws -> DiscoveryKey? {
        try RegisterRows.find(register, in: connection).flatMap { DiscoveryKey(SecretBytes($0.value)) }
    }

    /// The first key of an account, in the transaction that makes the device.
    static func make(by device: DeviceID, in connection: Connection) throws {
        try RegisterRows.set(
            register, to: SystemRandomSource().bytes(DiscoveryKey.length), by: device, in: connection)
    }

    /// What contacts are told of it.
    static func share(in connection: Connection) throws -> WireDiscoveryShare? {
        try RegisterRows.find(register, in: connection).map { register in
            .with {
                $0.key = Data(register.value)
                $0.counter = register.stamp.counter
                $0.device = Data(register.stamp.device.bytes)
            }
        }
    }

    /// Another key from now on, which all but `contact` are told: somebody has known the old one who is not to recognise this
    /// account any more.
    static func rotate(without contact: Int64? = nil, state: DeviceState, in connection: Connection) throws {
        try OwnSync(state: state).set(register, to: state.random.bytes(DiscoveryKey.length), in: connection)
        for other in try ContactRows.all(in: connection) where other.id != contact && other.state == .confirmed {
            try tell(other, state: state, in: connection)
        }
    }

    /// Tells a contact the own key.
    static func tell(_ contact: Contact, state: DeviceState, in connection: Connection) throws {
        guard let share = try share(in: connection) else { return }
        try OutgoingMail(state: state).queueNotice(discovery: share, to: contact, in: connection)
    }

    // MARK: Contacts' keys

    static func key(of contact: Int64, in connection: Connection) throws(StoreError) -> DiscoveryKey? {
        try connection.first(
            "SELECT discovery_key FROM contact WHERE id = ? AND discovery_key IS NOT NULL", .integer(contact)
        ) { row throws(StoreError) in try row.secret(0) }.flatMap(DiscoveryKey.init)
    }

    /// A contact's key as other own devices are told it.
    static func card(of contact: Int64, in connection: Connection) throws(StoreError) -> WireDiscoveryShare? {
        try connection.first(
            """
            SELECT discovery_key, discovery_counter, discovery_device FROM contact
            WHERE id = ? AND discovery_key IS NOT NULL
            """, .integer(contact)
        ) { row throws(StoreError) in
            let (key, counter, device) = (try row.secret(0), try row.integer(1), try row.blob(2))
            return .with {
                $0.key = Data(key.exposedCopy())
                $0.counter = UInt64(clamping: counter)
                $0.device = Data(device)
            }
        }
    }

    /// Takes a contact's key, unless a newer one is known: two of its devices may have changed it at once.
    ///
    /// - Returns: whether it is new.
    static func take(_ share: WireDiscoveryShare, of contact: Int64, in connection: Connection) throws -> Bool {
        guard share.counter <= Stamp.maxCounter + 1 else { return false }
        let stamp = Stamp(counter: share.counter, device: try DeviceID([UInt8](share.device)))
        if let known = try card(of: contact, in: connection) {
            guard try Stamp(counter: known.counter, device: DeviceID([UInt8](known.device))) < stamp else {
                return false
            }
        }
        try connection.execute(
            "UPDATE contact SET discovery_key = ?, discovery_counter = ?, discovery_device = ? WHERE id = ?",
            .secret(SecretBytes(share.key)), .integer(Int64(clamping: share.counter)), .blob([UInt8](share.device)),
            .integer(contact))
        return connection.changes > 0
    }
}
