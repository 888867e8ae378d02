/// Space that is kept for a full disk.
///
/// Taking the log over and deleting need a little room themselves. On a full disk the ballast is dropped for them; what
/// grows the store waits until it is in its place again.
final class Ballast {
    private let path: String
    private let size: Int64
    private let fileSystem: any FileSystem
    private var isInPlace = false

    /// - Parameter size: in bytes; 0 keeps nothing, and the store may always try to grow.
    init(path: String, size: Int64, fileSystem: any FileSystem) {
        self.path = path
        self.size = size
        self.fileSystem = fileSystem
    }

    /// Reserves the space unless that is done; false when the disk has no room for it.
    func put() throws(StoreError) -> Bool {
        guard !isInPlace, size > 0 else { return true }
        do throws(StoreError) {
            try onDisk { () throws(FileError) in
                let file = try fileSystem.open(path, create: true)
                defer { file.close() }
                try file.grow(to: size)
            }
        } catch {
            guard case .diskFull = error else { throw error }
            try onDisk { () throws(FileError) in if try fileSystem.exists(path) { try fileSystem.remove(path) } }
            return false
        }
        isInPlace = true
        return true
    }

    /// Gives the space back; false when there was none.
    func drop() throws(StoreError) -> Bool {
        isInPlace = false
        return try onDisk { () throws(FileError) in
            guard size > 0, try fileSystem.exists(path) else { return false }
            try fileSystem.remove(path)
            // Some file systems give the space back only then.
            try fileSystem.syncFolder(StoreKey.folder(of: path))
            return true
        }
    }
}
