import CSQLite

/// SQLite's extended result codes for input and output: C macros with shifts in them, which Swift does not import
/// (SQLite documentation, "Result and Error Codes").
enum SQLiteCode {
    static let ioErrorRead = SQLITE_IOERR | 1 << 8
    static let ioErrorShortRead = SQLITE_IOERR | 2 << 8
    static let ioErrorWrite = SQLITE_IOERR | 3 << 8
    static let ioErrorSync = SQLITE_IOERR | 4 << 8
    static let ioErrorTruncate = SQLITE_IOERR | 6 << 8
    static let ioErrorSize = SQLITE_IOERR | 7 << 8
    static let ioErrorDelete = SQLITE_IOERR | 10 << 8
    static let ioErrorAccess = SQLITE_IOERR | 13 << 8
}
