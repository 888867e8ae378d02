public import SpeemCrypto
import SpeemStore
import Synchronization

/// Takes entries in while the store is locked, sealed to its public key: nobody can read them before it is unlocked, this
/// process included.
///
/// All that waits is written as one record with one sync to disk, on a thread of its own, and answered after it. The file is
/// made with the first entry, so a boot that gets none leaves none.
public final class Spool: Sendable {
    public struct Options: Sendable {
        public var folder: SpoolFolder
        /// The public half of the store's seal key.
        public var recipient: X25519.PublicKey
        /// The highest number of a file that is known to have been, and what the next file links to when none is there.
        public var last: (number: UInt64, link: [UInt8])
        /// Bytes of all files at the most.
        public var limit: Int64
        public var random: any RandomSource

        public init(
            folder: SpoolFolder, recipient: X25519.PublicKey, last: (number: UInt64, link: [UInt8]), limit: Int64,
            random: any RandomSource = SystemRandomSource()
        ) {
            self.folder = folder
            self.recipient = recipient
            self.last = last
            self.limit = limit
            self.random = random
        }
    }

    /// How full the spool is.
    public struct Usage: Sendable, Equatable {
        /// Bytes of all files.
        public var bytes: Int64
        /// What was taken in since the start.
        public var entries: Int64
        /// Bytes at the most.
        public var limit: Int64
    }

    /// What may wait.
    static let queueLimit = WorkerThread<Job>.Bound(count: 2048, cost: 4 << 20)
    static let batchLimit = WorkerThread<Job>.Bound(count: 512, cost: SpoolFormat.maxRecord)

    struct Job: Sendable {
        let entry: [UInt8]
        let finish: @Sendable (SpoolError?) -> Void

        var cost: Int { entry.count + 4 }
    }

    private let worker = WorkerThread<Job>(limit: queueLimit, cost: { $0.cost })
    private let shared: Mutex<Usage>
    /// The failure that stopped the spool; for one reader. Ends when it is closed.
    public let failure: AsyncStream<SpoolError>
    /// Bytes of the files of earlier boots.
    public let earlier: Int64

    public var usage: Usage { shared.withLock { $0 } }

    /// - Throws: ``SpoolError/file(_:)``.
    public init(_ options: Options) throws(SpoolError) {
        let files = try options.folder.files()
        let earlier = files.reduce(0) { $0 + $1.size }
        var next = options.last
        if let last = files.last {
            next = (max(last.number, next.number), try options.folder.hash(of: last))
        }
        self.earlier = earlier
        shared = Mutex(Usage(bytes: earlier, entries: 0, limit: options.limit))
        let (failure, failed) = AsyncStream.makeStream(of: SpoolError.self, bufferingPolicy: .bufferingNewest(1))
        self.failure = failure
        let engine = SpoolEngine(options, number: next.number + 1, link: next.link, earlier: earlier)
        worker.start(
            batch: Self.batchLimit, setUp: { engine },
            work: { [weak self] engine, jobs in
                engine.run(jobs) { bytes, entries in
                    self?.shared.withLock {
                        $0.bytes = bytes
                        $0.entries += entries
                    }
                } failed: {
                    failed.yield($0)
                }
            },
            tearDown: { engine in
                engine.close()
                failed.finish()
            })
    }

    deinit { worker.close() }

    /// Takes an entry in and returns after it is on disk.
    ///
    /// - Throws: ``SpoolError``; then it will never be read from the spool, unless the error is
    ///   ``SpoolError/failed(reason:)``.
    public func append(_ entry: [UInt8]) async throws(SpoolError) {
        guard entry.count <= SpoolFormat.maxEntry else { throw .tooLarge }
        let failure = await withCheckedContinuation { (continuation: CheckedContinuation<SpoolError?, Never>) in
            do throws(WorkerThread<Job>.Refusal) {
                try worker.submit(Job(entry: entry) { continuation.resume(returning: $0) })
            } catch {
                switch error {
                case .full: continuation.resume(returning: .busy)
                case .closed: continuation.resume(returning: .closed)
                }
            }
        }
        if let failure { throw failure }
    }

    /// Writes what waits and closes the file.
    public func close() async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            worker.close { continuation.resume() }
        }
    }
}

/// The state of the spool's thread.
private final class SpoolEngine: @unchecked Sendable {
    // Sendable is sound: after `init` only the spool's thread touches it.
    private let options: Spool.Options
    private let number: UInt64
    private let link: [UInt8]
    private let earlier: Int64
    private var writer: SpoolWriter?
    private var failure: SpoolError?

    init(_ options: Spool.Options, number: UInt64, link: [UInt8], earlier: Int64) {
        self.options = options
        self.number = number
        self.link = link
        self.earlier = earlier
    }

    private var bytes: Int64 { earlier + (writer?.end ?? 0) }

    func run(
        _ jobs: [Spool.Job], written: (Int64, Int64) -> Void, failed: (SpoolError) -> Void
    ) {
        var taken: [Spool.Job] = []
        var refused: [(job: Spool.Job, error: SpoolError)] = []
        var size = 0
        for job in jobs {
            let space = Int64(SpoolFormat.space(entries: size + job.entry.count, count: taken.count + 1))
            let header = writer == nil ? Int64(SpoolFormat.headerLength) : 0
            if bytes + header + space > options.limit {
                refused.append((job, .full))
            } else {
                taken.append(job)
                size += job.entry.count
            }
        }
        var result: SpoolError? = failure
        if result == nil, !taken.isEmpty {
            do throws(SpoolError) {
                try write(taken.map(\.entry))
                written(bytes, Int64(taken.count))
            } catch {
                result = error
                if case .failed = error {
                    failure = error
                    failed(error)
                }
            }
        }
        for job in taken { job.finish(result) }
        for (job, error) in refused { job.finish(failure ?? error) }
    }

    private func write(_ entries: [[UInt8]]) throws(SpoolError) {
        if writer == nil {
            writer = try SpoolWriter(
                options.folder, number: number, link: link, recipient: options.recipient, random: options.random)
        }
        try writer?.append(entries)
    }

    func close() { writer?.close() }
}
