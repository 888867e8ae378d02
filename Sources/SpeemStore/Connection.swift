import CSQLite
import SpeemCrypto

/// The store's one SQLite connection. It lives on the store's thread; closures given to ``Store`` get it for their time.
public final class Connection {
    private var database: OpaquePointer?
    private let vfs: EncryptingVFS
    private var statements: [String: OpaquePointer] = [:]
    /// The program's statements are constants, and far fewer; a loop that makes up new ones shows as a bug.
    private static let statementLimit = 512

    /// Opens the file of `vfs` and sets what the design demands before SQLite touches it.
    init(vfs: EncryptingVFS) throws(StoreError) {
        self.vfs = vfs
        let name = vfs.register()
        var handle: OpaquePointer?
        let flags =
            SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE
            | (vfs.creating ? SQLITE_OPEN_CREATE : 0)
        let code = sqlite3_open_v2(vfs.mainPath, &handle, flags, name)
        database = handle
        guard code == SQLITE_OK else {
            let error = failure(code)
            close()
            throw error
        }
        do throws(StoreError) {
            if vfs.creating {
                var reserve = Int32(StoreLayout.reserve)
                // The second call asks what the first one did.
                var found: Int32 = -1
                guard
                    sqlite3_file_control(database, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserve) == SQLITE_OK,
                    sqlite3_file_control(database, "main", SQLITE_FCNTL_RESERVE_BYTES, &found) == SQLITE_OK,
                    found == Int32(StoreLayout.reserve)
                else { throw .sqlite(code: SQLITE_ERROR, message: "SQLite leaves no bytes free in its pages") }
                try pragma("page_size=\(StoreLayout.page)")
            }
            for setting in [
                // Before the first access: then SQLite keeps the WAL's index in memory, and makes no -shm file.
                "locking_mode=EXCLUSIVE", "temp_store=MEMORY", "cache_spill=OFF", "synchronous=FULL", "mmap_size=0",
                "trusted_schema=OFF", "foreign_keys=ON", "secure_delete=FAST",
                // SQLite throws away what goes wrong in a checkpoint of its own: see ``checkpoint()``.
                "wal_autocheckpoint=0",
            ] { try pragma(setting) }
        } catch {
            close()
            throw error
        }
    }

    deinit { close() }

    /// Checkpoints, closes the files and unregisters the VFS.
    func close() {
        for statement in statements.values { sqlite3_finalize(statement) }
        statements = [:]
        if let database { sqlite3_close_v2(database) }
        database = nil
        vfs.unregister()
    }

    /// The disk failed in a way after which nobody knows what it holds; nothing is written any more.
    var isPoisoned: Bool { vfs.isPoisoned }

    /// From now on nothing is written, not even on closing.
    func forbidWrites() { vfs.forbidWrites() }

    /// Frames of the log, up to the last commit.
    var logFrames: UInt64 { vfs.wal?.frameCount ?? 0 }

    /// Space of the log, in chunks.
    var logChunks: UInt64 { vfs.wal?.chunks ?? 0 }

    /// Frames of a torn last transaction that were dropped when the log was opened.
    var droppedFrames: UInt64 { vfs.wal?.droppedFrames ?? 0 }

    /// Takes the log over into the main file; the next transaction then begins it anew.
    ///
    /// - Returns: frames of the log as SQLite sees it.
    @discardableResult
    func checkpoint() throws(StoreError) -> UInt64 {
        vfs.fault = nil
        var frames: Int32 = 0
        let code = sqlite3_wal_checkpoint_v2(database, "main", SQLITE_CHECKPOINT_PASSIVE, &frames, nil)
        guard code == SQLITE_OK else { throw failure(code) }
        return UInt64(max(frames, 0))
    }

    // MARK: Statements

    /// Runs a statement that returns no rows.
    public func execute(_ sql: String, _ values: Value...) throws(StoreError) {
        try run(sql, values) { (_) throws(StoreError) in .stop }
    }

    /// Runs a statement that returns no rows, with values that were put together elsewhere.
    public func execute(_ sql: String, values: [Value]) throws(StoreError) {
        try run(sql, values) { (_) throws(StoreError) in .stop }
    }

    /// The rows of a query, each through `body`.
    public func query<T>(
        _ sql: String, _ values: Value..., row body: (Row) throws(StoreError) -> T
    ) throws(StoreError) -> [T] {
        try query(sql, values: values, row: body)
    }

    /// The rows of a query with values that were put together elsewhere, each through `body`.
    public func query<T>(
        _ sql: String, values: [Value], row body: (Row) throws(StoreError) -> T
    ) throws(StoreError) -> [T] {
        var result: [T] = []
        try run(sql, values) { (row) throws(StoreError) in
            result.append(try body(row))
            return .next
        }
        return result
    }

    /// The first row of a query, through `body`; nil when there is none.
    public func first<T>(
        _ sql: String, _ values: Value..., row body: (Row) throws(StoreError) -> T
    ) throws(StoreError) -> T? {
        var result: T?
        try run(sql, values) { (row) throws(StoreError) in
            result = try body(row)
            return .stop
        }
        return result
    }

    /// Whether ``forEach(_:_:row:)`` goes on.
    public enum Step { case next, stop }

    /// Walks over the rows of a query until `body` says stop.
    public func forEach(
        _ sql: String, _ values: Value..., row body: (Row) throws(StoreError) -> Step
    ) throws(StoreError) {
        try run(sql, values, body)
    }

    /// Rows that the last statement changed.
    public var changes: Int { database.map { Int(sqlite3_changes($0)) } ?? 0 }

    /// The rowid of the last inserted row.
    public var lastInsertRowID: Int64 { database.map { sqlite3_last_insert_rowid($0) } ?? 0 }

    private func run(
        _ sql: String, _ values: [Value], _ body: (Row) throws(StoreError) -> Step
    ) throws(StoreError) {
        let statement = try prepared(sql)
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
        for (index, value) in values.enumerated() { try bind(value, to: Int32(index) + 1, of: statement) }
        while true {
            // Of an operation before, whose failure went no further.
            vfs.fault = nil
            let code = sqlite3_step(statement)
            switch code {
            case SQLITE_ROW: if try body(Row(statement)) == .stop { return }
            case SQLITE_DONE: return
            default: throw failure(code)
            }
        }
    }

    private func prepared(_ sql: String) throws(StoreError) -> OpaquePointer {
        if let statement = statements[sql] { return statement }
        precondition(statements.count < Self.statementLimit, "SQL text must be constant: bind values instead")
        vfs.fault = nil
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(database, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement else { throw failure(code) }
        statements[sql] = statement
        return statement
    }

    private func bind(_ value: Value, to index: Int32, of statement: OpaquePointer) throws(StoreError) {
        // SQLITE_TRANSIENT: SQLite copies before the call returns.
        let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        let code: Int32
        switch value {
        case .null: code = sqlite3_bind_null(statement, index)
        case .integer(let integer): code = sqlite3_bind_int64(statement, index, integer)
        case .text(let text): code = sqlite3_bind_text(statement, index, text, Int32(text.utf8.count), transient)
        case .blob(let bytes):
            code =
                bytes.isEmpty
                ? sqlite3_bind_zeroblob(statement, index, 0)
                : sqlite3_bind_blob(statement, index, bytes, Int32(bytes.count), transient)
        case .secret(let secret):
            code = secret.withUnsafeBytes {
                sqlite3_bind_blob(statement, index, $0.baseAddress, Int32($0.count), transient)
            }
        }
        guard code == SQLITE_OK else { throw failure(code) }
    }

    /// Runs a pragma and returns the first column of its answer as text.
    @discardableResult
    func pragma(_ text: String) throws(StoreError) -> String? {
        vfs.fault = nil
        var statement: OpaquePointer?
        defer { sqlite3_finalize(statement) }
        var code = sqlite3_prepare_v2(database, "PRAGMA " + text, -1, &statement, nil)
        guard code == SQLITE_OK else { throw failure(code) }
        var answer: String?
        code = sqlite3_step(statement)
        while code == SQLITE_ROW {
            if answer == nil { answer = sqlite3_column_text(statement, 0).map { String(cString: $0) } }
            code = sqlite3_step(statement)
        }
        guard code == SQLITE_DONE else { throw failure(code) }
        return answer
    }

    /// Runs a statement that is not worth keeping.
    func executeOnce(_ sql: String) throws(StoreError) {
        vfs.fault = nil
        let code = sqlite3_exec(database, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw failure(code) }
    }

    /// Whether a transaction is open: SQLite ends one on its own after some failures.
    var isInTransaction: Bool { database.map { sqlite3_get_autocommit($0) == 0 } ?? false }

    /// The words for a result code: the disk's own, where it has any.
    private func failure(_ code: Int32) -> StoreError {
        defer { vfs.fault = nil }
        switch code & 0xff {
        case SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_FULL: if let fault = vfs.fault { return fault }
        case SQLITE_CORRUPT, SQLITE_NOTADB:
            return vfs.fault ?? .damaged(file: EncryptingVFS.fileName(vfs.mainPath), place: "its structure")
        default: break
        }
        let message = database.flatMap { sqlite3_errmsg($0) }.map { String(cString: $0) } ?? "no connection"
        return .sqlite(code: code, message: message)
    }
}
