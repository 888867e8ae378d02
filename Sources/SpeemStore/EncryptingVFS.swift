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
    /// The disk failed in a way after which nobody knows what it holds.
    private(set) var isPoisoned = false
    private(set) var droppedFrames: UInt64 = 0

    private var registered: UnsafeMutablePointer<sqlite3_vfs>?
    private var name: UnsafeMutablePointer<CChar>?
    private static let counter = Atomic<UInt64>(0)

    var walPath: String { mainPath + "-wal" }

    init(mainPath: String, cipher: PageCipher, fileSystem: any FileSystem, creating: Bool) {
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
        let wal = WALFile(
            file: try fileSystem.open(path, create: true), cipher: cipher, name: Self.fileName(path))
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
        droppedFrames = wal.droppedFrames
        return .wal(wal)
    }

    // MARK: Faults

    /// Remembers a failure for ``Connection`` and gives SQLite's code for it.
    @discardableResult
    func note(_ error: FileError, code: Int32 = SQLITE_IOERR) -> Int32 {
        fault = error.storeError
        if case .diskFull = error.storeError { return SQLITE_FULL }
        return code
    }

    func poison() { isPoisoned = true }
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
