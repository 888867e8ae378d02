public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle
public import SpeemConfig
public import SpeemStore
import SpeemTransport

/// A device's daemon: stays connected to its node, reads what is pushed, and sends what waits.
public struct DeviceService: Service {
    private let device: Device
    private let control: ControlServer
    /// Nil where the device listens nowhere.
    private let listener: DirectListener?
    private let group: MultiThreadedEventLoopGroup

    /// Opens the store and binds the control socket.
    ///
    /// - Parameter key: of the store; without it the configuration names a key file.
    public static func start(
        _ config: Config, key: KeySource? = nil, logger: Logger
    ) async throws -> DeviceService {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let device = try await Device.open(config, key: key, group: group, logger: logger)
            do {
                let listener =
                    config.deviceListen.isEmpty
                    ? nil : try await DirectListener.bind(config.deviceListen, device: device, group: group)
                do {
                    let control = try await ControlServer.bind(
                        path: config.controlSocket,
                        handler: DeviceControl(
                            device: device, isDaemon: true, listening: listener?.server.addresses ?? []),
                        group: group, logger: logger)
                    return DeviceService(device: device, control: control, listener: listener, group: group)
                } catch {
                    await listener?.server.stop()
                    throw error
                }
            } catch {
                await device.close()
                throw error
            }
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// Whether the store answers: without it the device is of no use.
    public func isAlive() async -> Bool {
        (try? await device.state.store.read { try $0.commitNumber() }) != nil
    }

    /// Takes what a running device can of a changed configuration: how long it waits before it tries again.
    public func reload(_ config: Config) { device.poll = .seconds(config.poll) }

    /// Serves until a graceful shutdown, then closes the store.
    ///
    /// - Throws: the failure of the store, after which only a new start helps; ``DeviceError/oldCopy``.
    public func run() async throws {
        let store = device.state.store
        let isOldCopy = device.isOldCopy.subscribe()
        var failure: (any Error)?
        do {
            try await cancelWhenGracefulShutdown {
                try await withThrowingDiscardingTaskGroup { group in
                    group.addTask { await control.run() }
                    group.addTask { await BackgroundWork(device: device).run() }
                    group.addTask { try await listener?.run() }
                    group.addTask { await followNeighbours() }
                    group.addTask {
                        await device.discovery.run(
                            listeningAt: listener?.server.addresses ?? [],
                            onNetworkChange: {
                                await device.connections.networkChanged()
                                device.retryAll.notify()
                                device.provisionsChanged.notify()
                            }, onFound: { await found($0) })
                    }
                    group.addTask { for await failure in store.failure { throw failure } }
                    group.addTask { for await _ in isOldCopy { throw DeviceError.oldCopy } }
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

    /// Lets in, and looks for, whoever may be known now.
    private func followNeighbours() async {
        await withDiscardingTaskGroup { group in
            // Rosters and grants change with these, too.
            for signal in [device.nodesChanged, device.visitIsDue, device.lookAgain] {
                group.addTask { for await _ in signal.subscribe() { device.neighboursChanged.notify() } }
            }
            for await _ in device.neighboursChanged.subscribe() {
                await listener?.grantsChanged()
                await device.discovery.refresh()
                try? await Task.sleep(for: Self.refreshPause)
            }
        }
    }

    /// The shortest time between two looks at who is known.
    private static let refreshPause: Duration = .seconds(1)

    /// Somebody is here who was not a moment ago: what waits for them is tried at once, and own nodes are read.
    private func found(_ neighbours: [Neighbour]) async {
        await device.connections.forgetFailures()
        device.retryAll.notify()
        device.provisionsChanged.notify()
        do {
            let own = try await device.state.store.read { try ContactRows.own(in: $0).id }
            // Side by side: one whose node hangs holds up nobody who is here.
            _ = await device.courier.deliver(toAllOf: Array(Set(neighbours.compactMap { $0.contact(own: own) })))
        } catch {
            device.state.logger.error("what waits for devices on this network is not brought at once: \(error)")
        }
    }
}
