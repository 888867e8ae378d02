#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension DiskCheck.Facts {
    /// Of the disk that a folder is on, or will be when it is made.
    static func look(_ folder: String) -> Result<DiskCheck.Facts, Obstacle> {
        var place = folder
        while !SmallFile.isThere(place), let slash = place.lastIndex(of: "/"), place != "/" {
            place = slash == place.startIndex ? "/" : String(place[..<slash])
        }
        var status = statvfs()
        guard statvfs(place, &status) == 0 else { return .failure(.system("look at the disk of", place)) }
        let block = UInt64(status.f_frsize)
        return .success(
            DiskCheck.Facts(
                folder: folder, free: bytes(UInt64(status.f_bavail), block),
                total: bytes(UInt64(status.f_blocks), block),
                store: SmallFile.isThere(folder) ? size(folder, depth: 0) : 0))
    }

    private static func bytes(_ blocks: UInt64, _ block: UInt64) -> UInt64 {
        let (product, overflow) = blocks.multipliedReportingOverflow(by: block)
        return overflow ? .max : product
    }

    /// Folders in folders that are followed: ours are not deep.
    private static let maxDepth = 8

    /// The bytes of all files in a folder; nil when it cannot be read.
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
