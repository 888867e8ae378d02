/// A piece of work for the store's thread.
struct StoreJob: Sendable {
    enum Kind { case read, write, close }

    let kind: Kind
    /// Does the work and keeps its result; returns its error.
    let run: @Sendable (Connection) -> (any Error)?
    /// Answers the caller: with the kept result, or with the failure of the transaction around it.
    let finish: @Sendable ((any Error)?) -> Void
}

/// The store's thread's view of the store.
enum StoreState {
    case open(StoreEngine)
    /// It could not be opened; nobody can submit to it.
    case failed

    func run(_ jobs: [StoreJob]) {
        switch self {
        case .open(let engine): engine.run(jobs)
        case .failed: for job in jobs { job.finish(StoreError.closed) }
        }
    }

    func close() {
        switch self {
        case .open(let engine): engine.close()
        case .failed: break
        }
    }
}

/// Runs batches of jobs on one connection.
final class StoreEngine {
    private let connection: Connection
    private var lock: (any Sendable)?
    private(set) var report = Store.OpenReport()
    private var failure: StoreError?
    private var isClosed = false

    init(_ options: Store.Options) throws {
        let files = StoreFiles(
            folder: options.folder, keyPath: options.keyPath, fileSystem: options.fileSystem, random: options.random)
        if options.mayCreate { try onDisk { () throws(FileError) in try files.fileSystem.makeFolder(files.folder) } }
        guard try onDisk({ () throws(FileError) in try files.fileSystem.exists(files.folder) }) else {
            throw StoreError.missing(path: files.folder, reason: StoreError.neverMade)
        }
        guard let lock = try onDisk({ () throws(FileError) in try files.fileSystem.lock(files.lockPath) }) else {
            throw StoreError.inUse(folder: files.folder)
        }
        let (key, isNew) = try files.prepare(mayCreate: options.mayCreate)
        let cipher = PageCipher(key: key, random: options.random)
        try Self.checkFiles(files, cipher: cipher, key: key)
        let vfs = EncryptingVFS(
            mainPath: files.mainPath, cipher: cipher, fileSystem: options.fileSystem, creating: false)
        connection = try Connection(vfs: vfs)
        self.lock = lock
        do {
            guard try connection.pragma("journal_mode") == "wal" else {
                throw StoreError.damaged(file: "store.db", place: "its header")
            }
            report.droppedFrames = vfs.droppedFrames
            report.isNew = isNew
            report.migrations = try Migration.run(options.migrations, on: connection).map(\.name)
            // A store without a migration still gets its log here, before the marker promises one.
            if isNew { try connection.executeOnce("UPDATE store SET commits = commits + 1") }
            try files.mark(key)
        } catch {
            connection.close()
            throw error
        }
    }

    /// Tells apart, before SQLite reads: an empty file, a wrong key, and damage.
    private static func checkFiles(_ files: StoreFiles, cipher: PageCipher, key: StoreKey) throws(StoreError) {
        let authentic = try onDisk { () throws(FileError) -> Bool? in
            let file = try files.fileSystem.open(files.mainPath, create: false)
            defer { file.close() }
            guard try file.size() > 0 else { return nil }
            let main = MainFile(file: file, cipher: cipher, name: "store.db", creating: false)
            return try main.firstPageIsAuthentic()
        }
        guard let authentic else { throw .damaged(file: "store.db", place: "byte 0: it is empty") }
        let header = try onDisk { () throws(FileError) -> WALFile.OpenFailure? in
            guard try files.fileSystem.exists(files.walPath) else { return .absent }
            let file = try files.fileSystem.open(files.walPath, create: false)
            defer { file.close() }
            let wal = WALFile(file: file, cipher: cipher, name: "store.db-wal")
            do throws(WALFile.OpenFailure) {
                try wal.load()
                return nil
            } catch {
                if case .file(let failure) = error { throw failure }
                return error
            }
        }
        switch header {
        case nil, .file: break
        case .damaged(let error): throw error
        case .header:
            // Without a marker nothing else tells a wrong key from damage to both.
            guard authentic else { throw .wrongKey(path: key.path) }
            throw .damaged(file: "store.db-wal", place: "its header")
        case .absent:
            guard try !onDisk({ () throws(FileError) in try files.fileSystem.exists(files.markerPath) }) else {
                throw .damaged(file: "store.db-wal", place: "byte 0: it is empty")
            }
            guard authentic else { throw .wrongKey(path: key.path) }
        }
    }

    func run(_ jobs: [StoreJob]) {
        var writes: [StoreJob] = []
        var closing: [StoreJob] = []
        for job in jobs {
            switch job.kind {
            // Reads come first, over what is committed: they never see what may yet fail.
            case .read: if let refusal = refusal { job.finish(refusal) } else { finishRead(job) }
            case .write: writes.append(job)
            case .close: closing.append(job)
            }
        }
        if !writes.isEmpty { commit(writes) }
        guard !closing.isEmpty else { return }
        close()
        for job in closing { job.finish(nil) }
    }

    private var refusal: StoreError? { isClosed ? .closed : failure }

    private func finishRead(_ job: StoreJob) {
        job.finish(job.run(connection))
    }

    /// One transaction for all of `jobs`, each in a savepoint, so that one that fails takes nothing with it.
    private func commit(_ jobs: [StoreJob]) {
        if let refusal { return jobs.forEach { $0.finish(refusal) } }
        do {
            finish(try attempt(jobs))
        } catch StoreError.diskFull {
            // The log may be full of what the main file could take in: then there is room again, without any more disk.
            do {
                try connection.pragma("wal_checkpoint(RESTART)")
                finish(try attempt(jobs))
            } catch {
                fail(jobs, error)
            }
        } catch {
            fail(jobs, error)
        }
    }

    private typealias Answers = [(job: StoreJob, error: (any Error)?)]

    private func finish(_ answers: Answers) {
        for answer in answers { answer.job.finish(answer.error) }
    }

    private func fail(_ jobs: [StoreJob], _ error: any Error) {
        settle(error)
        for job in jobs { job.finish(error) }
    }

    /// Does the work of all `jobs` and commits it; answers nobody yet.
    private func attempt(_ jobs: [StoreJob]) throws -> Answers {
        var results: Answers = []
        do {
            try connection.execute("BEGIN IMMEDIATE")
            for job in jobs {
                try connection.execute("SAVEPOINT job")
                let error = job.run(connection)
                // Some failures (a full disk) end the whole transaction; then nothing of the batch is kept.
                guard connection.isInTransaction else { throw error ?? StoreError.failed(reason: "rolled back") }
                if error != nil { try connection.execute("ROLLBACK TO job") }
                try connection.execute("RELEASE job")
                results.append((job, error))
            }
            if results.contains(where: { $0.error == nil }) {
                try connection.execute("UPDATE store SET commits = commits + 1")
            }
            try connection.execute("COMMIT")
        } catch {
            if connection.isInTransaction { try? connection.execute("ROLLBACK") }
            throw error
        }
        return results
    }

    /// Decides whether the store can go on after a failed commit.
    private func settle(_ error: any Error) {
        if connection.isPoisoned {
            failure = .failed(reason: "\(error)")
        } else if case .inputOutput? = error as? StoreError {
            failure = .failed(reason: "\(error)")
        }
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        connection.close()
        lock = nil
    }
}
