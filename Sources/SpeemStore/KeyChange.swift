public import SpeemCrypto

/// Changes how the key of a store is kept: under a passphrase, under another one, or a new key (``rekey(_:progress:)``).
///
/// Holds a lock of its own as long as it lives, so that no two changes meet.
public struct KeyChange: Sendable {
    let folder: String
    let fileSystem: any FileSystem
    let random: any RandomSource
    private let lock: any Sendable

    /// What a first passphrase was set for.
    public enum FirstPassphrase: Equatable, Sendable {
        /// A store that had a key file, which is gone now.
        case existing(keyFile: String)
        /// A store that the next start makes.
        case newStore
    }

    /// - Throws: ``StoreError/inUse(folder:)`` while another change goes on.
    public init(
        folder: String, fileSystem: any FileSystem = PosixFileSystem(), random: any RandomSource = SystemRandomSource()
    ) throws(StoreError) {
        self.folder = folder
        self.fileSystem = fileSystem
        self.random = random
        let lock = try onDisk { () throws(FileError) in
            try fileSystem.makeFolder(folder)
            return try fileSystem.lock(folder + "/key.lock")
        }
        guard let lock else { throw .inUse(folder: folder) }
        self.lock = lock
    }

    /// The wrapped key; nil when the store has no passphrase.
    public func wrapped() throws(StoreError) -> WrappedKey? {
        try WrappedKey.load(folder: folder, fileSystem: fileSystem)
    }

    /// Sets the first passphrase: wraps the key of `keyFile`, or a new one for a store that is not there yet, and removes
    /// the key file when the wrapped key is on disk. A running daemon goes on with the key it has.
    ///
    /// - Throws: ``StoreError``, ``WrappedKey/Failure``.
    public func setPassphrase(
        _ passphrase: Passphrase, keyFile: String, cost: Argon2id.Cost = WrappedKey.standardCost
    ) throws -> FirstPassphrase {
        try settle(.file(keyFile))
        guard try wrapped() == nil else { throw StoreError.failed(reason: "the store has a passphrase") }
        guard let key = try StoreKey.load(keyFile, fileSystem: fileSystem) else {
            for name in ["/initialised", "/store.db", "/store.db-wal"]
            where try onDisk({ () throws(FileError) in try fileSystem.exists(folder + name) }) {
                throw StoreError.missing(path: keyFile, reason: "without it the store in \(folder) cannot be opened")
            }
            let key = StoreKey(secret: random.secret(StoreKey.length), path: WrappedKey.path(folder: folder))
            try save(WrappedKey(wrapping: key, passphrase: passphrase, cost: cost, random: random))
            return .newStore
        }
        try save(WrappedKey(wrapping: key, passphrase: passphrase, cost: cost, random: random))
        try erase(keyFile)
        return .existing(keyFile: keyFile)
    }

    /// Wraps the same key under another passphrase and another salt. Who has a copy of the old file still opens it with
    /// the old passphrase, and with it the store, until the next rekey.
    ///
    /// - Parameter keyFile: where a key file lay before the first passphrase; if the same key is there still, it is
    ///   removed.
    /// - Throws: ``StoreError``, ``WrappedKey/Failure``.
    public func changePassphrase(
        _ wrapped: WrappedKey, from old: Passphrase, to new: Passphrase, keyFile: String,
        cost: Argon2id.Cost = WrappedKey.standardCost
    ) throws {
        let key = try wrapped.unwrap(old)
        try settle(.key(key))
        try save(WrappedKey(wrapping: key, passphrase: new, cost: cost, random: random))
        if let left = try StoreKey.load(keyFile, fileSystem: fileSystem), left.secret == key.secret {
            try erase(keyFile)
        }
    }

    /// Finishes an interrupted rekey, unless a daemon has the store, which then has done so.
    private func settle(_ source: KeySource) throws(StoreError) {
        let lock = try onDisk { () throws(FileError) in try fileSystem.lock(folder + "/store.lock") }
        guard let lock else { return }
        defer { withExtendedLifetime(lock) {} }
        try RekeyFiles(folder: folder, fileSystem: fileSystem).settle(source)
    }

    /// Writes the wrapped key, and reads it again before anything relies on it.
    private func save(_ wrapped: WrappedKey) throws(StoreError) {
        try wrapped.save(folder: folder, fileSystem: fileSystem)
        guard try self.wrapped() == wrapped else {
            throw .damaged(file: WrappedKey.fileName, place: "what was written just now")
        }
    }

    private func erase(_ path: String) throws(StoreError) {
        try onDisk { () throws(FileError) in try fileSystem.erase(path, folder: StoreKey.folder(of: path)) }
    }
}
