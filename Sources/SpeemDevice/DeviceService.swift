public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle
public import SpeemConfig
import SpeemStore
import SpeemTransport

/// A device's daemon: stays connected to its node, reads what is pushed, and sends what waits.
public struct DeviceService: Service {
    private let device: Device
    private let control: ControlServer
    private let group: MultiThreadedEventLoopGroup

    /// Opens the store and binds the control socket.
    public static func start(_ config: Config, logger: Logger) async throws -> DeviceService {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let device = try await Device.open(config, group: group, logger: logger)
            do {
                let control = try await ControlServer.bind(
                    path: config.controlSocket, handler: DeviceControl(device: device, isDaemon: true), group: group,
                    logger: logger)
                return DeviceService(device: device, control: control, group: group)
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
                    group.addTask { await BackgroundWork(device: device, poll: device.poll).run() }
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
}
