import SpeemStore

/// The addresses at which nodes and devices were reached last, where it was not the first of those that they are known by.
enum WorkedAddresses {
    static func find(_ staticKey: [UInt8], in connection: Connection) throws(StoreError) -> String? {
        try connection.first("SELECT address FROM worked_address WHERE static_key = ?", .blob(staticKey)) {
            row throws(StoreError) in try row.text(0)
        }
    }

    static func set(_ address: String, for staticKey: [UInt8], in connection: Connection) throws(StoreError) {
        try connection.execute(
            """
            INSERT INTO worked_address (static_key, address) VALUES (?1, ?2)
            ON CONFLICT (static_key) DO UPDATE SET address = ?2
            """, .blob(staticKey), .text(address))
    }
}
