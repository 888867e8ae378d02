public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle
import SpeemCPace
public import SpeemConfig
public import SpeemIdentity
import SpeemMailbox
public import SpeemStore
import SpeemTransport

/// A node, from its store to its sockets.
public struct NodeService: Service {
    /// What the caller shows to the person at the terminal.
    public struct Announcement: Sendable {
        /// Where the node listens.
        public let addresses: [String]
        /// Present while nobody owns the node, and no file has promised it to anybody.
        public let claim: Invite?
        /// The account that a file has promised the node to, until one of its devices comes.
        public let owner: AccountPublicKey?
        /// Present while nobody owns the node, and it can be claimed over the network.
        public let networkClaim: NetworkClaim?

        /// For the person at the console.
        public struct NetworkClaim: Sendable {
            /// "1234 5678"
            public let code: String
            /// "host:port", as other machines name them.
            public let addresses: [String]
        }
    }

    let server: TransportServer
    let control: ControlServer
    let requests: NodeRequests
    /// nil where the configuration wants none.
    let metrics: NodeMetricsService?
    let spool: SpoolReplay
    private let group: MultiThreadedEventLoopGroup
    private let logger: Logger
    public let announcement: Announcement

    /// How often what has expired is looked for.
    private static let upkeepInterval: Int64 = 600

    /// Opens the store and binds all sockets. When anything fails, nothing is left open.
    ///
    /// - Parameter key: of the store; without it the configuration names a key file.
    public static func start(
        _ config: Config, key: KeySource? = nil, logger: Logger, clock: any ClockSource = SystemClock()
    ) async throws -> NodeService {
        try await start(config, key: key, logger: logger, clock: clock, fileSystem: PosixFileSystem())
    }

    static func start(
        _ config: Config, key: KeySource? = nil, logger: Logger, clock: any ClockSource, fileSystem: any FileSystem,
        forwarding: Forwarder.Settings = Forwarder.Settings()
    ) async throws -> NodeService {
        try raiseFileLimit(config)
        precondition(key != nil || config.storeKey == .file, "whoever starts a node has its key")
        let source = key ?? .file(config.keyFile)
        let store = try await NodeState.openStore(
            folder: config.dataFolder, key: source, fileSystem: fileSystem)
        return try await start(
            config, store: store, boot: Boot(config, key: source, fileSystem: fileSystem), logger: logger,
            clock: clock, forwarding: forwarding)
    }

    /// Goes on where a locked node has ended.
    static func start(
        _ config: Config, unlocked handover: LockedNode.Handover, logger: Logger, clock: any ClockSource,
        fileSystem: any FileSystem
    ) async throws -> NodeService {
        do {
            try raiseFileLimit(config)
        } catch {
            await handover.opened.store.close()
            throw error
        }
        var boot = Boot(config, key: .key(handover.opened.key), fileSystem: fileSystem)
        boot.counters = handover.counters
        if !handover.addresses.isEmpty { boot.listen = handover.addresses.compactMap(HostPort.init(parsing:)) }
        return try await start(
            config, store: handover.opened.store, boot: boot, logger: logger, clock: clock,
            forwarding: Forwarder.Settings())
    }

    private static func start(
        _ config: Config, store: Store, boot: Boot, logger: Logger, clock: any ClockSource,
        forwarding: Forwarder.Settings
    ) async throws -> NodeService {
        if store.report.droppedFrames > 0 {
            logger.warning(
                "the last transaction was torn by a power cut and was dropped; it had not been acknowledged",
                metadata: ["frames": "\(store.report.droppedFrames)"])
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            return try await start(
                config, store: store, boot: boot, group: group, logger: logger, clock: clock, forwarding: forwarding)
        } catch {
            await store.close()
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private static func start(
        _ config: Config, store: Store, boot: Boot, group: MultiThreadedEventLoopGroup, logger: Logger,
        clock: any ClockSource, forwarding: Forwarder.Settings
    ) async throws -> NodeService {
        let state = try await NodeState.load(
            store: store, mailboxes: Mailboxes(config), clock: clock, machine: try boot.machine(), logger: logger)
        state.access.raise(counters: boot.counters)
        if let provision = try Provision(config) {
            try await NodeProvision.adopt(provision, state: state)
            if state.account != nil {
                logger.warning(
                    "the secret of [provision] was used and is worthless now: delete the lines of [provision] from \(config.file)"
                )
            }
        }
        let spool = try await boot.spool(of: state)
        let server = ServerReference()
        let subscriptions = Subscriptions(state: state)
        let allClears = AllClears(state: state, server: server)
        let discovery = NodeDiscovery(config, state: state)
        let requests = NodeRequests(
            state: state, subscriptions: subscriptions, allClears: allClears,
            forwarder: Forwarder(
                state: state, subscriptions: subscriptions, allClears: allClears, group: group, settings: forwarding,
                nearby: discovery.nearby),
            discovery: discovery,
            networkClaim: config.claimNetwork && state.provision == nil
                ? NetworkClaim(config, state: state, group: group, logger: logger) { discovery.isClaimed(at: $0) }
                : nil, keySource: config.storeKey.rawValue, server: server)
        let transport = try await TransportServer.bind(
            addresses: boot.listen.map { ($0.host, $0.port) }, staticKey: state.noiseKey, access: state.access,
            handler: requests, limits: TransportLimits(config), group: group, logger: logger)
        requests.server.set(transport)
        discovery.listens(at: transport.addresses)
        do {
            return try await start(
                config, server: transport, requests: requests, spool: spool, group: group, logger: logger)
        } catch {
            await transport.stop()
            throw error
        }
    }

    private static func start(
        _ config: Config, server: TransportServer, requests: NodeRequests, spool: SpoolReplay,
        group: MultiThreadedEventLoopGroup, logger: Logger
    ) async throws -> NodeService {
        let state = requests.state
        let advertised = config.advertise.map(\.description)
        let addresses = advertised.isEmpty ? OwnAddresses.list(bound: server.addresses) : advertised
        requests.server.addresses = addresses
        let lifetime = config.claimLifetime
        let claim = try await ClaimInvite.open(state: state, addresses: addresses, lifetime: lifetime)
        let offer = await offerClaim(claim, requests.networkClaim, logger: logger)
        let metrics: NodeMetricsService?
        do {
            metrics = try await NodeMetricsService.start(config, requests: requests, group: group, logger: logger)
        } catch {
            await requests.networkClaim?.close()
            throw error
        }
        let control: ControlServer
        do {
            control = try await ControlServer.bind(
                path: config.controlSocket,
                handler: NodeControl(
                    requests: requests,
                    claim: { try await ClaimInvite.open(state: state, addresses: addresses, lifetime: lifetime) },
                    addresses: addresses, listening: server.addresses, spool: spool),
                group: group, logger: logger)
        } catch {
            await metrics?.stop()
            await requests.networkClaim?.close()
            throw error
        }
        return NodeService(
            server: server, control: control, requests: requests, metrics: metrics, spool: spool, group: group,
            logger: logger,
            announcement: Announcement(
                addresses: server.addresses, claim: claim, owner: state.provision?.account,
                networkClaim: offer.map { Announcement.NetworkClaim(code: $0.code.text, addresses: $0.addresses) }))
    }

    /// A port that cannot be had keeps nobody from using the invite.
    private static func offerClaim(
        _ invite: Invite?, _ networkClaim: NetworkClaim?, logger: Logger
    ) async -> NetworkClaim.Offer? {
        guard let invite else { return nil }
        do {
            return try await networkClaim?.open(invite)
        } catch {
            logger.warning("the node cannot be claimed over the network, only with its invite: \(error)")
            return nil
        }
    }

    /// Whether the store answers: without it the node is of no use.
    public func isAlive() async -> Bool {
        (try? await requests.state.store.read { try $0.commitNumber() }) != nil
    }

    private static func raiseFileLimit(_ config: Config) throws {
        try FileLimit.raise(
            for: config.connections + 2 * config.listen.count + Forwarder.connectionLimit + ClaimServer.descriptors)
    }

    /// Takes what a running node can of a changed configuration: quotas and limits. Connections that are open stay.
    ///
    /// - Throws: ``NodeError/tooFewFiles(needed:allowed:)``; then nothing was taken.
    public func reload(_ config: Config) async throws {
        try Self.raiseFileLimit(config)
        requests.state.configured(Mailboxes(config))
        server.configure(TransportLimits(config))
        // There may be room now for those who wait for it.
        await requests.allClears.spaceFreed()
    }

    /// Serves until a graceful shutdown, then says goodbye, and closes the store.
    ///
    /// - Throws: ``SpeemTransport/TransportError`` when a socket ends on its own (a node that nobody can reach must not
    ///   look as if it were running); the failure of the store, after which only a new start helps.
    public func run() async throws {
        let ended = await withGracefulShutdownHandler {
            await cancelWhenGracefulShutdown { await serve() }
        } onGracefulShutdown: {
            server.sayGoodbye()
        }
        await requests.networkClaim?.close()
        do {
            try await requests.state.flush()
            try await requests.state.settleMachine(counters: true)
        } catch {
            logger.error("the last counters and the time of running were not written: \(error)")
        }
        await requests.state.store.close()
        try? await group.shutdownGracefully()
        if let ended { throw ended }
    }

    /// Serves until the task is cancelled; returns why, when it was not.
    private func serve() async -> (any Error)? {
        await withTaskGroup(of: (any Error)?.self) { group in
            group.addTask {
                do {
                    try await server.run()
                    return nil
                } catch {
                    return error
                }
            }
            group.addTask {
                await control.run()
                return Task.isCancelled
                    ? nil : TransportError.cannotListen(address: control.path, reason: "the system closed the socket")
            }
            if let metrics { group.addTask { await metrics.run() } }
            if let networkClaim = requests.networkClaim {
                group.addTask {
                    await networkClaim.run()
                    return nil
                }
            }
            group.addTask {
                await upkeep()
                return nil
            }
            group.addTask {
                await requests.forwarder.run()
                return nil
            }
            group.addTask {
                await requests.discovery.run(waking: requests.forwarder)
                return nil
            }
            group.addTask {
                for await failure in requests.state.store.failure { return failure }
                return nil
            }
            let ended = await group.next() ?? nil
            group.cancelAll()
            return ended
        }
    }

    /// Deletes what has expired, a bounded piece at a time.
    private func upkeep() async {
        let state = requests.state
        while !Task.isCancelled {
            let clock = state.clock
            await requests.networkClaim?.closeIfExpired()
            do {
                while try await state.write(grows: false, { try state.mailboxes.expire(clock: clock, in: $0) }) > 0 {
                    await requests.allClears.spaceFreed()
                }
                let removed = try await state.write(grows: false) { [mailboxes = state.mailboxes] connection in
                    let removed = try InviteRow.clean(clock, in: connection)
                    try PartyRows.clean(mailboxes, in: connection)
                    return removed
                }
                await requests.apply(AccessChange(removed: removed))
                try await state.settleMachine(counters: true)
                // What the disk had no room for.
                for device in try await spool.run().devices {
                    if let device = try? DeviceID(device) { await requests.subscriptions.deposited(for: device) }
                }
                while true {
                    let over = try await state.write(grows: false) { try state.outbox.expire(clock: clock, in: $0) }
                    if over.isEmpty { break }
                    await requests.forwarder.expired(over)
                }
            } catch {
                logger.error("cleaning up failed: \(error)")
            }
            await state.running.sleep(seconds: Self.upkeepInterval)
        }
    }
}

extension TransportLimits {
    init(_ config: Config) {
        self.init(
            connections: config.connections, connectionsPerAddress: config.connectionsPerAddress,
            connectionsPerGrant: config.connectionsPerGrant, handshakeTimeout: .seconds(config.handshakeTimeout),
            idleTimeout: .seconds(config.idleTimeout))
    }
}

extension Mailboxes {
    init(_ config: Config) {
        self.init(
            quota: Quota(
                total: config.mailboxQuota, perContact: config.mailboxQuotaPerContact, own: config.mailboxQuotaOwn),
            maxAge: config.mailboxMaxAge)
    }
}
