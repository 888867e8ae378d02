public import Logging
public import NIOCore
public import SpeemConfig
public import SpeemIdentity
import SpeemStore
import SpeemTransport

/// A reader device, from its store to its connections.
public final class Device: Sendable {
    let state: DeviceState
    let connections: NodeConnections
    let reader: MailReader
    let courier: CourierQueue
    let supply: PrekeySupply
    let clock: WallClock
    let inviteLifetime: Int64
    /// The longest that failed work waits.
    let poll: Duration
    /// Accepting invites: two at once would get in each other's way.
    let accepting = OneAtATime()
    /// New messages or changed states.
    let news: Signal
    /// Something to send.
    let work: Signal
    /// What failed may succeed now.
    let retryAll = Signal()
    /// Prekeys may have become few.
    let supplyIsDue = Signal()
    /// The account has a node now.
    let claimed = Signal()

    /// Makes the identity in a new store, and returns the account's recovery words, to be shown once.
    ///
    /// - Throws: ``DeviceError``, ``SpeemStore/StoreError``.
    public static func initialise(_ config: Config) async throws -> RecoveryWords {
        if !config.name.isEmpty { try DeviceError.check(name: config.name) }
        let identity = try DeviceState.create(name: config.name)
        let store = try await openStore(config, firstCommit: identity.insert)
        await store.close()
        guard store.report.isNew else { throw DeviceError.alreadyInitialised }
        return identity.words
    }

    /// Opens the device.
    ///
    /// - Throws: ``DeviceError``, ``SpeemStore/StoreError``.
    public static func open(
        _ config: Config, group: any EventLoopGroup, clock: WallClock = .system, logger: Logger
    ) async throws -> Device {
        let store: Store
        do {
            store = try await openStore(config)
        } catch StoreError.missing(_, reason: StoreError.neverMade) {
            throw DeviceError.notInitialised
        }
        do {
            let state = try await DeviceState.load(store: store, logger: logger)
            if store.report.droppedFrames > 0 {
                logger.warning("the last transaction was torn by a power cut and was dropped")
            }
            return Device(state: state, config: config, group: group, clock: clock)
        } catch {
            await store.close()
            throw error
        }
    }

    /// - Parameter firstCommit: makes the identity; without it no store is made.
    private static func openStore(
        _ config: Config, firstCommit: (@Sendable (Connection) throws -> Void)? = nil
    ) async throws -> Store {
        try await Store.open(
            Store.Options(
                folder: config.dataFolder, keyPath: config.keyFile, migrations: DeviceSchema.migrations,
                mayCreate: firstCommit != nil, firstCommit: firstCommit))
    }

    private init(state: DeviceState, config: Config, group: any EventLoopGroup, clock: WallClock) {
        let news = Signal()
        let work = Signal()
        let connections = NodeConnections(state: state, group: group, clock: clock)
        self.state = state
        self.connections = connections
        self.clock = clock
        self.news = news
        self.work = work
        inviteLifetime = config.inviteLifetime
        poll = .seconds(config.poll)
        let supplyIsDue = supplyIsDue
        reader = MailReader(state: state, connections: connections, clock: clock) { events in
            guard !events.isEmpty else { return }
            news.notify()
            for case .contactRequest in events { supplyIsDue.notify() }
            // Receipts and answers may be waiting now.
            work.notify()
        }
        let courier = Courier(state: state, connections: connections)
        self.courier = CourierQueue(news: news) { await courier.deliver(to: $0) }
        supply = PrekeySupply(state: state, connections: connections, clock: clock)
    }

    /// Closes connections and store.
    public func close() async {
        await connections.shutDown()
        await state.store.close()
    }

    /// What a visit to the nodes brought.
    public struct SyncReport: Sendable {
        public var received = 0
        /// Why something is left undone.
        public var problem: String?
    }

    /// Contacts for whom something waits.
    func waitingContacts() async throws -> [Int64] {
        try await state.store.read { try OutgoingRows.waitingContacts(in: $0) }
    }

    /// Reads all mail, answers contact requests, sends what waits and brings prekeys: what a command does when no
    /// daemon runs.
    public func sync() async -> SyncReport {
        var report = SyncReport()
        // At the same time: when the own node is away, what waits for others still goes out.
        async let sent = deliverAll()
        do {
            report.received = try await reader.drain(subscribe: false).count
            try await supply.refill()
        } catch DeviceError.noNode {
            report.problem = nil
        } catch {
            report.problem = "\(error)"
        }
        var outcome = await sent
        // Answers to what was read bring no new mail at once: a second look at the own node is not needed.
        if report.received > 0 { outcome = await deliverAll() }
        if outcome.isWaiting { report.problem = outcome.reason }
        return report
    }

    private func deliverAll() async -> Courier.Outcome {
        do {
            return await courier.deliver(toAllOf: try await waitingContacts())
        } catch {
            return Courier.Outcome(isWaiting: true, reason: "\(error)")
        }
    }
}
