import Logging
import ServiceLifecycle
import SpeemConfig
import SpeemSystemd
import UnixSignals

/// Reads the configuration again when the process gets a SIGHUP, and says in the log what became of each change.
struct Reloader: Service {
    let config: Config
    let signals: UnixSignalsSequence
    let level: LogLevel
    let logger: Logger
    let manager: ServiceManager?
    /// Lets the service take what it can.
    let apply: @Sendable (Config) async throws -> Void

    func run() async throws {
        var running = config
        for await _ in signals.cancelOnGracefulShutdown() {
            manager?.tell(.reloading(monotonic: ServiceManager.monotonicMicroseconds))
            running = await reload(running)
            manager?.tell(.ready)
        }
    }

    /// - Returns: the settings that are in use from now on.
    private func reload(_ running: Config) async -> Config {
        do {
            let file = try Config.load(file: running.file, home: Environment.home)
            let changes = running.changes(to: file)
            let next = running.reloaded(from: file)
            try await apply(next)
            level.configure(next)
            if changes.isEmpty { logger.notice("the configuration was read again: nothing has changed") }
            for change in changes {
                if change.isReloadable {
                    logger.notice("the configuration has changed: \(change)")
                } else {
                    logger.warning("the configuration has changed: \(change)")
                }
            }
            return next
        } catch {
            let failure = Failure.words(error)
            logger.error(
                "the changed configuration is refused, and the old one stays: \(failure.message)",
                metadata: failure.hint.map { ["hint": "\($0)"] } ?? [:])
            return running
        }
    }
}
