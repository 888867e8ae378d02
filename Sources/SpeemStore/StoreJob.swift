/// A piece of work for the store's thread.
struct StoreJob: Sendable {
    enum Kind { case read, write }

    let kind: Kind
    /// Whether it makes the store larger: then it waits for space on a full disk.
    let grows: Bool
    /// Bytes of memory that it holds, about.
    let cost: Int
    /// Does the work and keeps its result; returns its error. On some failures it is called a second time.
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
