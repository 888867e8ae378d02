#if os(Linux)
    import CSQLite
#endif

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The real disk.
public struct PosixFileSystem: FileSystem {
    private let counter = WriteCounter()

    public init() {}

    public var bytesWritten: UInt64? { counter.bytes }

    public func space(of folder: String) throws(FileError) -> DiskSpace? { try DiskSpace.look(folder) }

    public func open(_ path: String, create: Bool) throws(FileError) -> any StoreFile {
        let flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0)
        let descriptor = retry { posixOpen(path, flags, 0o600) }
        guard descriptor >= 0 else { throw FileError(operation: create ? "create" : "open", path: path, code: errno) }
        return PosixFile(descriptor: descriptor, path: path, counter: counter)
    }

    public func openForReading(_ path: String) throws(FileError) -> any StoreFile {
        let descriptor = retry { posixOpen(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0) }
        guard descriptor >= 0 else { throw FileError(operation: "open", path: path, code: errno) }
        return PosixFile(descriptor: descriptor, path: path, counter: counter)
    }

    /// Opens a file that the person has named, for reading only; a symbolic link to it is as good.
    public func openNamed(_ path: String) throws(FileError) -> any StoreFile {
        let descriptor = retry { posixOpen(path, O_RDONLY | O_CLOEXEC, 0) }
        guard descriptor >= 0 else { throw FileError(operation: "open", path: path, code: errno) }
        return PosixFile(descriptor: descriptor, path: path, counter: counter)
    }

    public func exists(_ path: String) throws(FileError) -> Bool {
        var status = stat()
        if lstat(path, &status) == 0 { return true }
        guard errno == ENOENT || errno == ENOTDIR else {
            throw FileError(operation: "look up", path: path, code: errno)
        }
        return false
    }

    public func names(in folder: String) throws(FileError) -> [String] {
        guard let handle = opendir(folder) else {
            if errno == ENOENT { return [] }
            throw FileError(operation: "list", path: folder, code: errno)
        }
        defer { closedir(handle) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(handle) else { break }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: tuple.pointee)) {
                    String(cString: $0)
                }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        guard errno == 0 else { throw FileError(operation: "list", path: folder, code: errno) }
        return names
    }

    public func permissions(_ path: String) throws(FileError) -> (mode: UInt32, isOwn: Bool) {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw FileError(operation: "look up", path: path, code: errno) }
        return (UInt32(status.st_mode) & 0o7777, status.st_uid == geteuid())
    }

    public func rename(_ old: String, to new: String) throws(FileError) {
        guard posixRename(old, new) == 0 else { throw FileError(operation: "rename", path: old, code: errno) }
    }

    public func remove(_ path: String) throws(FileError) {
        guard unlink(path) == 0 else { throw FileError(operation: "remove", path: path, code: errno) }
    }

    public func syncFolder(_ path: String) throws(FileError) {
        let descriptor = retry { posixOpen(path, O_RDONLY | O_CLOEXEC, 0) }
        guard descriptor >= 0 else { throw FileError(operation: "open", path: path, code: errno) }
        defer { _ = posixClose(descriptor) }
        guard retry({ fsync(descriptor) }) == 0 else { throw FileError(operation: "sync", path: path, code: errno) }
    }

    public func makeFolder(_ path: String) throws(FileError) {
        var prefix = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            prefix += prefix.isEmpty || prefix.hasSuffix("/") ? String(part) : "/" + part
            guard mkdir(prefix, 0o700) != 0 else { continue }
            let code = errno
            var status = stat()
            if stat(prefix, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { continue }
            throw FileError(operation: "make the folder", path: prefix, code: code == EEXIST ? ENOTDIR : code)
        }
    }

    public func lock(_ path: String) throws(FileError) -> (any Sendable)? {
        let descriptor = retry { posixOpen(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }
        guard descriptor >= 0 else { throw FileError(operation: "create", path: path, code: errno) }
        let lock = PosixLock(descriptor: descriptor)
        guard retry({ flock(descriptor, LOCK_EX | LOCK_NB) }) == 0 else {
            guard errno == EWOULDBLOCK else { throw FileError(operation: "lock", path: path, code: errno) }
            return nil
        }
        return lock
    }
}

/// Holds an flock until it goes.
private final class PosixLock: Sendable {
    private let descriptor: Int32

    init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { _ = posixClose(descriptor) }
}

private final class PosixFile: StoreFile {
    private var descriptor: Int32
    private let path: String
    private let counter: WriteCounter
    private var unsynced = UnsyncedBlocks()

    init(descriptor: Int32, path: String, counter: WriteCounter) {
        self.descriptor = descriptor
        self.path = path
        self.counter = counter
    }

    deinit { close() }

    func close() {
        guard descriptor >= 0 else { return }
        _ = posixClose(descriptor)
        descriptor = -1
    }

    func size() throws(FileError) -> Int64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("look up") }
        return Int64(status.st_size)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int {
        guard let base = buffer.baseAddress else { return 0 }
        var done = 0
        while done < buffer.count {
            let count = retry { pread(descriptor, base + done, buffer.count - done, off_t(offset) + off_t(done)) }
            guard count >= 0 else { throw failure("read") }
            if count == 0 { break }
            done += count
        }
        return done
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError) {
        guard let base = bytes.baseAddress else { return }
        var done = 0
        while done < bytes.count {
            let count = retry { pwrite(descriptor, base + done, bytes.count - done, off_t(offset) + off_t(done)) }
            guard count > 0 else { throw failure("write") }
            done += count
        }
        counter.add(blocks: unsynced.write(bytes.count, at: offset))
    }

    func grow(to size: Int64) throws(FileError) {
        let old = try self.size()
        guard size > old else { return }
        #if os(Linux)
            // Reserves the blocks first, so that a full disk shows here and not in the middle of a write. A file system
            // that cannot reserve goes on without.
            if retry({ fallocate(descriptor, keepSize, off_t(old), off_t(size - old)) }) != 0,
                errno != EOPNOTSUPP, errno != ENOSYS
            {
                throw failure("extend")
            }
        #endif
        try truncate(to: size)
    }

    func truncate(to size: Int64) throws(FileError) {
        guard retry({ ftruncate(descriptor, off_t(size)) }) == 0 else { throw failure("resize") }
    }

    func sync() throws(FileError) {
        #if os(Linux)
            let status = retry { fdatasync(descriptor) }
        #else
            // fsync on Darwin does not empty the drive's cache.
            let status = fcntl(descriptor, F_FULLFSYNC)
        #endif
        guard status == 0 else { throw failure("sync") }
        unsynced.sync()
    }

    private func failure(_ operation: String) -> FileError {
        FileError(operation: operation, path: path, code: errno)
    }
}

#if os(Linux)
    /// FALLOC_FL_KEEP_SIZE (linux/falloc.h).
    private let keepSize: Int32 = 1
#endif

// The C functions under names that the methods above do not shadow.
private func posixOpen(_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 { open(path, flags, mode) }
private func posixClose(_ descriptor: Int32) -> Int32 { close(descriptor) }
private func posixRename(_ old: String, _ new: String) -> Int32 { rename(old, new) }

/// Repeats a call that a signal interrupted.
private func retry<T: SignedInteger>(_ body: () -> T) -> T {
    while true {
        let result = body()
        if result == -1, errno == EINTR { continue }
        return result
    }
}
