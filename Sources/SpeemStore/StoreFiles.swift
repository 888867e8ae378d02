import SpeemCrypto

/// The files of a store's folder: what must be there, and making them for the first time.
///
/// `initialised` is the marker: it is written after a new store was committed for the first time, and from then on a
/// missing store, log or key is an error and never a reason to make a new one.
struct StoreFiles {
    let folder: String
    let keyPath: String
    let fileSystem: any FileSystem
    let random: any RandomSource

    var mainPath: String { folder + "/store.db" }
    var walPath: String { mainPath + "-wal" }
    var markerPath: String { folder + "/initialised" }
    var lockPath: String { folder + "/store.lock" }
    private var newPath: String { mainPath + ".new" }

    private static let markerMagic = "speem-store-1"
    private static let markerLimit = 128

    /// Finds or makes key and store; afterwards the main file is there, and the log unless the store is new.
    func prepare(mayCreate: Bool) throws(StoreError) -> (key: StoreKey, isNew: Bool) {
        let (marker, hasMain) = try onDisk { () throws(FileError) in
            // What an interrupted first start left.
            for path in [newPath, newPath + "-wal"] where try fileSystem.exists(path) { try fileSystem.remove(path) }
            return (
                try fileSystem.readSmall(markerPath, limit: Self.markerLimit), try fileSystem.exists(mainPath)
            )
        }
        guard let marker else { return try prepareNew(hasMain: hasMain, mayCreate: mayCreate) }
        return (try prepareKnown(marker: marker, hasMain: hasMain), false)
    }

    /// A store that was there before: everything must be in its place.
    private func prepareKnown(marker: [UInt8], hasMain: Bool) throws(StoreError) -> StoreKey {
        guard let key = try StoreKey.load(keyPath, fileSystem: fileSystem) else {
            throw .missing(path: keyPath, reason: "without it the store in \(folder) cannot be opened")
        }
        guard hasMain else {
            throw .missing(
                path: mainPath, reason: "there was a store in \(folder) before; no new identity is made in its place")
        }
        guard let check = Self.parseMarker(marker) else {
            throw .damaged(file: EncryptingVFS.fileName(markerPath), place: "its only line")
        }
        guard ConstantTime.equal(check, Self.keyCheck(key)) else { throw .wrongKey(path: key.path) }
        guard try onDisk({ () throws(FileError) in try fileSystem.exists(walPath) }) else {
            throw .missing(path: walPath, reason: "it holds the newest part of the store")
        }
        return key
    }

    /// No marker: the first start, or one that was interrupted before anything was promised to anybody.
    private func prepareNew(hasMain: Bool, mayCreate: Bool) throws(StoreError) -> (key: StoreKey, isNew: Bool) {
        if let key = try StoreKey.load(keyPath, fileSystem: fileSystem) {
            // A log with a header means that this store was used: then only its marker is gone.
            if hasMain { return (key, try !hasUsedLog(key)) }
            guard mayCreate else { throw .missing(path: mainPath, reason: StoreError.neverMade) }
            // A key alone is what an interrupted first start leaves, and what a lost store leaves, too. A key in the
            // data folder was made for this store by that start; one elsewhere may belong to a store that is away.
            guard StoreKey.folder(of: keyPath) == folder else {
                throw .missing(
                    path: mainPath,
                    reason: "its key is there; mount the folder that holds it, or remove \(keyPath) to begin anew")
            }
            try create(key)
            return (key, true)
        }
        guard !hasMain else {
            throw .missing(path: keyPath, reason: "without it the store in \(folder) cannot be opened")
        }
        guard mayCreate else { throw .missing(path: mainPath, reason: StoreError.neverMade) }
        let key = try StoreKey.create(keyPath, random: random, fileSystem: fileSystem)
        try create(key)
        return (key, true)
    }

    private func hasUsedLog(_ key: StoreKey) throws(StoreError) -> Bool {
        try onDisk { () throws(FileError) in
            guard try fileSystem.exists(walPath) else { return false }
            let file = try fileSystem.open(walPath, create: false)
            defer { file.close() }
            let wal = WALFile(
                file: file, cipher: PageCipher(key: key, random: random), name: EncryptingVFS.fileName(walPath))
            do throws(WALFile.OpenFailure) {
                try wal.load()
                return true
            } catch {
                switch error {
                case .absent: return false
                case .damaged, .header: return true
                case .file(let failure): throw failure
                }
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
            if try fileSystem.exists(walPath) { try fileSystem.remove(walPath) }
            try fileSystem.rename(newPath, to: mainPath)
            try fileSystem.syncFolder(folder)
        }
    }

    // MARK: The marker

    /// Writes the marker if it is not there.
    func mark(_ key: StoreKey) throws(StoreError) {
        try onDisk { () throws(FileError) in
            guard try !fileSystem.exists(markerPath) else { return }
            try fileSystem.syncFolder(folder)
            let line = "\(Self.markerMagic) \(Hex.encode(Self.keyCheck(key)))\n"
            try fileSystem.writeSmall(markerPath, Array(line.utf8), folder: folder)
        }
    }

    /// Tells a wrong key from damage; says nothing about the key otherwise. 16 bytes.
    private static func keyCheck(_ key: StoreKey) -> [UInt8] {
        BLAKE2b.hash(DomainSeparator("store key check").bytes, key: key.secret, length: 16)
    }

    private static func parseMarker(_ bytes: [UInt8]) -> [UInt8]? {
        let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: { $0 == " " || $0 == "\n" })
        guard words.count == 2, words[0] == markerMagic else { return nil }
        return Hex.decode(words[1])
    }
}
