/// Runs batches of jobs on one connection.
final class StoreEngine {
    private let connection: Connection
    private let ballast: Ballast
    private let failed: @Sendable (StoreError) -> Void
    private var lock: (any Sendable)?
    private(set) var report = Store.OpenReport()
    private var failure: StoreError?
    private var isClosed = false

    /// Frames from which on the log is taken over: SQLite's own default.
    static let checkpointFrames: UInt64 = 1000

    /// - Parameter failed: called once, with the failure after which only a new start helps.
    init(_ options: Store.Options, failed: @escaping @Sendable (StoreError) -> Void) throws {
        self.failed = failed
        let files = StoreFiles(
            folder: options.folder, key: options.key, fileSystem: options.fileSystem, random: options.random)
        if options.mayCreate { try onDisk { () throws(FileError) in try files.fileSystem.makeFolder(files.folder) } }
        guard try onDisk({ () throws(FileError) in try files.fileSystem.exists(files.folder) }) else {
            throw StoreError.missing(path: files.folder, reason: StoreError.neverMade)
        }
        guard let lock = try onDisk({ () throws(FileError) in try files.fileSystem.lock(files.lockPath) }) else {
            throw StoreError.inUse(folder: files.folder)
        }
        self.lock = lock
        let prepared = try files.prepare(mayCreate: options.mayCreate)
        let cipher = PageCipher(key: prepared.key, random: options.random)
        try files.check(prepared, cipher: cipher)
        let record = LogRecord(chunks: prepared.marker?.chunks ?? 0) { chunks throws(FileError) in
            try files.logHasGrown(prepared.key, chunks: chunks)
        }
        let vfs = EncryptingVFS(
            mainPath: files.mainPath, cipher: cipher, fileSystem: options.fileSystem, creating: false, record: record)
        ballast = Ballast(
            path: files.ballastPath, size: Int64(options.ballast), fileSystem: options.fileSystem)
        connection = try Connection(vfs: vfs)
        do {
            try begin(options, files, prepared)
        } catch {
            connection.close()
            throw error
        }
    }

    /// Makes sure that SQLite sees what we see, and brings the store up to date.
    private func begin(_ options: Store.Options, _ files: StoreFiles, _ prepared: StoreFiles.Prepared) throws {
        guard try connection.pragma("journal_mode") == "wal" else {
            throw StoreError.damaged(file: "store.db", place: "its header")
        }
        // Before the log is taken over: of a newer program's store not a byte is changed.
        do throws(StoreError) {
            try Migration.check(options.migrations, on: connection, folder: files.folder)
        } catch {
            connection.forbidWrites()
            throw error
        }
        report.droppedFrames = connection.droppedFrames
        if let frames = try checkpoint(), frames != connection.logFrames {
            throw StoreError.damaged(file: "store.db-wal", place: "frame \(frames + 1), which SQLite does not accept")
        }
        let isNew = try connection.userVersion() == 0
        if isNew, prepared.marker != nil {
            throw StoreError.damaged(file: "store.db-wal", place: "its first transaction, which is not there")
        }
        guard !isNew || options.mayCreate else {
            throw StoreError.missing(path: files.mainPath, reason: StoreError.neverMade)
        }
        report.isNew = isNew
        let firstCommit = isNew ? options.firstCommit : nil
        let steps = try Migration.run(
            options.migrations, on: connection, folder: files.folder, firstCommit: firstCommit)
        report.migrations = steps.map(\.name)
        if prepared.marker == nil {
            // Into the main file first: if log and marker are lost together, it still tells that it is not new.
            try connection.checkpoint()
            try files.mark(prepared.key, chunks: connection.logChunks)
        }
        _ = try ballast.put()
    }

    // MARK: Jobs

    func run(_ jobs: [StoreJob]) {
        // Reads come first, over what is committed: they never see what may yet fail.
        for job in jobs where job.kind == .read {
            job.finish(refusal ?? job.run(connection))
        }
        let writes = jobs.filter { $0.kind == .write }
        if !writes.isEmpty { commit(writes) }
    }

    private var refusal: StoreError? {
        if isClosed { return .closed }
        if failure == nil, connection.isPoisoned { stop(StoreError.failed(reason: "the disk failed")) }
        return failure
    }

    /// One transaction for all of `jobs`, each in a savepoint, so that one that fails takes nothing with it.
    private func commit(_ jobs: [StoreJob]) {
        if let refusal { return jobs.forEach { $0.finish(refusal) } }
        var admitted = jobs
        if jobs.contains(where: \.grows), let full = growthRefusal {
            for job in jobs where job.grows { job.finish(full) }
            admitted = jobs.filter { !$0.grows }
        }
        guard !admitted.isEmpty else { return }
        do {
            finish(try attempt(admitted))
        } catch {
            commitEach(admitted, after: error)
        }
        if refusal == nil, connection.logFrames >= Self.checkpointFrames { takeOver() }
    }

    /// After a transaction that failed as a whole: every job in one of its own, once, since they have nothing to do with
    /// each other. After a full disk there may be room now, without any more disk.
    private func commitEach(_ jobs: [StoreJob], after error: any Error) {
        settle(error)
        guard refusal == nil, jobs.count > 1 || isDiskFull(error) else { return jobs.forEach { $0.finish(error) } }
        if isDiskFull(error) { makeRoom() }
        // Once the disk is full for one of them it is for all that come behind it.
        var full: StoreError?
        for job in jobs {
            if job.grows, full == nil { full = growthRefusal }
            if let refusal = refusal ?? (job.grows ? full : nil) {
                job.finish(refusal)
                continue
            }
            do {
                finish(try attemptOne(job))
            } catch {
                settle(error)
                if job.grows, isDiskFull(error) { full = error as? StoreError }
                job.finish(error)
            }
        }
    }

    /// What does not grow the store may use the ballast.
    private func attemptOne(_ job: StoreJob) throws -> Answers {
        do {
            return try attempt([job])
        } catch {
            guard isDiskFull(error) else { throw error }
            makeRoom()
            guard !job.grows, refusal == nil else { throw error }
            return try attempt([job])
        }
    }

    /// Why the store cannot grow now.
    private var growthRefusal: StoreError? {
        do throws(StoreError) {
            return try ballast.put() ? nil : .diskFull(path: "the store")
        } catch {
            return error
        }
    }

    private typealias Answers = [(job: StoreJob, error: (any Error)?)]

    private func finish(_ answers: Answers) {
        for answer in answers { answer.job.finish(answer.error) }
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

    // MARK: The log

    /// Takes the log over into the main file, if need be with the space of the ballast.
    ///
    /// - Returns: frames of the log as SQLite sees it; nil when the disk is too full to tell.
    private func checkpoint() throws(StoreError) -> UInt64? {
        do throws(StoreError) {
            return try connection.checkpoint()
        } catch {
            guard isDiskFull(error), try ballast.drop() else {
                if isDiskFull(error) { return nil }
                throw error
            }
        }
        do throws(StoreError) {
            return try connection.checkpoint()
        } catch .diskFull {
            return nil
        }
    }

    /// Like ``checkpoint()``; whatever but a full disk keeps the log from being taken over ends the store.
    private func takeOver() {
        do throws(StoreError) { _ = try checkpoint() } catch { stop(error) }
    }

    private func makeRoom() {
        do throws(StoreError) {
            _ = try ballast.drop()
            _ = try checkpoint()
        } catch { stop(error) }
    }

    // MARK: Failures

    private func isDiskFull(_ error: any Error) -> Bool {
        if case .diskFull? = error as? StoreError { true } else { false }
    }

    /// Decides whether the store can go on after a failed commit.
    private func settle(_ error: any Error) {
        if connection.isPoisoned { stop(error) }
    }

    private func stop(_ error: any Error) {
        guard failure == nil else { return }
        let stopped = StoreError.failed(reason: "\(error)")
        failure = stopped
        failed(stopped)
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        connection.close()
        lock = nil
    }
}
