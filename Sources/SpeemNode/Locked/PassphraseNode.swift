public import Logging
public import ServiceLifecycle
public import SpeemConfig
import SpeemSpool
import SpeemStore
import Synchronization

/// A node whose store opens with a passphrase: it starts locked, and goes on as a ``NodeService`` in the same process and at
/// the same addresses.
public final class PassphraseNode: Service {
    private let locked: LockedNode
    private let logger: Logger
    private let clock: any ClockSource
    private let fileSystem: any FileSystem
    private let unlocked: @Sendable (NodeService.Announcement) -> Void
    private let current: Mutex<Current>

    private struct Current {
        /// What it starts with when it is unlocked.
        var config: Config
        /// Nil while it is locked.
        var service: NodeService?
    }

    /// Where the locked node listens.
    public var addresses: [String] { locked.addresses }
    /// Why the locked node takes no deposits; nil when it does.
    public var problem: String? { locked.problem }

    /// Binds the sockets of the locked node. When anything fails, nothing is left open.
    ///
    /// - Parameter unlocked: called when it goes on as a whole node.
    /// - Throws: ``SpeemStore/StoreError``, ``SpeemTransport/TransportError``, ``NodeError``.
    public static func start(
        _ config: Config, logger: Logger, clock: any ClockSource = SystemClock(),
        unlocked: @escaping @Sendable (NodeService.Announcement) -> Void
    ) async throws -> PassphraseNode {
        try await start(config, logger: logger, clock: clock, fileSystem: PosixFileSystem(), unlocked: unlocked)
    }

    static func start(
        _ config: Config, logger: Logger, clock: any ClockSource, fileSystem: any FileSystem,
        unlocked: @escaping @Sendable (NodeService.Announcement) -> Void = { _ in }
    ) async throws -> PassphraseNode {
        PassphraseNode(
            config,
            locked: try await LockedNode.start(config, logger: logger, clock: clock, fileSystem: fileSystem),
            logger: logger, clock: clock, fileSystem: fileSystem, unlocked: unlocked)
    }

    private init(
        _ config: Config, locked: LockedNode, logger: Logger, clock: any ClockSource, fileSystem: any FileSystem,
        unlocked: @escaping @Sendable (NodeService.Announcement) -> Void
    ) {
        current = Mutex(Current(config: config))
        self.locked = locked
        self.logger = logger
        self.clock = clock
        self.fileSystem = fileSystem
        self.unlocked = unlocked
    }

    /// Whether a node holds what it took in while it was locked, which only the key of that time opens: `speem rekey` would
    /// lose it.
    ///
    /// - Throws: ``SpeemSpool/SpoolError``.
    public static func holdsSpooled(_ config: Config) throws -> Bool {
        let folder = SpoolFolder(NodeState.spoolFolder(config.dataFolder), fileSystem: PosixFileSystem())
        return try !folder.files().isEmpty
    }

    /// Whether the store answers, once it is open.
    public func isAlive() async -> Bool {
        guard let service = current.withLock({ $0.service }) else { return true }
        return await service.isAlive()
    }

    /// Takes what it can of a changed configuration: at once when it is unlocked, else with the unlocking.
    public func reload(_ config: Config) async throws {
        let service = current.withLock { current in
            current.config = config
            return current.service
        }
        try await service?.reload(config)
    }

    /// Serves locked, and then unlocked, until a graceful shutdown.
    ///
    /// - Throws: what ``NodeService/run()`` throws, and the failure of the spool or of a socket while it is locked.
    public func run() async throws {
        guard let handover = try await locked.run() else { return }
        let config = current.withLock { $0.config }
        let node = try await NodeService.start(
            config, unlocked: handover, logger: logger, clock: clock, fileSystem: fileSystem)
        let newest = current.withLock { current in
            current.service = node
            return current.config
        }
        // What has changed while it started.
        if newest != config { try await node.reload(newest) }
        unlocked(node.announcement)
        try await node.run()
    }
}
