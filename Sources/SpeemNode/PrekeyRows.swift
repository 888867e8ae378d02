import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Prekeys in the node's store. The node cannot read them; it hands each pair out once, to whom it is reserved for.
enum PrekeyRows {
    /// One-time pairs that are reserved for a contact's grant.
    static let reservedPerContact: Int64 = 5
    /// One-time pairs that are reserved for an invite: it begins one session, and maybe again after a lost reply.
    static let reservedPerInvite: Int64 = 1
    /// One-time pairs of a device at the most; older ones go, and those that are reserved for somebody go last.
    static let maxPairs: Int64 = 1000

    /// Takes an upload. Another signed prekey than before begins a new generation: all pairs that came before it are
    /// dropped with it, so that the device knows which private halves nobody can be given any more.
    static func upload(
        _ upload: WirePrekeyUpload, device: [UInt8], in connection: Connection
    ) throws(StoreError) -> Int64 {
        let signed = [UInt8](upload.signedPrekey)
        let before = try connection.first(
            "SELECT signed_prekey FROM device_prekeys WHERE device = ?", .blob(device)
        ) { row throws(StoreError) in try row.blob(0) }
        if let before, before != signed {
            try connection.execute("DELETE FROM prekey_pair WHERE device = ?", .blob(device))
        }
        try connection.execute(
            """
            INSERT INTO device_prekeys (device, signed_prekey, last_resort) VALUES (?1, ?2, ?3)
            ON CONFLICT (device) DO UPDATE SET signed_prekey = ?2, last_resort = ?3
            """, .blob(device), .blob(signed), .blob([UInt8](upload.lastResortKemPrekey)))
        for pair in upload.oneTime {
            try connection.execute(
                "INSERT INTO prekey_pair (device, one_time_prekey, kem_prekey) VALUES (?, ?, ?)", .blob(device),
                .blob([UInt8](pair.oneTimePrekey)), .blob([UInt8](pair.kemPrekey)))
        }
        try connection.execute(
            """
            DELETE FROM prekey_pair WHERE device = ?1 AND id NOT IN
                (SELECT id FROM prekey_pair WHERE device = ?1 ORDER BY reserved_for IS NULL, id DESC LIMIT ?2)
            """, .blob(device), .integer(maxPairs))
        let grants = try connection.query(
            "SELECT id, kind FROM access WHERE kind IN (?, ?, ?)", .integer(GrantKind.contact.code),
            .integer(GrantKind.invite(.contact).code), .integer(GrantKind.invite(.link).code)
        ) { row throws(StoreError) in (id: try row.integer(0), kind: try row.integer(1)) }
        for grant in grants {
            try reserve(
                grant.kind == GrantKind.contact.code ? reservedPerContact : reservedPerInvite, for: grant.id,
                device: device, in: connection)
        }
        return try unassigned(device: device, in: connection)
    }

    /// Deletes all of a device.
    static func delete(device: [UInt8], in connection: Connection) throws(StoreError) {
        try connection.execute("DELETE FROM device_prekeys WHERE device = ?", .blob(device))
        try connection.execute("DELETE FROM prekey_pair WHERE device = ?", .blob(device))
    }

    /// Reserves pairs of all devices for a grant.
    static func reserve(_ count: Int64, for grant: Int64, in connection: Connection) throws(StoreError) {
        for device in try devices(in: connection) { try reserve(count, for: grant, device: device, in: connection) }
    }

    /// Fills up what is reserved for a grant from what is reserved for nobody.
    static func reserve(
        _ count: Int64, for grant: Int64, device: [UInt8], in connection: Connection
    ) throws(StoreError) {
        let has =
            try connection.first(
                "SELECT count(*) FROM prekey_pair WHERE device = ? AND reserved_for = ?", .blob(device), .integer(grant)
            ) { row throws(StoreError) in try row.integer(0) } ?? 0
        guard has < count else { return }
        try connection.execute(
            """
            UPDATE prekey_pair SET reserved_for = ?1 WHERE id IN
                (SELECT id FROM prekey_pair WHERE device = ?2 AND reserved_for IS NULL ORDER BY id LIMIT ?3)
            """, .integer(grant), .blob(device), .integer(count - has))
    }

    /// The devices that have uploaded prekeys.
    static func devices(in connection: Connection) throws(StoreError) -> [[UInt8]] {
        try connection.query("SELECT device FROM device_prekeys") { row throws(StoreError) in try row.blob(0) }
    }

    static func unassigned(device: [UInt8], in connection: Connection) throws(StoreError) -> Int64 {
        try connection.first(
            "SELECT count(*) FROM prekey_pair WHERE device = ? AND reserved_for IS NULL", .blob(device)
        ) { row throws(StoreError) in try row.integer(0) } ?? 0
    }

    static func hasReserved(
        device: [UInt8], grant: Int64, in connection: Connection
    ) throws(StoreError) -> Bool {
        try connection.first(
            "SELECT 1 FROM prekey_pair WHERE device = ? AND reserved_for = ? LIMIT 1", .blob(device), .integer(grant)
        ) { row throws(StoreError) in try row.integer(0) } != nil
    }

    /// The bundle without a one-time pair; nil before the device's first upload.
    static func lastResort(device: [UInt8], in connection: Connection) throws(StoreError) -> WirePrekeyBundle? {
        try connection.first(
            "SELECT signed_prekey, last_resort FROM device_prekeys WHERE device = ?", .blob(device)
        ) { row throws(StoreError) in
            let signed = try row.blob(0)
            let lastResort = try row.blob(1)
            return .with {
                $0.signedPrekey = Data(signed)
                $0.kemPrekey = Data(lastResort)
                $0.lastResort = true
            }
        }
    }

    /// Takes a bundle for `grant`: a pair that is reserved for it, or else the last-resort key without a one-time one.
    static func take(
        device: [UInt8], grant: Int64, in connection: Connection
    ) throws(StoreError) -> WirePrekeyBundle? {
        guard var bundle = try lastResort(device: device, in: connection) else { return nil }
        let pair = try connection.first(
            """
            SELECT id, one_time_prekey, kem_prekey FROM prekey_pair WHERE device = ? AND reserved_for = ?
            ORDER BY id LIMIT 1
            """, .blob(device), .integer(grant)
        ) { row throws(StoreError) in (id: try row.integer(0), oneTime: try row.blob(1), kem: try row.blob(2)) }
        guard let pair else { return bundle }
        try connection.execute("DELETE FROM prekey_pair WHERE id = ?", .integer(pair.id))
        bundle.kemPrekey = Data(pair.kem)
        bundle.oneTimePrekey = Data(pair.oneTime)
        bundle.lastResort = false
        return bundle
    }
}
