/// Why the store cannot be opened, read or written.
public enum StoreError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Another process holds the store.
    case inUse(folder: String)
    /// The store was there before and is not now: no new one is made in its place.
    case missing(path: String, reason: String)
    /// The key file cannot be used.
    case keyFile(path: String, reason: String)
    /// The key is not the one that the store was made with.
    case wrongKey(path: String)
    /// Bytes of a file do not authenticate, or a file has not the size that it must have.
    case damaged(file: String, place: String)
    /// No space is left; nothing was written, and the store goes on working.
    case diskFull(path: String)
    /// The disk refused an operation; `code` is the system's errno.
    case inputOutput(operation: String, path: String, code: Int32)
    /// An earlier failure left it unknown what is on disk: the process must be started again.
    case failed(reason: String)
    /// The store was made, or brought up to date, by a newer version of the program; nothing of it was changed.
    case newerSchema(folder: String, found: Int, known: Int)
    /// Too much is waiting to be written.
    case busy
    /// The store was closed.
    case closed
    /// A column has another type than the program expects.
    case unexpectedType(column: Int)
    /// SQLite refused a statement; `code` is its extended result code.
    case sqlite(code: Int32, message: String)

    /// The reason of ``missing(path:reason:)`` where a first start would make what is missing.
    public static let neverMade = "there is no store yet"
    /// The reason of ``missing(path:reason:)`` where the key file gave way to a passphrase.
    public static let hasPassphrase = "the store has a passphrase"

    public var description: String {
        switch self {
        case .inUse(let folder): "another process uses the store in \(folder)"
        case .missing(let path, let reason): "\(path) is missing: \(reason)"
        case .keyFile(let path, let reason): "the key file \(path) cannot be used: \(reason)"
        case .wrongKey(let path): "the key in \(path) is not the one that the store was made with"
        case .damaged(let file, let place): "\(file) is damaged at \(place)"
        case .diskFull(let path): "no space is left for \(path)"
        case .inputOutput(let operation, let path, let code): "cannot \(operation) \(path): \(errorText(code))"
        case .failed(let reason): "the store stopped after a failure (\(reason)); start the program again"
        case .newerSchema(let folder, let found, let known):
            "a newer speem has used the store in \(folder): it has version \(found), and this program knows none after \(known)"
        case .busy: "too much is waiting to be written"
        case .closed: "the store is closed"
        case .unexpectedType(let column): "column \(column) has an unexpected type"
        case .sqlite(let code, let message): "SQLite refused a statement: \(message) (\(code))"
        }
    }
}
