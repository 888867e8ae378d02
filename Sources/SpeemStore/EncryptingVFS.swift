import CSQLite
import SpeemCrypto
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The state behind one registered SQLite VFS: which files it opens, and what went wrong last.
///
/// SQLite calls it on the thread of the one connection that uses it, and on no other.
final class EncryptingVFS {
    let mainPath: String
    let cipher: PageCipher
    let fileSystem: any FileSystem
    /// While the store is made, files may be empty.
    let creating: Bool
    /// The words behind SQLite's last input/output error, taken by ``Connection``.
    var fault: StoreError?
    /// Nothing is written any more: the disk failed in a way after which nobody knows what it holds, or ``forbidWrites()``.
    private(set) var isPoisoned = false
    /// The log, while it is open.
    private(set) weak var wal: WALFile?
    private let record: LogRecord

    private var registered: UnsafeMutablePointer<sqlite3_vfs>?
    private var name: UnsafeMutablePointer<CChar>?
    private static let counter = Atomic<UInt64>(0)

    var walPath: String { mainPath + "-wal" }

    init(
        mainPath: String, cipher: PageCipher, fileSystem: any FileSystem, creating: Bool,
        record: LogRecord = LogRecord()
    ) {
        self.record = record
        self.mainPath = mainPath
        self.cipher = cipher
        self.fileSystem = fileSystem
        self.creating = creating
    }

    /// The last part of a path, for errors.
    static func fileName(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }

    // MARK: Registration

    /// Registers the VFS with SQLite and returns its name. ``unregister()`` undoes it and must come after the
    /// connection is closed.
    func register() -> String {
        let number = Self.counter.add(1, ordering: .relaxed).newValue
        let vfsName = "speem-\(number)"
        let nameCopy = strdup(vfsName)
        let vfs = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        var value = sqlite3_vfs()
        value.iVersion = 1
        value.szOsFile = Int32(MemoryLayout<VFSFile>.size)
        value.mxPathname = 4096
        value.zName = UnsafePointer(nameCopy)
        value.pAppData = Unmanaged.passUnretained(self).toOpaque()
        VFSCallbacks.fill(&value)
        vfs.initialize(to: value)
        sqlite3_vfs_register(vfs, 0)
        registered = vfs
        name = nameCopy
        return vfsName
    }

    func unregister() {
        guard let vfs = registered else { return }
        sqlite3_vfs_unregister(vfs)
        vfs.deinitialize(count: 1)
        vfs.deallocate()
        free(name)
        registered = nil
    }

    deinit { unregister() }

    // MARK: Opening

    func openFile(_ path: String, flags: Int32) -> OpenFile? {
        do throws(FileError) {
            if flags & SQLITE_OPEN_MAIN_DB != 0, path == mainPath {
                let file = try fileSystem.open(path, create: creating)
                return .main(MainFile(file: file, cipher: cipher, name: Self.fileName(path), creating: creating))
            }
            if flags & SQLITE_OPEN_WAL != 0, path == walPath { return try openWAL(path) }
        } catch {
            note(error)
            return nil
        }
        fault = .sqlite(code: SQLITE_CANTOPEN, message: "SQLite asked for another file: \(path)")
        return nil
    }

    private func openWAL(_ path: String) throws(FileError) -> OpenFile? {
        let isNew = try !fileSystem.exists(path)
        let file = try fileSystem.open(path, create: true)
        // Before anything of the log is taken over into the main file, which then depends on it.
        if isNew { try fileSystem.syncFolder(StoreKey.folder(of: path)) }
        let wal = WALFile(file: file, cipher: cipher, name: Self.fileName(path), record: record)
        do throws(WALFile.OpenFailure) {
            try wal.load()
        } catch {
            switch error {
            // ``StoreFiles`` has checked that a store that is not new has its log.
            case .absent: break
            case .file(let failure): throw failure
            case .damaged(let failure):
                fault = failure
                return nil
            case .header:
                fault = .damaged(file: Self.fileName(path), place: "its header")
                return nil
            }
        }
        self.wal = wal
        return .wal(wal)
    }

    // MARK: Faults

    /// Leaves the files as they are from now on. Otherwise SQLite takes the log over when it closes.
    func forbidWrites() { isPoisoned = true }

    /// Remembers a failure for ``Connection`` and gives SQLite's code for it.
    @discardableResult
    func note(_ error: FileError, code: Int32 = SQLITE_IOERR) -> Int32 {
        fault = error.storeError
        if case .diskFull = error.storeError { return SQLITE_FULL }
        return code
    }

    /// Remembers a failed write. Unless the disk is only full, nobody knows what it holds now.
    func note(_ failure: FileWriteFailure, code: Int32) -> Int32 {
        switch failure {
        case .file(let error):
            let result = note(error, code: code)
            if result == code { isPoisoned = true }
            return result
        case .unexpected(let words):
            isPoisoned = true
            fault = .failed(reason: words)
            return code
        }
    }
}

/// Why a write of SQLite's was not done.
enum FileWriteFailure: Error {
    case file(FileError)
    /// What SQLite must not do.
    case unexpected(String)
}

/// What stands behind a `sqlite3_file` of ours.
enum OpenFile {
    case main(MainFile)
    case wal(WALFile)
}

/// Keeps an ``OpenFile`` alive behind C's pointer.
final class OpenFileBox {
    let file: OpenFile
    let vfs: EncryptingVFS

    init(_ file: OpenFile, vfs: EncryptingVFS) {
        self.file = file
        self.vfs = vfs
    }
}

/// The memory that SQLite allocates for an open file.
struct VFSFile {
    /// Must come first: SQLite sees only this.
    var base: sqlite3_file
    var box: Unmanaged<OpenFileBox>?
}
