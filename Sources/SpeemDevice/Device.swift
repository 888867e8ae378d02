public import Logging
public import NIOCore
public import SpeemConfig
import SpeemDiscovery
public import SpeemIdentity
import SpeemProtocol
public import SpeemStore
import SpeemTransport
import Synchronization

/// A reader device, from its store to its connections.
public final class Device: Sendable {
    let state: DeviceState
    let connections: NodeConnections
    let reader: MailReader
    let courier: CourierQueue
    let supply: PrekeySupply
    let reports: OutboxReports
    let discovery: DeviceDiscovery
    let clock: WallClock
    let inviteLifetime: Int64
    private let longestWait: Mutex<Duration>
    /// Where the store's key comes from.
    let storeKey: Config.StoreKeyKind
    /// The longest that failed work waits.
    var poll: Duration {
        get { longestWait.withLock { $0 } }
        set { longestWait.withLock { $0 = newValue } }
    }
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
    /// The account has other nodes than before.
    let nodesChanged = Signal()
    /// What was left on a node may be opened now.
    let lookAgain = Signal()
    /// The version of the grants that the own nodes were last brought.
    private let carried = Mutex<Int64?>(nil)
    /// Others may be recognised on this network, or let in, than before.
    let neighboursChanged: Signal
    /// A node that waits for this device may be found, or another one waits.
    let provisionsChanged = Signal()
    /// This is an old copy of a device that was restored elsewhere: the daemon ends.
    let isOldCopy = Signal()
    /// The own nodes may have to be told something that other nodes know.
    let visitIsDue = Signal()

    /// Makes the identity in a new store, and returns the account's recovery words, to be shown once.
    ///
    /// - Parameter key: of the store; without it the configuration names a key file.
    /// - Throws: ``DeviceError``, ``SpeemStore/StoreError``.
    public static func initialise(_ config: Config, key: KeySource? = nil) async throws -> RecoveryWords {
        if !config.name.isEmpty { try DeviceError.check(name: config.name) }
        let identity = try DeviceState.create(
            name: config.name, deviceName: config.deviceName.isEmpty ? HostName.current : config.deviceName)
        let store = try await openStore(config, key: key, firstCommit: identity.insert)
        await store.close()
        guard store.report.isNew else { throw DeviceError.alreadyInitialised }
        return identity.words
    }

    /// Opens the device.
    ///
    /// - Parameter key: of the store; without it the configuration names a key file.
    /// - Throws: ``DeviceError``, ``SpeemStore/StoreError``.
    public static func open(
        _ config: Config, key: KeySource? = nil, group: any EventLoopGroup, clock: WallClock = .system, logger: Logger
    ) async throws -> Device {
        let store: Store
        do {
            store = try await openStore(config, key: key)
        } catch StoreError.missing(_, reason: StoreError.neverMade) {
            throw DeviceError.notInitialised
        }
        do {
            if let restore = try await store.read({ try RestoreRows.find(in: $0) }), restore.phase != .done {
                throw DeviceError.notRestored
            }
            let state = try await DeviceState.load(store: store, logger: logger)
            if try await store.read({ try OldCopy.isKnown(in: $0) }) { throw DeviceError.oldCopy }
            guard try await store.read({ try LinkAttempt.find(in: $0) }) == nil,
                try await store.read({ connection in
                    try connection.first("SELECT 1 FROM roster_entry LIMIT 1") { row throws(StoreError) in
                        try row.integer(0)
                    }
                }) != nil
            else { throw DeviceError.notLinked }
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
    static func openStore(
        _ config: Config, key: KeySource? = nil, firstCommit: (@Sendable (Connection) throws -> Void)? = nil
    ) async throws -> Store {
        precondition(key != nil || config.storeKey == .file, "whoever opens a device has its key")
        return try await Store.open(
            Store.Options(
                folder: config.dataFolder, key: key ?? .file(config.keyFile), migrations: DeviceSchema.migrations,
                mayCreate: firstCommit != nil, firstCommit: firstCommit))
    }

    private init(state: DeviceState, config: Config, group: any EventLoopGroup, clock: WallClock) {
        let news = Signal()
        let work = Signal()
        let discovery = DeviceDiscovery(DiscoverySettings(config), state: state)
        self.discovery = discovery
        let connections = NodeConnections(state: state, group: group, clock: clock, nearby: discovery.nearby)
        self.state = state
        self.connections = connections
        self.clock = clock
        self.news = news
        self.work = work
        inviteLifetime = config.inviteLifetime
        storeKey = config.storeKey
        longestWait = Mutex(.seconds(config.poll))
        let supplyIsDue = supplyIsDue
        let lookAgain = lookAgain
        let visitIsDue = visitIsDue
        let neighboursChanged = Signal()
        self.neighboursChanged = neighboursChanged
        reader = MailReader(state: state, connections: connections, clock: clock) { events in
            guard !events.isEmpty else { return }
            news.notify()
            for case .contactRequest in events { supplyIsDue.notify() }
            if events.contains(where: \.changesGrants) {
                visitIsDue.notify()
                neighboursChanged.notify()
            }
            // What another device has told may explain what was left on a node.
            for case .synchronised in events { lookAgain.notify() }
            // Receipts and answers may be waiting now.
            work.notify()
        }
        let courier = Courier(state: state, connections: connections, clock: clock, allClear: retryAll)
        reports = OutboxReports(state: state, clock: clock)
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
        await carryWithdrawals()
        // At the same time: when the own node is away, what waits for others still goes out.
        async let sent = deliverAll()
        await read(&report)
        var outcome = await sent
        // Answers to what was read bring no new mail at once, unless somebody had to be looked up first.
        if report.received > 0 {
            outcome = await deliverAll()
            if (try? await reader.hasEarly()) == true {
                await read(&report)
                outcome = await deliverAll()
            }
        }
        await carryWithdrawals()
        if outcome.isWaiting { report.problem = outcome.reason }
        if outcome.queued > 0 { await awaitReports() }
        return report
    }

    /// How long a command waits for what its own node can forward at once.
    private static let forwardPatience: Duration = .milliseconds(1500)

    /// Asks the own nodes how what they were handed over is doing, until nothing is on its way any more, or it takes long.
    private func awaitReports() async {
        let end = ContinuousClock.now + Self.forwardPatience
        var pause: Duration = .milliseconds(10)
        while ContinuousClock.now < end, !Task.isCancelled {
            let isOnItsWay = try? await state.store.read { try OutgoingRows.isUntried(in: $0) }
            guard isOnItsWay == true, let connection = try? await connections.own() else { return }
            _ = try? await reports.fetch(over: connection)
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(200))
        }
    }

    private func read(_ report: inout SyncReport) async {
        do {
            let grants = try await state.store.read { try NodeGrantRows.version(in: $0) }
            for node in try await state.ownNodes() { await read(node, &report) }
            // What one node has told is for those that were visited before it, too.
            if try await state.store.read({ try NodeGrantRows.version(in: $0) }) != grants {
                for node in try await state.ownNodes() where !node.isRetired { await read(node, &report) }
            }
            try await supply.refill()
        } catch {
            report.problem = report.problem ?? "\(error)"
        }
    }

    private func read(_ node: OwnNode, _ report: inout SyncReport) async {
        do {
            let read = try await reader.drain(node, subscribe: false)
            report.received += read.count
            try await visit(node, over: read.connection)
        } catch let error as RefusalError where error.code == .oldCopy {
            await OldCopy.found(state: state)
            report.problem = "\(DeviceError.oldCopy)"
        } catch {
            // One that is not listed any more may be gone.
            if !node.isRetired { report.problem = "\(error)" }
        }
    }

    /// Takes the nodes that files have promised to this account, as far as they are there.
    func takeProvisioned() async throws -> ProvisionFlow.Outcome {
        guard try await !state.store.read({ try ProvisionRows.all(in: $0) }).isEmpty else {
            return ProvisionFlow.Outcome()
        }
        let outcome = try await ProvisionFlow(
            state: state, connections: connections, clock: clock, accepting: accepting
        ).tryAll()
        if outcome.taken > 0 {
            nodesChanged.notify()
            visitIsDue.notify()
            supplyIsDue.notify()
            work.notify()
            news.notify()
        }
        return outcome
    }

    /// What is to be done at an own node besides reading mail.
    func visit(_ node: OwnNode, over connection: ClientConnection) async throws {
        try await NodeVisit(state: state, connections: connections, node: node, now: clock.seconds())
            .run(over: connection)
        let now = clock.milliseconds()
        try await state.store.write { [state] in try HistorySync(state: state).resume(now: now, in: $0) }
        if try await reports.fetch(over: connection, node: node.entry) { news.notify() }
    }

    /// Carries what was withdrawn since the last time, such as the ways in of a contact's removed device, at once.
    func carryWithdrawals() async {
        do {
            let version = try await state.store.read { try NodeGrantRows.version(in: $0) }
            guard
                let before = carried.withLock({ carried in
                    defer { carried = version }
                    return carried
                }), before != version
            else { return }
            await carryGrants()
            let now = try await state.store.read { try NodeGrantRows.version(in: $0) }
            carried.withLock { $0 = now }
        } catch {
            state.logger.error("grants cannot be read: \(error)")
        }
    }

    /// Sees to it that all own nodes have the same grants: a contact that one lets in, the others let in, too.
    func carryGrants() async {
        do {
            let nodes = try await state.ownNodes().filter { !$0.isRetired }
            // From the first to the last, and what the last has had alone back to the first.
            for node in nodes + nodes.dropLast() {
                do {
                    let connection = try await connections.connection(state.ownInitiator, at: node.entry)
                    try await NodeVisit(state: state, connections: connections, node: node, now: clock.seconds())
                        .run(over: connection)
                } catch {
                    state.logger.debug("grants were not carried to a node: \(error)")
                }
            }
        } catch {
            state.logger.error("the own nodes cannot be read: \(error)")
        }
    }

    func deliverAll() async -> Courier.Outcome {
        do {
            return await courier.deliver(toAllOf: try await waitingContacts())
        } catch {
            return Courier.Outcome(isWaiting: true, reason: "\(error)")
        }
    }
}
