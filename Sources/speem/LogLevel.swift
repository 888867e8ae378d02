import Logging
import SpeemConfig
import Synchronization

/// The level of all loggers of the process: another one after a reload.
final class LogLevel: Sendable {
    private let level: Mutex<Logger.Level>

    init(_ config: Config) { level = Mutex(Self.level(config)) }

    var value: Logger.Level {
        get { level.withLock { $0 } }
        set { level.withLock { $0 = newValue } }
    }

    func configure(_ config: Config) { value = Self.level(config) }

    private static func level(_ config: Config) -> Logger.Level { Logger.Level(rawValue: config.logLevel) ?? .info }
}

/// Asks a ``LogLevel`` for each line.
struct SharedLevelHandler: LogHandler {
    private var base: StreamLogHandler
    private let level: LogLevel

    init(_ base: StreamLogHandler, _ level: LogLevel) {
        self.base = base
        self.base.logLevel = .trace
        self.level = level
    }

    var logLevel: Logger.Level {
        get { level.value }
        set { level.value = newValue }
    }

    var metadata: Logger.Metadata {
        get { base.metadata }
        set { base.metadata = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { base[metadataKey: key] }
        set { base[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) { base.log(event: event) }
}
