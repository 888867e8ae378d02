import Logging
import NIOCore
import SpeemConfig
import SpeemTransport

/// Shows how the node is to Prometheus, where the configuration wants that.
struct NodeMetricsService: Sendable {
    private let server: MetricsServer?
    private let file: MetricsFile?
    private let requests: NodeRequests
    private let logger: Logger

    /// How often the file is written.
    static let interval: Int64 = 60

    /// Where it is shown, "host:port"; nil: nowhere.
    var address: String? { server?.address }

    /// - Returns: nil where the configuration wants none.
    /// - Throws: ``SpeemTransport/TransportError/cannotListen(address:reason:)``.
    static func start(
        _ config: Config, requests: NodeRequests, group: any EventLoopGroup, logger: Logger
    ) async throws -> NodeMetricsService? {
        guard config.metricsListen != nil || !config.metricsFile.isEmpty else { return nil }
        var server: MetricsServer?
        if let listen = config.metricsListen {
            let bound = try await MetricsServer.bind(
                host: listen.host, port: listen.port, group: group, logger: logger
            ) { NodeMetrics(try await requests.report()).text }
            logger.info("metrics are at http://\(bound.address)/metrics")
            server = bound
        }
        return NodeMetricsService(
            server: server, file: config.metricsFile.isEmpty ? nil : MetricsFile(path: config.metricsFile),
            requests: requests, logger: logger)
    }

    /// Shows it until the task is cancelled; returns why, when it was not.
    func run() async -> (any Error)? {
        await withTaskGroup(of: Void.self) { group in
            if let server { group.addTask { await server.run() } }
            if let file { group.addTask { await write(file) } }
            await group.next()
            group.cancelAll()
        }
        return Task.isCancelled
            ? nil : TransportError.cannotListen(address: address ?? "", reason: "the system closed the socket")
    }

    func stop() async { await server?.stop() }

    private func write(_ file: MetricsFile) async {
        // Said once, not every minute.
        var hasFailed = false
        while !Task.isCancelled {
            do {
                try file.write(NodeMetrics(try await requests.report()).text)
                hasFailed = false
            } catch {
                if !hasFailed { logger.warning("the metrics' file is not written: \(error)") }
                hasFailed = true
            }
            await requests.state.running.sleep(seconds: Self.interval)
        }
    }
}
