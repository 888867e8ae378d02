import Logging
import NIOCore
import NIOPosix
import SpeemConfig
import SpeemDevice
import SpeemTransport

/// Calls a method of the daemon, or does the same work in this process when none runs.
enum Caller {
    static func call(
        _ method: String, _ parameters: [String: JSON] = [:], config: Config,
        onNotification: @escaping @Sendable (String, JSON) async throws -> Void = { _, _ in }
    ) async throws -> JSON {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let result = try await call(
                method, .object(parameters), config: config, group: group, onNotification: onNotification)
            try await group.shutdownGracefully()
            return result
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private static func call(
        _ method: String, _ parameters: JSON, config: Config, group: MultiThreadedEventLoopGroup,
        onNotification: @escaping @Sendable (String, JSON) async throws -> Void
    ) async throws -> JSON {
        let client = ControlClient(path: config.controlSocket, group: group)
        if let result = try await client.call(method, parameters, onNotification: onNotification) { return result }
        switch config.role {
        case .node:
            throw Failure(
                "the node is not running",
                hint: "start it with speem run --config \(config.file); devices write and read")
        case .device:
            let device = try await Device.open(config, group: group, logger: Logs.make(config))
            do {
                let result = try await DeviceControl(device: device, isDaemon: false).call(
                    method, parameters, session: ControlSession(notify: onNotification))
                await device.close()
                return result
            } catch {
                await device.close()
                throw error
            }
        }
    }
}

/// Where log lines go.
enum Logs {
    /// A logger of the configuration's level; a command without a daemon logs warnings at the most.
    static func make(_ config: Config, daemon: Bool = false) -> Logger {
        var logger = Logger(label: "speem") { StreamLogHandler.standardError(label: $0) }
        let level = Logger.Level(rawValue: config.logLevel) ?? .info
        logger.logLevel = daemon ? level : max(level, .warning)
        return logger
    }
}
