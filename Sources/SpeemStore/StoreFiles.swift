import SpeemCrypto

/// The files of a store's folder: what must be there, and making them for the first time.
struct StoreFiles {
    let folder: String
    let key: KeySource
    let fileSystem: any FileSystem
    let random: any RandomSource

    var mainPath: String { folder + "/store.db" }
    var walPath: String { mainPath + "-wal" }
    var markerPath: String { folder + "/initialised" }
    var lockPath: String { folder + "/store.lock" }
    var ballastPath: String { folder + "/store.ballast" }
    private var newPath: String { mainPath + ".new" }

    /// What ``prepare(mayCreate:)`` found.
    struct Prepared {
        var key: StoreKey
        /// Nil while the first transaction of a new store is not known to be on disk.
        var marker: StoreMarker?
    }

    /// Finds or makes key and main file; afterwards the log is there, too, unless the store is new.
    func prepare(mayCreate: Bool) throws(StoreError) -> Prepared {
        try RekeyFiles(folder: folder, fileSystem: fileSystem).settle(key)
        let marker = try onDisk { () throws(FileError) in
            // What an interrupted first start left.
            for path in [newPath, newPath + "-wal"] where try fileSystem.exists(path) { try fileSystem.remove(path) }
            return try fileSystem.readSmall(markerPath, limit: StoreMarker.limit)
        }
        guard let marker else { return Prepared(key: try prepareUnmarked(mayCreate: mayCreate), marker: nil) }
        return try prepareKnown(marker: marker)
    }

    private func exists(_ path: String) throws(StoreError) -> Bool {
        try onDisk { () throws(FileError) in try fileSystem.exists(path) }
    }

    /// A store that was there before: everything must be in its place.
    private func prepareKnown(marker: [UInt8]) throws(StoreError) -> Prepared {
        guard let key = try loadKey() else { throw try keyIsMissing }
        guard try exists(mainPath) else {
            throw .missing(
                path: mainPath, reason: "there was a store in \(folder) before; no new identity is made in its place")
        }
        let known: StoreMarker
        do throws(StoreMarker.Failure) {
            known = try StoreMarker(marker, key: key)
        } catch {
            switch error {
            case .wrongKey: throw .wrongKey(path: key.path)
            case .damaged: throw .damaged(file: EncryptingVFS.fileName(markerPath), place: "its only line")
            }
        }
        guard try exists(walPath) else { throw logIsMissing }
        return Prepared(key: key, marker: known)
    }

    /// Nil only when there is no key file.
    private func loadKey() throws(StoreError) -> StoreKey? {
        switch key {
        case .file(let path): try StoreKey.load(path, fileSystem: fileSystem)
        case .key(let key): key
        }
    }

    private var keyIsMissing: StoreError {
        get throws(StoreError) {
            guard case .file(let path) = key else { preconditionFailure("a key that the caller has is never missing") }
            let isWrapped = try exists(WrappedKey.path(folder: folder))
            return .missing(
                path: path,
                reason: isWrapped
                    ? StoreError.hasPassphrase : "without it the store in \(folder) cannot be opened")
        }
    }

    private var logIsMissing: StoreError {
        .missing(path: walPath, reason: "it holds the newest part of the store")
    }

    /// No marker: the first start, one that was interrupted before anything was promised to anybody, or a lost marker.
    private func prepareUnmarked(mayCreate: Bool) throws(StoreError) -> StoreKey {
        let hasLog = try exists(walPath)
        let key = try loadKey()
        if try exists(mainPath) {
            guard let key else { throw try keyIsMissing }
            if !hasLog, try hasFirstTransaction(key) { throw logIsMissing }
            return key
        }
        // A log is made only when the main file is in its place.
        guard !hasLog else {
            throw .missing(path: mainPath, reason: "its log is there; no new identity is made in its place")
        }
        guard mayCreate else { throw .missing(path: mainPath, reason: StoreError.neverMade) }
        // A key alone is what an interrupted first start leaves, and what a lost store leaves, too. A key in the
        // data folder was made for this store by that start; one elsewhere may belong to a store that is away.
        // A credential is there before the first start, and so tells nothing.
        let own: StoreKey
        switch self.key {
        case .file(let path):
            guard key == nil || StoreKey.folder(of: path) == folder else {
                throw .missing(
                    path: mainPath,
                    reason: "its key is there; mount the folder that holds it, or remove \(path) to begin anew")
            }
            if let key { own = key } else { own = try StoreKey.create(path, random: random, fileSystem: fileSystem) }
        case .key(let given): own = given
        }
        try create(own)
        return own
    }

    /// Whether the main file alone shows that the store's first transaction was committed.
    private func hasFirstTransaction(_ key: StoreKey) throws(StoreError) -> Bool {
        guard let version = try mainVersion(PageCipher(key: key, random: random)) else { return false }
        return version > 0
    }

    /// The schema's version in the main file; nil when its first page does not authenticate.
    private func mainVersion(_ cipher: PageCipher) throws(StoreError) -> UInt32? {
        let version = try onDisk { () throws(FileError) -> UInt32?? in
            let file = try fileSystem.open(mainPath, create: false)
            defer { file.close() }
            guard try file.size() > 0 else { return .none }
            return .some(
                try MainFile(file: file, cipher: cipher, name: EncryptingVFS.fileName(mainPath), creating: false)
                    .userVersion())
        }
        guard let version else {
            throw .damaged(file: EncryptingVFS.fileName(mainPath), place: "byte 0: it is empty")
        }
        return version
    }

    /// Tells apart, before SQLite reads: an empty file, a wrong key, and damage.
    func check(_ prepared: Prepared, cipher: PageCipher) throws(StoreError) {
        let logName = EncryptingVFS.fileName(walPath)
        let version = try mainVersion(cipher)
        let failure = try onDisk { () throws(FileError) -> WALFile.OpenFailure? in
            guard try fileSystem.exists(walPath) else { return .absent }
            let file = try fileSystem.open(walPath, create: false)
            defer { file.close() }
            let wal = WALFile(
                file: file, cipher: cipher, name: logName, record: LogRecord(chunks: prepared.marker?.chunks ?? 0))
            do throws(WALFile.OpenFailure) {
                try wal.load()
                return nil
            } catch {
                if case .file(let failure) = error { throw failure }
                return error
            }
        }
        switch failure {
        case nil, .file: break
        case .damaged(let error): throw error
        case .header:
            // Without a marker nothing else tells a wrong key from damage to both.
            guard version != nil else { throw .wrongKey(path: prepared.key.path) }
            throw .damaged(file: logName, place: "its header")
        case .absent:
            if prepared.marker == nil, version == nil { throw .wrongKey(path: prepared.key.path) }
            guard prepared.marker == nil, version == 0 else {
                throw .damaged(file: logName, place: "byte 0: it is empty")
            }
        }
    }

    /// Makes an empty database beside its final name and puts it there when it is whole.
    private func create(_ key: StoreKey) throws(StoreError) {
        let vfs = EncryptingVFS(
            mainPath: newPath, cipher: PageCipher(key: key, random: random), fileSystem: fileSystem, creating: true)
        let connection = try Connection(vfs: vfs)
        defer { connection.close() }
        try connection.pragma("journal_mode=MEMORY")
        try connection.executeOnce(
            """
            BEGIN IMMEDIATE;
            CREATE TABLE store (id INTEGER PRIMARY KEY CHECK (id = 1), commits INTEGER NOT NULL) STRICT;
            INSERT INTO store VALUES (1, 0);
            COMMIT;
            """)
        try connection.pragma("journal_mode=WAL")
        connection.close()
        try onDisk { () throws(FileError) in
            if try fileSystem.exists(newPath + "-wal") { try fileSystem.remove(newPath + "-wal") }
            let file = try fileSystem.open(newPath, create: false)
            defer { file.close() }
            try file.sync()
            try fileSystem.rename(newPath, to: mainPath)
            try fileSystem.syncFolder(folder)
        }
    }

    // MARK: The marker

    /// Writes the marker of a store whose first transaction is on disk.
    func mark(_ key: StoreKey, chunks: UInt64) throws(StoreError) {
        try onDisk { () throws(FileError) in try writeMarker(key, chunks: chunks) }
    }

    /// Keeps the new size of the log in the marker, if there is one already.
    func logHasGrown(_ key: StoreKey, chunks: UInt64) throws(FileError) {
        guard try fileSystem.exists(markerPath) else { return }
        try writeMarker(key, chunks: chunks)
    }

    private func writeMarker(_ key: StoreKey, chunks: UInt64) throws(FileError) {
        try fileSystem.writeSmall(markerPath, StoreMarker(chunks: chunks).encoded(key), folder: folder)
    }
}
