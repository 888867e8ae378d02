import Synchronization

/// Waits for work, but not for ever.
enum Deadline {
    /// The result of `body`, or nil after `duration`; the work itself goes on.
    static func wait<T: Sendable>(_ duration: Duration, for body: @escaping @Sendable () async -> T) async -> T? {
        await withCheckedContinuation { (continuation: CheckedContinuation<T?, Never>) in
            let once = Once(continuation)
            Task { once.resume(await body()) }
            Task {
                try? await Task.sleep(for: duration)
                once.resume(nil)
            }
        }
    }

    private final class Once<T: Sendable>: Sendable {
        private let continuation: Mutex<CheckedContinuation<T?, Never>?>

        init(_ continuation: CheckedContinuation<T?, Never>) { self.continuation = Mutex(continuation) }

        func resume(_ value: T?) {
            let first = continuation.withLock { slot -> CheckedContinuation<T?, Never>? in
                defer { slot = nil }
                return slot
            }
            first?.resume(returning: value)
        }
    }
}
