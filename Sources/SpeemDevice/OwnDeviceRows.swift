import SpeemIdentity
import SpeemStore

/// What this device gives to the account's other devices.
///
/// Each device decides for itself, so that one which was linked without history gets it from nobody: the one that linked
/// it knows what the person allowed, and all others give only what was written since they first saw it listed.
enum OwnDeviceRows {
    /// The oldest message that a device may be given, Unix milliseconds; nil when it is not listed.
    static func since(_ device: DeviceID, in connection: Connection) throws(StoreError) -> Int64? {
        try connection.first("SELECT since_ms FROM own_device WHERE device = ?", .blob(device.bytes)) {
            row throws(StoreError) in try row.integer(0)
        }
    }

    /// A device that is listed from now on.
    static func insert(_ device: DeviceID, since: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "INSERT INTO own_device (device, since_ms) VALUES (?, ?) ON CONFLICT DO NOTHING", .blob(device.bytes),
            .integer(since))
    }

    /// What the person has allowed it.
    static func allow(_ device: DeviceID, since: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute(
            """
            INSERT INTO own_device (device, since_ms) VALUES (?1, ?2) ON CONFLICT (device) DO UPDATE SET since_ms = ?2
            """, .blob(device.bytes), .integer(since))
    }

    /// The device is not listed any more.
    static func forget(_ device: DeviceID, in connection: Connection) throws(StoreError) {
        try connection.execute("DELETE FROM own_device WHERE device = ?", .blob(device.bytes))
        try connection.execute("DELETE FROM history WHERE device = ?", .blob(device.bytes))
    }
}
