import SpeemStore

extension DiskCheck.Facts {
    /// Of the disk that a folder is on, or will be when it is made.
    static func look(_ folder: String) -> Result<DiskCheck.Facts, Obstacle> {
        do throws(FileError) {
            let space = try DiskSpace.look(folder)
            return .success(
                DiskCheck.Facts(folder: folder, free: space.free, total: space.total, store: space.used))
        } catch {
            return .failure(.system("look at the disk of", error.path, code: error.code))
        }
    }
}
