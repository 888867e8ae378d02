public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle
public import SpeemConfig
import SpeemProtocol
import SpeemTransport

/// A device's daemon: stays connected to its node, reads what is pushed, and sends what waits.
public struct DeviceService: Service {
    private let device: Device
    private let control: ControlServer
    private let group: MultiThreadedEventLoopGroup
    private let poll: Duration
    private let logger: Logger

    /// The first wait after a failure; it doubles up to the configuration's `poll`.
    private static let firstRetry: Duration = .seconds(1)
    /// How often prekeys and stuck work are looked at without an occasion.
    private static let checkInterval: Duration = .seconds(3600)

    /// Opens the store and binds the control socket.
    public static func start(_ config: Config, logger: Logger) async throws -> DeviceService {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let device = try await Device.open(config, group: group, logger: logger)
            do {
                let control = try await ControlServer.bind(
                    path: config.controlSocket, handler: DeviceControl(device: device, isDaemon: true), group: group,
                    logger: logger)
                return DeviceService(
                    device: device, control: control, group: group, poll: .seconds(config.poll), logger: logger)
            } catch {
                await device.close()
                throw error
            }
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// Serves until a graceful shutdown, then closes the store.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await control.run() }
                group.addTask { await readMail() }
                group.addTask { await doWork() }
                group.addTask {
                    // Work on its way that cannot be cancelled ends with its connections.
                    try? await gracefulShutdown()
                    await device.connections.shutDown()
                }
            }
        }
        await device.close()
        try? await group.shutdownGracefully()
    }

    // MARK: Reading

    private func readMail() async {
        var retry = Self.firstRetry
        while !Task.isCancelled {
            let claimed = device.claimed.subscribe()
            do {
                let connection = try await device.reader.drain(subscribe: true).connection
                retry = Self.firstRetry
                logger.info("connected to the own node")
                try? await device.supply.refill()
                device.work.notify()
                try await read(connection)
                logger.info("the connection to the own node was lost")
            } catch {
                logger.debug("no mail: \(error)")
            }
            // A claim may have given the device a node: do not sleep through it.
            await sleep(retry, orUntil: claimed)
            retry = min(retry * 2, poll)
        }
    }

    /// Takes what is pushed, as much at once as has come. While the store is busy the rest waits in the connection, which
    /// bounds it.
    private func read(_ connection: ClientConnection) async throws {
        var pushes = connection.pushes.makeAsyncIterator()
        while let batch = await pushes.nextBatch() {
            let envelopes = batch.compactMap { push in
                if case .envelope(let envelope) = push.kind { envelope } else { nil }
            }
            guard !envelopes.isEmpty else { continue }
            do {
                try await device.reader.take(envelopes, over: connection)
            } catch {
                await connection.close()
                throw error
            }
        }
    }

    // MARK: Sending

    private func doWork() async {
        var retry = Self.firstRetry
        while !Task.isCancelled {
            // Before the work: what comes while it is done is not missed.
            let wake = device.work.subscribe()
            var isWaiting = false
            do {
                isWaiting = try await RedeemFlow(state: device.state, connections: device.connections).redeemAll()
                let outcome = try await device.courier.deliver()
                isWaiting = isWaiting || outcome.isWaiting
            } catch {
                logger.error("sending failed: \(error)")
                isWaiting = true
            }
            retry = isWaiting ? min(retry * 2, poll) : Self.firstRetry
            await sleep(isWaiting ? retry : Self.checkInterval, orUntil: wake)
        }
    }

    private func sleep(_ duration: Duration, orUntil stream: AsyncStream<Void>) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await Task.sleep(for: duration) }
            group.addTask { for await _ in stream { return } }
            await group.next()
            group.cancelAll()
        }
    }
}
