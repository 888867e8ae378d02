public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle
public import SpeemConfig
import SpeemProtocol
import SpeemStore
import SpeemTransport
import Synchronization

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
    ///
    /// - Throws: the failure of the store, after which only a new start helps.
    public func run() async throws {
        let store = device.state.store
        var failure: (any Error)?
        do {
            try await cancelWhenGracefulShutdown {
                try await withThrowingDiscardingTaskGroup { group in
                    group.addTask { await control.run() }
                    group.addTask { await readMail() }
                    group.addTask { await doWork() }
                    group.addTask { for await failure in store.failure { throw failure } }
                    group.addTask {
                        // Work on its way that cannot be cancelled ends with its connections.
                        try? await gracefulShutdown()
                        await device.connections.shutDown()
                    }
                }
            }
        } catch {
            failure = error
        }
        await device.close()
        try? await group.shutdownGracefully()
        if let failure { throw failure }
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

    /// Takes what is pushed, as much at once as has come.
    private func read(_ connection: ClientConnection) async throws {
        let buffer = PushBuffer()
        let reader = device.reader
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await push in connection.pushes { buffer.append(push) }
                buffer.finish()
            }
            group.addTask {
                for await _ in buffer.signal {
                    let envelopes = buffer.take()
                    if !envelopes.isEmpty { try await reader.take(envelopes, over: connection) }
                }
            }
            // The first failure ends both.
            do {
                try await group.waitForAll()
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

/// Pushed envelopes between the connection and the store.
private final class PushBuffer: Sendable {
    private let envelopes = Mutex<[WireEnvelope]>([])
    private let continuation: AsyncStream<Void>.Continuation
    let signal: AsyncStream<Void>

    init() {
        (signal, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    func append(_ push: WirePush) {
        guard case .envelope(let envelope) = push.kind else { return }
        envelopes.withLock { $0.append(envelope) }
        continuation.yield()
    }

    func finish() { continuation.finish() }

    func take() -> [WireEnvelope] {
        envelopes.withLock { envelopes in
            defer { envelopes = [] }
            return envelopes
        }
    }
}
