import Logging
import NIOCore
import NIOPosix
import SpeemConfig
import SpeemDevice
import SpeemTransport

/// Calls methods of the daemon, or does the same work in this process when none runs.
actor Caller {
    typealias Notify = @Sendable (String, JSON) async throws -> Void

    private let config: Config
    private let group: MultiThreadedEventLoopGroup
    /// Open from the first call that found no daemon.
    private var device: Device?

    private init(_ config: Config, _ group: MultiThreadedEventLoopGroup) {
        self.config = config
        self.group = group
    }

    /// One call.
    static func call(
        _ method: String, _ parameters: [String: JSON] = [:], config: Config,
        onNotification: @escaping Notify = { _, _ in }
    ) async throws -> JSON {
        try await session(config) { try await $0.call(method, parameters, onNotification: onNotification) }
    }

    /// Several calls, for which the store is opened once.
    static func session<T: Sendable>(
        _ config: Config, _ body: @Sendable (Caller) async throws -> T
    ) async throws -> T {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let caller = Caller(config, group)
        do {
            let result = try await body(caller)
            await caller.close()
            try await group.shutdownGracefully()
            return result
        } catch {
            await caller.close()
            try? await group.shutdownGracefully()
            throw error
        }
    }

    func call(
        _ method: String, _ parameters: [String: JSON] = [:], onNotification: @escaping Notify = { _, _ in }
    ) async throws -> JSON {
        if device == nil {
            if let result = try await callDaemon(method, parameters, onNotification: onNotification) { return result }
            guard config.role == .device else {
                throw Failure(
                    "the node is not running",
                    hint: "start it with speem run --config \(config.file); devices write and read")
            }
        }
        let device = try await open()
        return try await DeviceControl(device: device, isDaemon: false).call(
            method, .object(parameters), session: ControlSession(notify: onNotification))
    }

    /// - Returns: nil when no daemon runs.
    func callDaemon(
        _ method: String, _ parameters: [String: JSON] = [:], onNotification: @escaping Notify = { _, _ in }
    ) async throws -> JSON? {
        try await ControlClient(path: config.controlSocket, group: group)
            .call(method, .object(parameters), onNotification: onNotification)
    }

    private func open() async throws -> Device {
        if let device { return device }
        let opened = try await Device.open(
            config, key: try StoreAccess.key(config), group: group, logger: Logs.make(config))
        device = opened
        return opened
    }

    private func close() async { await device?.close() }
}

/// Where log lines go.
enum Logs {
    /// A logger of the configuration's level; a command without a daemon logs warnings at the most.
    static func make(_ config: Config, daemon: Bool = false) -> Logger {
        let level = LogLevel(config)
        if !daemon { level.value = max(level.value, .warning) }
        return make(level)
    }

    /// A logger whose level may change.
    static func make(_ level: LogLevel) -> Logger {
        Logger(label: "speem") { SharedLevelHandler(StreamLogHandler.standardError(label: $0), level) }
    }
}
