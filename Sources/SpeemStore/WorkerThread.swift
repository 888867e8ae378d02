#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A thread of its own for blocking calls, fed through a bounded queue, that takes all that is waiting at once.
package final class WorkerThread<Job: Sendable>: @unchecked Sendable {
    // Sendable is sound: every stored property below is only touched while `mutex` is held.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var waiting: [Job] = []
    /// Of those that wait.
    private var cost = 0
    private var isClosed = false
    private var isFinished = false
    private var onFinish: [@Sendable () -> Void] = []
    private let limit: Bound
    private let costOf: @Sendable (Job) -> Int

    /// So many jobs, and so many bytes of memory in them; a single job is always let through.
    package struct Bound: Sendable {
        package var count: Int
        package var cost: Int

        package init(count: Int, cost: Int) {
            self.count = count
            self.cost = cost
        }
    }

    /// - Parameters:
    ///   - limit: what may wait.
    ///   - cost: bytes of memory that a job holds.
    package init(limit: Bound, cost: @escaping @Sendable (Job) -> Int) {
        self.limit = limit
        costOf = cost
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    package enum Refusal: Error { case full, closed }

    /// Queues a job.
    package func submit(_ job: Job) throws(Refusal) {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        guard !isClosed else { throw .closed }
        let added = costOf(job)
        guard waiting.isEmpty || (waiting.count < limit.count && cost + added <= limit.cost) else { throw .full }
        waiting.append(job)
        cost += added
        if waiting.count == 1 { pthread_cond_signal(condition) }
    }

    /// Takes no further jobs; those that wait are still done.
    ///
    /// - Parameter finished: called after all of them and the thread's `tearDown`.
    package func close(_ finished: (@Sendable () -> Void)? = nil) {
        pthread_mutex_lock(mutex)
        isClosed = true
        let isLate = isFinished
        if let finished, !isLate { onFinish.append(finished) }
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
        if isLate { finished?() }
    }

    private func finish() {
        pthread_mutex_lock(mutex)
        isFinished = true
        let calls = onFinish
        onFinish = []
        pthread_mutex_unlock(mutex)
        for call in calls { call() }
    }

    /// The jobs that wait, as many as `bound` allows, sleeping until there is one; nil when the queue is closed and
    /// empty.
    private func take(_ bound: Bound) -> [Job]? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while waiting.isEmpty {
            if isClosed { return nil }
            pthread_cond_wait(condition, mutex)
        }
        var count = 0
        var taken = 0
        for job in waiting.prefix(bound.count) {
            let next = costOf(job)
            guard count == 0 || taken + next <= bound.cost else { break }
            count += 1
            taken += next
        }
        defer {
            waiting.removeFirst(count)
            cost -= taken
        }
        return Array(waiting[..<count])
    }

    /// Starts the thread. It calls `setUp`, then `work` with every batch, and `tearDown` at the end.
    package func start<State>(
        batch: Bound, setUp: @escaping @Sendable () -> State, work: @escaping @Sendable (State, [Job]) -> Void,
        tearDown: @escaping @Sendable (State) -> Void
    ) {
        let body = ThreadBody {
            let state = setUp()
            while let jobs = self.take(batch) { work(state, jobs) }
            tearDown(state)
            self.finish()
        }
        #if canImport(Darwin)
            var thread: pthread_t?
        #else
            var thread = pthread_t()
        #endif
        let status = pthread_create(&thread, nil, { runThread($0) }, Unmanaged.passRetained(body).toOpaque())
        precondition(status == 0, "the system refused a thread")
        #if canImport(Darwin)
            if let thread { pthread_detach(thread) }
        #else
            pthread_detach(thread)
        #endif
    }
}

private final class ThreadBody {
    let run: () -> Void

    init(_ run: @escaping () -> Void) { self.run = run }
}

#if canImport(Darwin)
    private func runThread(_ argument: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
        return nil
    }
#else
    private func runThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        if let argument { Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run() }
        return nil
    }
#endif
