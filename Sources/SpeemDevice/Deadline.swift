import Synchronization

/// Waits for work, but not for ever.
enum Deadline {
    /// The result of `body`, or nil after `duration` or when the task is cancelled; the work itself goes on.
    static func wait<T: Sendable>(_ duration: Duration, for body: @escaping @Sendable () async -> T) async -> T? {
        let (results, continuation) = AsyncStream.makeStream(of: T?.self, bufferingPolicy: .bufferingOldest(1))
        Task { continuation.yield(await body()) }
        let timer = Task {
            try? await Task.sleep(for: duration)
            continuation.yield(nil)
        }
        defer {
            timer.cancel()
            continuation.finish()
        }
        for await result in results { return result }
        return nil
    }
}
