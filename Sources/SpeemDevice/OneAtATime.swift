/// Runs what must not run side by side one after the other, in the order in which it was asked for.
actor OneAtATime {
    private var last: Task<Void, Never>?

    /// Whether nothing was ever asked for.
    var isIdle: Bool { last == nil }

    /// The result of `work`, which begins when all that was asked for before has ended. Cancelling the caller cancels it.
    func run<T: Sendable>(_ work: @escaping @Sendable () async throws -> T) async throws -> T {
        let previous = last
        let task = Task {
            await previous?.value
            return try await work()
        }
        last = Task { _ = await task.result }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }
}
