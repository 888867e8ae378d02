import SpeemCrypto

extension KeyChange {
    /// How the new key is kept: as the old one was.
    public enum Keeping: Sendable {
        /// In a key file, in the place of the old one.
        case file(String)
        /// Wrapped under the passphrase that the old one is wrapped under.
        case passphrase(Passphrase)
    }

    /// Copies the store, page by page, to a new file under a new key, and puts it in the place of the old one.
    ///
    /// The memory it takes does not depend on the store; the disk must hold a second copy for the time being, which is
    /// reserved before anything is copied. A power cut at any moment leaves the old store with the old key, or the new
    /// one with the new key.
    ///
    /// - Parameters:
    ///   - progress: called with pages done and pages in all.
    /// - Throws: ``StoreError``: ``StoreError/inUse(folder:)`` while a daemon runs, ``StoreError/diskFull(path:)`` with
    ///   nothing changed, ``StoreError/damaged(file:place:)`` for a page that cannot be copied; ``WrappedKey/Failure``.
    public func rekey(_ keeping: Keeping, progress: (_ done: Int64, _ total: Int64) -> Void = { _, _ in }) throws {
        let lock = try onDisk { () throws(FileError) in try fileSystem.lock(folder + "/store.lock") }
        guard let lock else { throw StoreError.inUse(folder: folder) }
        defer { withExtendedLifetime(lock) {} }
        let source: KeySource
        switch keeping {
        case .file(let path): source = .file(path)
        case .passphrase(let passphrase):
            guard let wrapped = try wrapped() else {
                throw StoreError.missing(
                    path: WrappedKey.path(folder: folder), reason: "the store in \(folder) has no passphrase")
            }
            source = .key(try wrapped.unwrap(passphrase, path: WrappedKey.path(folder: folder)))
        }
        let files = StoreFiles(folder: folder, key: source, fileSystem: fileSystem, random: random)
        let prepared = try files.prepare(mayCreate: false)
        guard prepared.marker != nil else {
            throw StoreError.missing(path: files.markerPath, reason: StoreError.neverMade)
        }
        let header = try takeOver(files, prepared)
        let rekey = RekeyFiles(folder: folder, fileSystem: fileSystem)
        do {
            let key = StoreKey(secret: random.secret(StoreKey.length), path: prepared.key.path)
            // The copy first: it is what may not fit.
            try copy(files, from: prepared.key, to: key, logHeader: header, progress: progress)
            try keep(key, keeping)
        } catch {
            // The next start removes what cannot be removed now.
            try? rekey.settle(source)
            throw error
        }
        try onDisk { () throws(FileError) in
            if case .file(let path) = keeping {
                try rekey.commit(keyFile: path)
            } else {
                try rekey.commit(keyFile: nil)
            }
        }
        try rekey.settle(source)
    }

    private func keep(_ key: StoreKey, _ keeping: Keeping) throws {
        switch keeping {
        case .file(let path): try key.save(RekeyFiles.new(path), fileSystem: fileSystem)
        case .passphrase(let passphrase):
            let wrapped = try WrappedKey(wrapping: key, passphrase: passphrase, random: random)
            try wrapped.save(folder: folder, name: RekeyFiles.new(WrappedKey.fileName), fileSystem: fileSystem)
        }
    }

    /// Takes the log over into the main file, so that the main file is all of the store.
    ///
    /// - Returns: the header of the log, 32 bytes.
    private func takeOver(_ files: StoreFiles, _ prepared: StoreFiles.Prepared) throws(StoreError) -> [UInt8] {
        let cipher = PageCipher(key: prepared.key, random: random)
        try files.check(prepared, cipher: cipher)
        let vfs = EncryptingVFS(
            mainPath: files.mainPath, cipher: cipher, fileSystem: fileSystem, creating: false,
            record: LogRecord(chunks: prepared.marker?.chunks ?? 0))
        let connection = try Connection(vfs: vfs)
        defer { connection.close() }
        guard try connection.pragma("journal_mode") == "wal" else {
            throw .damaged(file: "store.db", place: "its header")
        }
        let frames = try connection.checkpoint()
        guard frames == connection.logFrames else {
            throw .damaged(file: "store.db-wal", place: "frame \(frames + 1), which SQLite does not accept")
        }
        guard let header = vfs.wal?.header else { throw .damaged(file: "store.db-wal", place: "its header") }
        return header
    }

    /// Writes the new main file, log and marker beside the old ones, and syncs them.
    private func copy(
        _ files: StoreFiles, from old: StoreKey, to new: StoreKey, logHeader: [UInt8],
        progress: (_ done: Int64, _ total: Int64) -> Void
    ) throws(StoreError) {
        let cipher = PageCipher(key: new, random: random)
        try copyPages(files, from: PageCipher(key: old, random: random), to: cipher, progress: progress)
        try onDisk { () throws(FileError) in
            // An empty log: all that it held is in the main file.
            let log = try fileSystem.open(RekeyFiles.new(files.walPath), create: true)
            defer { log.close() }
            let size = StoreLayout.sealedWALHeader + StoreLayout.sealedFrame * StoreLayout.framesPerChunk
            try log.grow(to: Int64(size))
            try write(cipher.sealWALHeader(logHeader), to: log)
            try log.sync()
            try fileSystem.writeSmall(
                RekeyFiles.new(files.markerPath), StoreMarker(chunks: 1).encoded(new), folder: folder)
            try fileSystem.syncFolder(folder)
        }
    }

    private func copyPages(
        _ files: StoreFiles, from old: PageCipher, to new: PageCipher,
        progress: (_ done: Int64, _ total: Int64) -> Void
    ) throws(StoreError) {
        let page = UnsafeMutableRawBufferPointer.allocate(byteCount: StoreLayout.page, alignment: 16)
        defer {
            Wipe.zero(page)
            page.deallocate()
        }
        let damaged = try onDisk { () throws(FileError) -> Int64? in
            let source = try fileSystem.openForReading(files.mainPath)
            defer { source.close() }
            let target = try fileSystem.open(RekeyFiles.new(files.mainPath), create: true)
            defer { target.close() }
            // A ragged end is what a power cut left beyond the last page.
            let pages = try source.size() / Int64(StoreLayout.page)
            try target.grow(to: pages * Int64(StoreLayout.page))
            for index in 0..<pages {
                if index % Self.progressStep == 0 { progress(index, pages) }
                let offset = index * Int64(StoreLayout.page)
                guard try source.read(into: page, at: offset) == StoreLayout.page else { return index + 1 }
                // A page that was freed before it was ever written: SQLite never reads it.
                guard page.contains(where: { $0 != 0 }) else { continue }
                guard old.openPage(page, number: UInt64(index) + 1) else { return index + 1 }
                let failure = new.sealPage(UnsafeRawBufferPointer(page), number: UInt64(index) + 1) {
                    sealed -> FileError? in
                    do throws(FileError) {
                        try target.write(sealed, at: offset)
                        return nil
                    } catch { return error }
                }
                if let failure { throw failure }
            }
            try target.sync()
            progress(pages, pages)
            return nil
        }
        if let damaged { throw .damaged(file: "store.db", place: "page \(damaged)") }
    }

    /// Pages between two reports of progress: 4 MiB.
    private static let progressStep: Int64 = 1024

    private func write(_ bytes: [UInt8], to file: any StoreFile) throws(FileError) {
        var failure: FileError?
        bytes.withUnsafeBytes { buffer in
            do throws(FileError) { try file.write(buffer, at: 0) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}
