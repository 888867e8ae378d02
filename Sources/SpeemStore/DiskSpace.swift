#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The space of a disk, and what a folder takes of it.
public struct DiskSpace: Sendable, Equatable {
    /// Bytes of all files in the folder; nil: it cannot be read.
    public var used: UInt64?
    /// Bytes that this user may still write.
    public var free: UInt64
    /// Bytes of the whole disk.
    public var total: UInt64

    public init(used: UInt64?, free: UInt64, total: UInt64) {
        self.used = used
        self.free = free
        self.total = total
    }

    /// Looks at a folder and the disk that it is on, or will be when it is made.
    public static func look(_ folder: String) throws(FileError) -> DiskSpace {
        var place = folder
        while access(place, F_OK) != 0, let slash = place.lastIndex(of: "/"), place != "/" {
            place = slash == place.startIndex ? "/" : String(place[..<slash])
        }
        var status = statvfs()
        guard statvfs(place, &status) == 0 else {
            throw FileError(operation: "look at the disk of", path: place, code: errno)
        }
        let block = UInt64(status.f_frsize)
        return DiskSpace(
            used: place == folder ? size(folder, depth: 0) : 0, free: bytes(UInt64(status.f_bavail), block),
            total: bytes(UInt64(status.f_blocks), block))
    }

    private static func bytes(_ blocks: UInt64, _ block: UInt64) -> UInt64 {
        let (product, overflow) = blocks.multipliedReportingOverflow(by: block)
        return overflow ? .max : product
    }

    /// Folders in folders that are followed: ours are not deep.
    private static let maxDepth = 8

    private static func size(_ folder: String, depth: Int) -> UInt64? {
        guard depth < maxDepth, let listing = opendir(folder) else { return nil }
        defer { closedir(listing) }
        var sum: UInt64 = 0
        while let entry = readdir(listing) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: pointer.pointee)) {
                    String(cString: $0)
                }
            }
            guard name != ".", name != ".." else { continue }
            let path = "\(folder)/\(name)"
            var status = stat()
            // One that has just gone takes no space.
            guard lstat(path, &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR {
                sum &+= size(path, depth: depth + 1) ?? 0
            } else if status.st_mode & S_IFMT == S_IFREG {
                sum &+= UInt64(clamping: status.st_size)
            }
        }
        return sum
    }
}
