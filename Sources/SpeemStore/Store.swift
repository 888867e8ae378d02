public import SpeemCrypto

/// An encrypted SQLite database that one process owns (design, section 6).
///
/// All work runs on one thread of the store's own. Writes that wait there are collected into one transaction with one
/// sync to disk, and each is answered after it: many callers at once cost hardly more than one.
public final class Store: Sendable {
    /// Where the store is and how it is opened.
    public struct Options: Sendable {
        /// The folder of the store's files.
        public var folder: String
        public var key: KeySource
        public var migrations: [Migration]
        /// Whether a first start may make key and store.
        public var mayCreate: Bool
        /// What a new store gets in the transaction of its first migrations: its owner's identity, so that there is never
        /// a store without one.
        public var firstCommit: (@Sendable (Connection) throws -> Void)?
        /// Bytes kept free for a full disk, so that deletions go on there; 0 for none. Without room for it the store does
        /// not grow.
        public var ballast = Store.ballastSize
        public var fileSystem: any FileSystem
        public var random: any RandomSource

        public init(
            folder: String, key: KeySource, migrations: [Migration], mayCreate: Bool,
            firstCommit: (@Sendable (Connection) throws -> Void)? = nil,
            fileSystem: any FileSystem = PosixFileSystem(), random: any RandomSource = SystemRandomSource()
        ) {
            self.folder = folder
            self.key = key
            self.migrations = migrations
            self.mayCreate = mayCreate
            self.firstCommit = firstCommit
            self.fileSystem = fileSystem
            self.random = random
        }
    }

    /// What happened on opening, for the log.
    public struct OpenReport: Sendable, Equatable {
        /// The store was made just now.
        public var isNew = false
        /// Names of the migrations that were applied.
        public var migrations: [String] = []
        /// Frames of a last transaction that a power cut had torn: it was never acknowledged, and was dropped.
        public var droppedFrames: UInt64 = 0
    }

    /// What may wait: beyond it callers are told to come back.
    static let queueLimit = WorkerThread<StoreJob>.Bound(count: 8192, cost: 16 << 20)
    /// What goes into one transaction: a bound on its memory, far above what waits on a small board.
    static let batchLimit = WorkerThread<StoreJob>.Bound(count: 1024, cost: 4 << 20)
    /// Memory of a job that says nothing about it.
    public static let smallCost = 2048
    /// Holds the pages that are only in the log when it is taken over, at most about 9 MiB (1,000 frames and a batch),
    /// and what a deletion needs besides.
    public static let ballastSize = 12 << 20

    public let report: OpenReport
    /// The failure that stopped the store: from then on it refuses everything, and only a new start of the program
    /// helps. Ends when the store is closed; for one reader.
    public let failure: AsyncStream<StoreError>
    private let worker: WorkerThread<StoreJob>
    private let folder: String
    private let fileSystem: any FileSystem

    /// Opens the store, or makes it.
    ///
    /// - Throws: ``StoreError``.
    public static func open(_ options: Options) async throws -> Store {
        let worker = WorkerThread<StoreJob>(limit: queueLimit, cost: { $0.cost })
        let (failure, failed) = AsyncStream.makeStream(of: StoreError.self, bufferingPolicy: .bufferingNewest(1))
        let report = try await withCheckedThrowingContinuation {
            (continuation: CheckedContinuation<OpenReport, any Error>) in
            worker.start(
                batch: batchLimit,
                setUp: {
                    do {
                        let engine = try StoreEngine(options) { failed.yield($0) }
                        continuation.resume(returning: engine.report)
                        return StoreState.open(engine)
                    } catch {
                        worker.close()
                        continuation.resume(throwing: error)
                        return StoreState.failed
                    }
                }, work: { state, jobs in state.run(jobs) },
                tearDown: { state in
                    state.close()
                    failed.finish()
                })
        }
        return Store(report: report, failure: failure, worker: worker, options: options)
    }

    private init(
        report: OpenReport, failure: AsyncStream<StoreError>, worker: WorkerThread<StoreJob>, options: Options
    ) {
        self.report = report
        self.failure = failure
        self.worker = worker
        folder = options.folder
        fileSystem = options.fileSystem
    }

    deinit { worker.close() }

    /// Runs `body` in a transaction and returns after it is on disk. When `body` throws, nothing of it is kept. When the
    /// transaction fails for another one's sake, `body` is run again.
    ///
    /// - Parameters:
    ///   - grows: false for what deletes or changes in place; it goes on when the disk is full.
    ///   - cost: bytes of memory that `body` holds, when they are many.
    /// - Throws: what `body` throws, or ``StoreError``; ``StoreError/diskFull(path:)`` and ``StoreError/busy`` pass.
    public func write<T: Sendable>(
        grows: Bool = true, cost: Int = Store.smallCost, _ body: @escaping @Sendable (Connection) throws -> T
    ) async throws -> T {
        try await submit(.write, grows: grows, cost: cost, body)
    }

    /// Runs `body` over what is committed.
    public func read<T: Sendable>(_ body: @escaping @Sendable (Connection) throws -> T) async throws -> T {
        try await submit(.read, body)
    }

    /// Reads and checks every page and every row; throws ``StoreError/damaged(file:place:)`` for the first that is not
    /// what was written.
    public func verify() async throws {
        try await submit(.read) { connection in
            try connection.forEach("PRAGMA integrity_check(1)") { row throws(StoreError) in
                let answer = try row.text(0)
                guard answer == "ok" else { throw .damaged(file: "store.db", place: answer) }
                return .next
            }
        }
    }

    /// How the store stands with its disk.
    public struct DiskState: Sendable, Equatable {
        /// nil: not known.
        public var space: DiskSpace?
        /// Whether the disk is too full for anything that grows the store.
        public var refuses: Bool
        /// Bytes given to the disk since the store was opened, in whole blocks of 4 KiB; nil: not known.
        public var written: UInt64?
    }

    /// Looks at the disk. Where it was too full, it is tried again; nothing is written by that.
    ///
    /// - Throws: ``StoreError`` of a store that has failed or is closed.
    public func diskState() async throws -> DiskState {
        let refuses: Bool
        do {
            try await write { _ in throw Probed() }
            refuses = false
        } catch is Probed {
            refuses = false
        } catch StoreError.diskFull {
            refuses = true
        }
        let space = try await read { [folder, fileSystem] _ in try? fileSystem.space(of: folder) }
        return DiskState(space: space, refuses: refuses, written: fileSystem.bytesWritten)
    }

    /// Undoes a transaction that was to find out whether there is room.
    private struct Probed: Error {}

    /// Takes the lock of the store in `folder`, which is made where it is missing, for as long as the returned object
    /// lives: for whoever serves it before it can be opened.
    ///
    /// - Throws: ``StoreError/inUse(folder:)``.
    public static func lock(
        folder: String, fileSystem: any FileSystem = PosixFileSystem()
    ) throws(StoreError) -> any Sendable {
        let lock = try onDisk { () throws(FileError) in
            try fileSystem.makeFolder(folder)
            return try fileSystem.lock(folder + "/store.lock")
        }
        guard let lock else { throw .inUse(folder: folder) }
        return lock
    }

    /// Writes out what waits, and closes the files.
    public func close() async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            worker.close { continuation.resume() }
        }
    }

    private func submit<T: Sendable>(
        _ kind: StoreJob.Kind, grows: Bool = false, cost: Int = Store.smallCost,
        _ body: @escaping @Sendable (Connection) throws -> T
    ) async throws -> T {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<T, any Error>) in
            let result = ResultBox<T>()
            let job = StoreJob(
                kind: kind, grows: grows, cost: cost,
                run: { connection in
                    do {
                        result.value = .success(try body(connection))
                        return nil
                    } catch {
                        result.value = .failure(error)
                        return error
                    }
                },
                finish: { failure in
                    if let failure { return continuation.resume(throwing: failure) }
                    continuation.resume(with: result.value ?? .failure(StoreError.closed))
                })
            do throws(WorkerThread<StoreJob>.Refusal) {
                try worker.submit(job)
            } catch {
                switch error {
                case .full: continuation.resume(throwing: StoreError.busy)
                case .closed: continuation.resume(throwing: StoreError.closed)
                }
            }
        }
    }
}

extension Connection {
    /// Counts the write transactions of the store; the current one is not yet in it. Never goes back, unless the whole
    /// disk does.
    public func commitNumber() throws(StoreError) -> Int64 {
        try first("SELECT commits FROM store") { row throws(StoreError) in try row.integer(0) } ?? 0
    }
}

/// A result on its way from the store's thread to the caller.
private final class ResultBox<T: Sendable>: @unchecked Sendable {
    // Sendable is sound: only the store's thread touches it, in `run` and then in `finish`.
    var value: Result<T, any Error>?
}
