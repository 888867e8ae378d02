import SpeemCrypto
import SpeemIdentity
import SpeemStore

/// Ways in at contacts' nodes that this device makes for other own devices: a one-time invite for each, which the other
/// device redeems with a key of its own.
struct Sponsored: Sendable {
    enum State: Int64, Sendable {
        /// The contact's node does not know it yet.
        case made = 0
        /// It does, and the device was told.
        case told = 2
        /// The contact's node will not take it.
        case refused = 3
    }

    let contact: Int64
    let device: DeviceID
    let secret: SecretBytes
}

enum SponsorRows {
    /// Seconds that such an invite lives from when the contact's node knows it: the other device may be off for a while.
    static let lifetime: Int64 = 60 * 24 * 3600

    /// For all other own devices, at a contact that this device has met.
    static func insertAll(
        contact: Int64, state: DeviceState, in connection: Connection
    ) throws {
        for device in try OwnRoster.load(account: state.account, in: connection).devices where device.id != state.id {
            try insert(contact: contact, device: device.id, random: state.random, in: connection)
        }
    }

    /// For a device that this one has linked, at all contacts.
    static func insertAll(
        device: DeviceID, state: DeviceState, in connection: Connection
    ) throws {
        for contact in try ContactRows.all(in: connection) {
            try insert(contact: contact.id, device: device, random: state.random, in: connection)
        }
    }

    static func insert(
        contact: Int64, device: DeviceID, random: some RandomSource, in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            """
            INSERT INTO sponsored (contact, device, secret) VALUES (?, ?, ?) ON CONFLICT DO NOTHING
            """, .integer(contact), .blob(device.bytes), .secret(random.secret(Invite.secretLength)))
    }

    /// A device has not got in: the next one has another secret. What the contact's node does not know yet stays.
    static func renew(
        contact: Int64, device: DeviceID, random: some RandomSource, in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            "DELETE FROM sponsored WHERE contact = ? AND device = ? AND state <> ?", .integer(contact),
            .blob(device.bytes), .integer(Sponsored.State.made.rawValue))
        try insert(contact: contact, device: device, random: random, in: connection)
    }

    // MARK: The way of this device

    /// Seconds between asking for a way in and asking again.
    private static let patience: Int64 = 86_400

    /// This device has no key at the contact's nodes, and asked for one then, or heard of the contact.
    static func missing(_ contact: Int64, since now: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute("UPDATE contact SET way_asked = ? WHERE id = ?", .integer(now), .integer(contact))
    }

    static func isMissing(_ contact: Int64, in connection: Connection) throws(StoreError) -> Bool {
        try connection.first("SELECT 1 FROM contact WHERE id = ? AND way_asked IS NOT NULL", .integer(contact)) {
            row throws(StoreError) in try row.integer(0)
        } != nil
    }

    static func isDue(_ contact: Int64, now: Int64, in connection: Connection) throws(StoreError) -> Bool {
        try connection.first(
            "SELECT 1 FROM contact WHERE id = ? AND abs(? - way_asked) > ?", .integer(contact), .integer(now),
            .integer(patience)
        ) { row throws(StoreError) in try row.integer(0) } != nil
    }

    /// Those that the contact's node does not know yet.
    static func made(contact: Int64, in connection: Connection) throws -> [Sponsored] {
        try connection.query(
            "SELECT device, secret FROM sponsored WHERE contact = ? AND state = ?", .integer(contact),
            .integer(Sponsored.State.made.rawValue)
        ) { row throws(StoreError) in
            (device: try row.blob(0), secret: try row.secret(1))
        }.map { row in
            Sponsored(
                contact: contact, device: try DeviceError.stored("a device") { try DeviceID(row.device) },
                secret: row.secret)
        }
    }

    static func set(_ state: Sponsored.State, of sponsored: Sponsored, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE sponsored SET state = ? WHERE contact = ? AND device = ?", .integer(state.rawValue),
            .integer(sponsored.contact), .blob(sponsored.device.bytes))
    }

    /// The device is not listed any more.
    static func forget(device: DeviceID, in connection: Connection) throws(StoreError) {
        try connection.execute("DELETE FROM sponsored WHERE device = ?", .blob(device.bytes))
    }
}
