#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What the disk refused.
public struct FileError: Error, Equatable, Sendable {
    /// A verb: "read", "write", …
    public var operation: String
    public var path: String
    /// errno.
    public var code: Int32

    /// The words of ``code``.
    public var reason: String { errorText(code) }

    /// The verb of ``StoreFile/sync()``.
    static let syncOperation = "sync"

    public init(operation: String, path: String, code: Int32) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    /// What the system says of ``code``.
    package var words: String { errorText(code) }

    package var storeError: StoreError {
        switch code {
        // A sync that fails for want of space has lost what was written, as any other that fails.
        case ENOSPC where operation != Self.syncOperation, EDQUOT where operation != Self.syncOperation:
            .diskFull(path: path)
        default: .inputOutput(operation: operation, path: path, code: code)
        }
    }
}

/// An open file. Used by one thread at a time.
public protocol StoreFile: AnyObject {
    /// Bytes.
    func size() throws(FileError) -> Int64
    /// Reads until `buffer` is full or the file ends; returns how many bytes were read.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int
    /// Writes all of `bytes`.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError)
    /// Reserves space up to `size` and then sets the size in one step, so that a crash leaves the old or the new one.
    func grow(to size: Int64) throws(FileError)
    /// Sets the size.
    func truncate(to size: Int64) throws(FileError)
    /// Returns when what was written is on disk.
    func sync() throws(FileError)
    func close()
}

/// The disk, passed in so that tests can fill it, cut its power and count its writes.
public protocol FileSystem: Sendable {
    /// Opens for reading and writing, with mode 0600 when made.
    func open(_ path: String, create: Bool) throws(FileError) -> any StoreFile
    /// Opens for reading only: from where nothing can be written, too.
    func openForReading(_ path: String) throws(FileError) -> any StoreFile
    func exists(_ path: String) throws(FileError) -> Bool
    /// The names in a folder, in any order; none for one that is not there.
    func names(in folder: String) throws(FileError) -> [String]
    /// The permission bits of a file and whether it belongs to this user.
    func permissions(_ path: String) throws(FileError) -> (mode: UInt32, isOwn: Bool)
    func rename(_ old: String, to new: String) throws(FileError)
    func remove(_ path: String) throws(FileError)
    /// Returns when new, renamed and removed names of the folder are on disk.
    func syncFolder(_ path: String) throws(FileError)
    /// Makes the folder with mode 0700, and its parents; one that is there stays as it is.
    func makeFolder(_ path: String) throws(FileError)
    /// Takes the lock file for as long as the returned object lives; nil when another process has it.
    func lock(_ path: String) throws(FileError) -> (any Sendable)?
    /// Bytes that the disk was given to write through this value, in whole blocks; nil: nobody counts them.
    var bytesWritten: UInt64? { get }
    /// What a folder takes, and what is left for it; nil: the disk has no size.
    func space(of folder: String) throws(FileError) -> DiskSpace?
}

extension FileSystem {
    public var bytesWritten: UInt64? { nil }
    public func space(of _: String) throws(FileError) -> DiskSpace? { nil }
    public func openForReading(_ path: String) throws(FileError) -> any StoreFile { try open(path, create: false) }

    /// The contents of a small file, at most `limit` bytes of it; nil when it is not there.
    package func readSmall(_ path: String, limit: Int) throws(FileError) -> [UInt8]? {
        guard try exists(path) else { return nil }
        let file = try openForReading(path)
        defer { file.close() }
        var bytes = [UInt8](repeating: 0, count: limit)
        var count = 0
        var failure: FileError?
        bytes.withUnsafeMutableBytes { buffer in
            do throws(FileError) {
                count = try file.read(into: buffer, at: 0)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        bytes.removeLast(limit - count)
        return bytes
    }

    /// Writes a small file so that after a crash it is there whole or not at all.
    package func writeSmall(_ path: String, _ bytes: [UInt8], folder: String) throws(FileError) {
        let temporary = path + ".new"
        if try exists(temporary) { try remove(temporary) }
        let file = try open(temporary, create: true)
        defer { file.close() }
        var failure: FileError?
        bytes.withUnsafeBytes { buffer in
            do throws(FileError) {
                try file.write(buffer, at: 0)
                try file.sync()
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        try rename(temporary, to: path)
        try syncFolder(folder)
    }
}

extension FileSystem {
    /// Removes a file that is there, and with it, as far as the disk goes along, what it held: a card may keep it in blocks
    /// that are not in use any more.
    func erase(_ path: String, folder: String) throws(FileError) {
        let file = try open(path, create: false)
        defer { file.close() }
        let zeros = [UInt8](repeating: 0, count: Int(clamping: min(try file.size(), 4096)))
        var failure: FileError?
        zeros.withUnsafeBytes { buffer in
            do throws(FileError) {
                try file.write(buffer, at: 0)
                try file.sync()
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        try remove(path)
        try syncFolder(folder)
    }
}

/// The words of an errno.
func errorText(_ code: Int32) -> String {
    strerror(code).map { String(cString: $0) } ?? "error \(code)"
}

/// Runs `body` and turns what the disk refused into the store's words.
package func onDisk<T>(_ body: () throws(FileError) -> T) throws(StoreError) -> T {
    do throws(FileError) {
        return try body()
    } catch {
        throw error.storeError
    }
}
