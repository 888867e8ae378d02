#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension KeyFileCheck.Facts {
    static func look(_ path: String, dataFolder: String, isNode: Bool) -> KeyFileCheck.Facts {
        var folder = stat()
        let hasFolder = stat(dataFolder, &folder) == 0
        var status = stat()
        let file: File
        var place = Place.elsewhere
        if lstat(path, &status) != 0 {
            file =
                errno == ENOENT || errno == ENOTDIR ? .missing : .failed(.system("look at", path))
        } else {
            if status.st_mode & S_IFMT == S_IFREG {
                // Root looks at it for the user that the store belongs to.
                let isOwn =
                    status.st_uid == geteuid() || (geteuid() == 0 && hasFolder && status.st_uid == folder.st_uid)
                file = .regular(mode: UInt32(status.st_mode) & 0o7777, isOwn: isOwn)
            } else {
                file = .other
            }
            if path.hasPrefix(dataFolder + "/") {
                place = .besideStore
            } else if hasFolder, status.st_dev == folder.st_dev {
                place = .sameDisk
            }
        }
        return KeyFileCheck.Facts(
            path: path, file: file, place: place, hasStore: SmallFile.isThere(dataFolder + "/store.db"), isNode: isNode)
    }
}
