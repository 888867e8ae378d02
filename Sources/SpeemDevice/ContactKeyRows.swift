import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Which one-time keys at the own nodes opened the way for which device of a contact: what came of them is withdrawn when
/// the contact's account does not list the device any more.
enum ContactKeyRows {
    /// Keys of one contact at the most: a bound on what it can make this device keep.
    private static let maxKeys: Int64 = 256

    /// - Parameter isProven: a contact request came over the keys. Else somebody says so, which counts for keys that nobody
    ///   else is known to have.
    static func insert(
        _ keys: [WireDeviceKey], of contact: Int64, isProven: Bool = false, in connection: Connection
    ) throws {
        for key in keys {
            let bytes = Value.blob([UInt8](key.oneTimeKey))
            if isProven {
                try connection.execute(
                    "DELETE FROM contact_key WHERE one_time_key = ? AND contact <> ?", bytes, .integer(contact))
            }
            let count = try connection.first("SELECT count(*) FROM contact_key WHERE contact = ?", .integer(contact)) {
                row throws(StoreError) in try row.integer(0)
            }
            guard count ?? 0 < maxKeys else { break }
            try connection.execute(
                """
                INSERT INTO contact_key (contact, device, one_time_key) SELECT ?1, ?2, ?3
                WHERE NOT EXISTS (SELECT 1 FROM contact_key WHERE one_time_key = ?3 AND contact <> ?1)
                ON CONFLICT DO NOTHING
                """, .integer(contact), .blob([UInt8](key.device)), bytes)
        }
        // Word of a key may come later than that of the device's removal; or earlier than that of its signing in again, which
        // the roster that is asked for then tells.
        guard !keys.isEmpty, let known = try ContactRows.find(contact, in: connection), known.wantedHead == nil else {
            return
        }
        let roster = try ContactRows.roster(of: known, in: connection)
        try withdrawRemoved(of: contact, listed: roster, by: [roster], in: connection)
    }

    /// Withdraws the keys of all devices that one of `chains` has listed and that `roster` does not list: also of one that
    /// came and went while nobody looked.
    static func withdrawRemoved(
        of contact: Int64, listed roster: Roster, by chains: [Roster], in connection: Connection
    ) throws {
        let devices = try connection.query(
            "SELECT DISTINCT device FROM contact_key WHERE contact = ?", .integer(contact)
        ) {
            row throws(StoreError) in try row.blob(0)
        }
        for bytes in devices {
            let device = try DeviceError.stored("a device") { try DeviceID(bytes) }
            guard roster.device(device) == nil,
                chains.contains(where: { $0.entries.contains { $0.lists(device) != nil } })
            else { continue }
            try withdraw(device, of: contact, in: connection)
        }
    }

    static func all(of contact: Int64, in connection: Connection) throws(StoreError) -> [WireDeviceKey] {
        try connection.query(
            "SELECT device, one_time_key FROM contact_key WHERE contact = ?", .integer(contact)
        ) { row throws(StoreError) in
            let (device, key) = (try row.blob(0), try row.blob(1))
            return .with {
                $0.device = Data(device)
                $0.oneTimeKey = Data(key)
            }
        }
    }

    /// Routes that a contact may withdraw at once: as many as its account may have devices.
    private static let maxWithdrawn = 16
    /// Keys of one contact that are withdrawn without being known here: a bound on what it can have remembered for ever, here
    /// and at the own nodes.
    private static let maxUnknown: Int64 = 1024

    /// A contact does not use these routes any more. Nobody but who registered a route knows its key, so one that is not known
    /// here yet is withdrawn, too; one that is known to come from somebody else is not.
    static func withdraw(routes: [[UInt8]], of contact: Int64, in connection: Connection) throws {
        for route in routes.prefix(maxWithdrawn) where try !NodeGrantRows.isRevoked(route, in: connection) {
            if let grant = try NodeGrantRows.find(route, in: connection) {
                guard grant.kind == .route, try isTheirs(grant, contact, in: connection) else { continue }
            } else {
                try connection.execute(
                    "UPDATE contact SET unknown_routes = unknown_routes + 1 WHERE id = ? AND unknown_routes < ?",
                    .integer(contact), .integer(maxUnknown))
                guard connection.changes > 0 else { continue }
            }
            try NodeGrantRows.revoke(route, in: connection)
        }
        if !routes.isEmpty { try NodeGrantRows.changed(in: connection) }
    }

    /// Whether a route was registered with a key that one of the contact's invites led to.
    private static func isTheirs(_ route: WireGrant, _ contact: Int64, in connection: Connection) throws -> Bool {
        guard let origin = try NodeGrantRows.find([UInt8](route.origin), in: connection) else { return false }
        return try connection.first(
            "SELECT 1 FROM contact_key WHERE contact = ? AND one_time_key = ?", .integer(contact),
            .blob([UInt8](origin.origin))
        ) { row throws(StoreError) in try row.integer(0) } != nil
    }

    /// The contact is none any more: all its keys are to be withdrawn at the own nodes.
    static func withdrawAll(of contact: Int64, in connection: Connection) throws(StoreError) {
        for key in try all(of: contact, in: connection) {
            try NodeGrantRows.revoke([UInt8](key.oneTimeKey), in: connection)
        }
        try NodeGrantRows.changed(in: connection)
    }

    /// The one-time keys from which come the grants of contacts that are blocked.
    static func blocked(in connection: Connection) throws(StoreError) -> Set<[UInt8]> {
        Set(
            try connection.query(
                "SELECT one_time_key FROM contact_key JOIN contact ON contact.id = contact WHERE blocked = 1"
            ) { row throws(StoreError) in try row.blob(0) })
    }

    /// The device is not listed any more: its keys are to be withdrawn at the own nodes.
    private static func withdraw(
        _ device: DeviceID, of contact: Int64, in connection: Connection
    ) throws(StoreError) {
        let keys = try connection.query(
            "SELECT one_time_key FROM contact_key WHERE contact = ? AND device = ?", .integer(contact),
            .blob(device.bytes)
        ) { row throws(StoreError) in try row.blob(0) }
        for key in keys { try NodeGrantRows.revoke(key, in: connection) }
        if !keys.isEmpty { try NodeGrantRows.changed(in: connection) }
        try connection.execute(
            "DELETE FROM contact_key WHERE contact = ? AND device = ?", .integer(contact), .blob(device.bytes))
    }
}

extension WireDeviceKey {
    init(_ device: DeviceID, _ key: X25519.PublicKey) {
        self.init()
        self.device = Data(device.bytes)
        oneTimeKey = Data(key.bytes)
    }
}
