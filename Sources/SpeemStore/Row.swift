import CSQLite
public import SpeemCrypto

/// A row of a running query; valid only inside the closure that it is given to.
public struct Row {
    private let statement: OpaquePointer

    init(_ statement: OpaquePointer) { self.statement = statement }

    /// - Throws: ``StoreError/unexpectedType(column:)``, like all that follow.
    public func integer(_ column: Int) throws(StoreError) -> Int64 {
        try check(column, SQLITE_INTEGER)
        return sqlite3_column_int64(statement, Int32(column))
    }

    public func flag(_ column: Int) throws(StoreError) -> Bool { try integer(column) != 0 }

    public func text(_ column: Int) throws(StoreError) -> String {
        try check(column, SQLITE_TEXT)
        guard let text = sqlite3_column_text(statement, Int32(column)) else { throw .unexpectedType(column: column) }
        let count = Int(sqlite3_column_bytes(statement, Int32(column)))
        return String(decoding: UnsafeBufferPointer(start: text, count: count), as: UTF8.self)
    }

    public func blob(_ column: Int) throws(StoreError) -> [UInt8] {
        try check(column, SQLITE_BLOB)
        return [UInt8](bytes(column))
    }

    public func secret(_ column: Int) throws(StoreError) -> SecretBytes {
        try check(column, SQLITE_BLOB)
        let source = bytes(column)
        return SecretBytes(count: source.count) { $0.copyMemory(from: source) }
    }

    public func optionalInteger(_ column: Int) throws(StoreError) -> Int64? {
        isNull(column) ? nil : try integer(column)
    }

    public func optionalText(_ column: Int) throws(StoreError) -> String? { isNull(column) ? nil : try text(column) }

    public func optionalSecret(_ column: Int) throws(StoreError) -> SecretBytes? {
        isNull(column) ? nil : try secret(column)
    }

    public func optionalBlob(_ column: Int) throws(StoreError) -> [UInt8]? { isNull(column) ? nil : try blob(column) }

    /// A column of any type; blobs as secrets.
    ///
    /// - Throws: ``StoreError/unexpectedType(column:)`` for a floating-point number, which no table of ours holds.
    public func value(_ column: Int) throws(StoreError) -> Value {
        switch sqlite3_column_type(statement, Int32(column)) {
        case SQLITE_NULL: .null
        case SQLITE_INTEGER: .integer(try integer(column))
        case SQLITE_TEXT: .text(try text(column))
        default: .secret(try secret(column))
        }
    }

    public func isNull(_ column: Int) -> Bool { sqlite3_column_type(statement, Int32(column)) == SQLITE_NULL }

    private func bytes(_ column: Int) -> UnsafeRawBufferPointer {
        // The pointer of an empty blob is null (SQLite documentation, "Result Values From A Query").
        UnsafeRawBufferPointer(
            start: sqlite3_column_blob(statement, Int32(column)),
            count: Int(sqlite3_column_bytes(statement, Int32(column))))
    }

    private func check(_ column: Int, _ type: Int32) throws(StoreError) {
        guard sqlite3_column_type(statement, Int32(column)) == type else { throw .unexpectedType(column: column) }
    }
}
