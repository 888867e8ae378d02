public import ServiceLifecycle

/// Tells the service manager that this process is ready, for as long as its store answers that it is alive, and when it ends.
public struct Watchdog: Service {
    private let manager: ServiceManager
    private let isAlive: @Sendable () async -> Bool

    /// - Parameter isAlive: whether what this process is for still works. Where it does not return, nothing is told, and the
    ///   service manager starts the process anew.
    public init(_ manager: ServiceManager, isAlive: @escaping @Sendable () async -> Bool) {
        self.manager = manager
        self.isAlive = isAlive
    }

    public func run() async throws {
        manager.tell(.ready)
        await withGracefulShutdownHandler {
            await cancelWhenGracefulShutdown { await watch() }
        } onGracefulShutdown: {
            manager.tell(.stopping)
        }
    }

    private func watch() async {
        guard let interval = manager.watchdog else {
            // Nobody wants to hear more.
            try? await gracefulShutdown()
            return
        }
        while !Task.isCancelled {
            if await isAlive() { manager.tell(.alive) }
            try? await Task.sleep(for: interval)
        }
    }
}
