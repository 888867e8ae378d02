/// The files that a rekey makes beside those of the store, and what becomes of them.
///
/// Each new file has the name of an old one with ".rekey" behind it. When all of them are on disk the record is written,
/// `store.rekey`: with it the new ones count, without it the old ones. So a power cut at any moment leaves one whole
/// store and its key, and the next start does what was left.
struct RekeyFiles {
    let folder: String
    let fileSystem: any FileSystem

    private static let ending = ".rekey"
    /// The longest path and the words before it.
    private static let recordLimit = 4096 + 64
    private static let magic = "speem-rekey-1"

    private var recordPath: String { folder + "/store" + Self.ending }

    static func new(_ path: String) -> String { path + ending }

    /// The names of the store itself, in the order in which they are given.
    private var storePaths: [String] {
        ["/store.db", "/store.db-wal", "/initialised", "/" + WrappedKey.fileName].map { folder + $0 }
    }

    /// Where what `path` names is now.
    func current(_ path: String) throws(FileError) -> String {
        guard try fileSystem.exists(recordPath), try fileSystem.exists(Self.new(path)) else { return path }
        return Self.new(path)
    }

    /// From here on the new files count.
    ///
    /// - Parameter keyFile: of the store; nil when the key is wrapped.
    func commit(keyFile: String?) throws(FileError) {
        let text = "\(Self.magic) \(keyFile ?? "")\n"
        try fileSystem.writeSmall(recordPath, Array(text.utf8), folder: folder)
    }

    /// Finishes a rekey that got as far as its record, and removes what is left of one that did not. Only for whoever
    /// holds the lock of the store.
    func settle(_ source: KeySource) throws(StoreError) {
        let record = try onDisk { () throws(FileError) in
            try fileSystem.readSmall(recordPath, limit: Self.recordLimit)
        }
        guard let record else {
            try onDisk { () throws(FileError) in try removeLeftovers(source) }
            return
        }
        let text = String(decoding: record, as: UTF8.self)
        guard text.hasPrefix(Self.magic + " "), text.hasSuffix("\n") else {
            throw .damaged(file: EncryptingVFS.fileName(recordPath), place: "its only line")
        }
        let keyFile = String(text.dropFirst(Self.magic.count + 1).dropLast())
        try finish(keyFile: keyFile.isEmpty ? nil : keyFile)
    }

    private func finish(keyFile: String?) throws(StoreError) {
        if let keyFile {
            let isThere = try onDisk { () throws(FileError) -> Bool in
                if try fileSystem.exists(Self.new(keyFile)) { return true }
                return try fileSystem.exists(keyFile)
            }
            guard isThere else {
                throw .missing(path: keyFile, reason: "the store in \(folder) was rekeyed, and its new key is there")
            }
        }
        try onDisk { () throws(FileError) in
            for path in storePaths + (keyFile.map { [$0] } ?? []) where try fileSystem.exists(Self.new(path)) {
                try fileSystem.rename(Self.new(path), to: path)
            }
            try fileSystem.syncFolder(folder)
            if let keyFile { try fileSystem.syncFolder(StoreKey.folder(of: keyFile)) }
            try fileSystem.remove(recordPath)
            try fileSystem.syncFolder(folder)
        }
    }

    private func removeLeftovers(_ source: KeySource) throws(FileError) {
        var paths = storePaths
        if try fileSystem.exists(recordPath + ".new") { try fileSystem.remove(recordPath + ".new") }
        if case .file(let path) = source { paths.append(path) }
        for path in paths.map(Self.new) {
            // The second is what an interrupted write of a small file leaves.
            for leftover in [path, path + ".new"] where try fileSystem.exists(leftover) {
                try fileSystem.remove(leftover)
            }
        }
    }
}
