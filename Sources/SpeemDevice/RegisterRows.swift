import SpeemIdentity
import SpeemStore
import SpeemSync

/// Names, marks and settings that own devices agree on (``SpeemSync/Register``).
enum RegisterRows {
    static func find(_ key: RegisterKey, in connection: Connection) throws -> Register? {
        try connection.first(
            "SELECT value, counter, device FROM register WHERE key = ?", .blob(key.encoded)
        ) { row throws(StoreError) in
            (value: try row.blob(0), counter: try row.integer(1), device: try row.blob(2))
        }.map { row in try decode(row.value, row.counter, row.device) }
    }

    /// The text of a register; nil where it is not set, or empty.
    static func text(_ key: RegisterKey, in connection: Connection) throws -> String? {
        guard let value = try find(key, in: connection)?.value, !value.isEmpty else { return nil }
        return String(validating: value, as: UTF8.self)
    }

    static func all(in connection: Connection) throws -> [(key: RegisterKey, register: Register)] {
        let rows = try connection.query("SELECT key, value, counter, device FROM register ORDER BY key") {
            row throws(StoreError) in
            (key: try row.blob(0), value: try row.blob(1), counter: try row.integer(2), device: try row.blob(3))
        }
        return try rows.compactMap { row in
            guard let key = RegisterKey(row.key) else { return nil }
            return (key, try decode(row.value, row.counter, row.device))
        }
    }

    private static func decode(_ value: [UInt8], _ counter: Int64, _ device: [UInt8]) throws -> Register {
        try DeviceError.stored("a register") {
            Register(value: value, stamp: Stamp(counter: UInt64(clamping: counter), device: try DeviceID(device)))
        }
    }

    /// Sets a register to a value that the person chose on this device.
    ///
    /// - Returns: the register, for the other devices.
    @discardableResult
    static func set(
        _ key: RegisterKey, to value: [UInt8], by device: DeviceID, in connection: Connection
    ) throws -> Register {
        let highest =
            try connection.first("SELECT stamp FROM device") { row throws(StoreError) in try row.integer(0) } ?? 0
        let register = Register(value: value, stamp: .next(after: UInt64(clamping: highest), by: device))
        try write(key, register, in: connection)
        return register
    }

    /// Takes another device's register.
    ///
    /// - Returns: whether it is the newer one, and was taken.
    static func join(_ key: RegisterKey, _ other: Register, in connection: Connection) throws -> Bool {
        let known = try find(key, in: connection)
        let joined = known.map { $0.joined(with: other) } ?? other
        guard joined != known else { return false }
        try write(key, joined, in: connection)
        return true
    }

    private static func write(_ key: RegisterKey, _ register: Register, in connection: Connection) throws(StoreError) {
        let counter = Int64(clamping: register.stamp.counter)
        try connection.execute(
            """
            INSERT INTO register (key, value, counter, device) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (key) DO UPDATE SET value = ?2, counter = ?3, device = ?4
            """, .blob(key.encoded), .blob(register.value), .integer(counter), .blob(register.stamp.device.bytes))
        try connection.execute("UPDATE device SET stamp = max(stamp, ?)", .integer(counter))
    }
}
