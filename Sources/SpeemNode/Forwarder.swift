import Logging
import NIOCore
import SpeemCrypto
import SpeemDiscovery
import SpeemIdentity
import SpeemMailbox
import SpeemProtocol
import SpeemStore
import SpeemTransport

/// Brings what is in the outbox to the nodes at the other end of its routes. It sleeps until something is due: nothing wakes
/// it while nothing waits.
///
/// The store is the only truth: after a crash everything that waits is tried again, and what the far node has already it
/// calls a duplicate.
actor Forwarder {
    struct Settings: Sendable {
        /// Routes that are tried at once.
        var routes = 32
        /// Bytes of one route that are on their way at once.
        var windowBytes = 256 * 1024
        /// For a connection, and again for its handshake.
        var timeout: TimeAmount = .seconds(10)
        var answerTimeout = TransportLimits.answerTimeout
        /// Seconds that a connection stays open without anything to send.
        var idle: Int64 = 60
        /// 0 up to 1.
        var jitter: @Sendable () -> Double = { Double.random(in: 0...1) }
    }

    /// Connections that are open at the most.
    static let connectionLimit = 64
    /// Handshake counters that one commit reserves.
    static let counterBlock: Int64 = 1024
    /// The wait after the store could not be asked.
    static let storeRetry: Duration = .seconds(1)

    let state: NodeState
    let subscriptions: Subscriptions
    let allClears: AllClears
    let settings: Settings
    /// Addresses at which a node was found on this network.
    let nearby: NearbyAddresses
    let client: TransportClient
    var connections = FarConnections<ClientConnection>(limit: connectionLimit, idle: 60)
    /// Counters that are reserved on disk, by route and hop.
    var counters: [[UInt8]: [Int64: (next: Int64, end: Int64)]] = [:]
    /// Routes that are being tried: never twice at the same time.
    private var running: Set<[UInt8]> = []
    /// Of those, the ones that were told anew meanwhile, or were said to have room.
    private var changed: Set<[UInt8]> = []
    private var cleared: Set<[UInt8]> = []
    /// New connections whose pushes nobody reads yet.
    private var unheard: [(route: [UInt8], number: UInt64, pushes: Pushes)] = []
    private var timer: Task<Void, Never>?
    private let signal: AsyncStream<Void>
    private let alarm: AsyncStream<Void>.Continuation

    init(
        state: NodeState, subscriptions: Subscriptions, allClears: AllClears, group: any EventLoopGroup,
        settings: Settings, nearby: NearbyAddresses = NearbyAddresses(nil)
    ) {
        self.nearby = nearby
        self.state = state
        self.allClears = allClears
        self.subscriptions = subscriptions
        self.settings = settings
        client = TransportClient(group: group, timeout: settings.timeout, answerTimeout: settings.answerTimeout)
        connections = FarConnections(limit: Self.connectionLimit, idle: settings.idle)
        (signal, alarm) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Something was put into the outbox, or is due otherwise.
    nonisolated func wake() { alarm.yield() }

    /// Forwards until the task is cancelled.
    func run() async {
        await begin()
        wake()
        await withDiscardingTaskGroup { group in
            for await _ in signal {
                for new in unheard { group.addTask { await self.listen(new.route, new.number, new.pushes) } }
                unheard = []
                for route in await dueRoutes() {
                    guard running.count < settings.routes, running.insert(route).inserted else { continue }
                    group.addTask { await self.forward(route) }
                }
            }
            timer?.cancel()
            for connection in connections.removeAll() { connection.closeSoon() }
        }
    }

    /// A start is a new chance for everything that waits, and a lost one for the word that there is room.
    private func begin() async {
        do {
            let clock = state.clock
            let outbox = state.outbox
            guard try await state.store.read({ try outbox.nextTry(clock: clock, in: $0) }) != nil else { return }
            try await state.write(grows: false) { try outbox.wake(in: $0) }
        } catch {
            state.logger.error("the outbox is tried at its times, not at once: \(error)")
        }
    }

    /// What is due, and sets the timer for what is not.
    private func dueRoutes() async -> [[UInt8]] {
        let clock = state.clock
        for connection in connections.removeIdle(now: clock.running) { connection.closeSoon() }
        do {
            let read = try await state.store.read { [outbox = state.outbox] connection in
                (
                    due: try outbox.dueRoutes(clock: clock, in: connection),
                    next: try outbox.nextTry(clock: clock, in: connection)
                )
            }
            setTimer([read.next, connections.nextIdle].compactMap { $0 }.min(), now: clock.running)
            return read.due
        } catch StoreError.closed {
            return []
        } catch {
            state.logger.error("cannot look into the outbox: \(error)")
            try? await Task.sleep(for: Self.storeRetry)
            wake()
            return []
        }
    }

    private func setTimer(_ moment: Int64?, now: Int64) {
        timer?.cancel()
        timer = moment.map { moment in
            Task { [running = state.running] in
                await running.sleep(seconds: max(moment - now, 1))
                if !Task.isCancelled { wake() }
            }
        }
    }

    private func forward(_ route: [UInt8]) async {
        await attempt(route)
        while changed.remove(route) != nil {
            await forget(route)
            // The try may have put off again what was due.
            await write { try $0.wake(route: route, in: $1) }
        }
        if cleared.remove(route) != nil { await clear(route) }
        running.remove(route)
        wake()
    }

    // MARK: What comes from elsewhere

    /// A route was told anew, and that is committed.
    func changed(route: [UInt8]) async {
        if running.contains(route) { changed.insert(route) } else { await forget(route) }
        wake()
    }

    private func forget(_ route: [UInt8]) async {
        connections.remove(route)?.connection.closeSoon()
        counters[route] = nil
    }

    /// Items are over whose time has come: their devices are told.
    func expired(_ ids: [Int64]) async {
        do {
            let devices = try await state.store.read { [outbox = state.outbox, clock = state.clock] connection in
                try ids.map { (id: $0, device: try outbox.report(id: $0, clock: clock, in: connection)?.device) }
            }
            for (id, device) in devices { await tell(device, id) }
            await allClears.spaceFreed()
            for route in connections.holding {
                let holds = try await state.store.read { [outbox = state.outbox] in
                    try outbox.waitsForRoom(route: route, in: $0)
                }
                if !holds, !connections.isBusy(route) {
                    connections.rest(route, holds: false, now: state.clock.running)
                }
            }
        } catch {
            state.logger.error("what became of the outbox was not reported: \(error)")
        }
        wake()
    }

    func tell(_ device: [UInt8]?, _ item: Int64) async {
        guard let device, let id = try? DeviceID(device) else { return }
        await subscriptions.changed(item: item, of: id)
    }

    // MARK: What the far node says by itself

    /// Keeps a new connection for further tries.
    func keep(_ connection: ClientConnection, route: [UInt8], hop: Int64) async
        -> FarConnections<ClientConnection>.Entry
    {
        let (new, old) = connections.add(connection, route: route, hop: hop)
        unheard.append((route, new.number, connection.pushes))
        wake()
        for (route, entry) in old {
            entry.connection.closeSoon()
            if entry.holds { await lose(route) }
        }
        return new
    }

    /// Until the connection ends.
    private func listen(_ route: [UInt8], _ number: UInt64, _ pushes: Pushes) async {
        var pushes = pushes.makeAsyncIterator()
        while let batch = await pushes.nextBatch() {
            let isClear = batch.contains { if case .allClear(_)? = $0.kind { true } else { false } }
            guard isClear else { continue }
            if running.contains(route) { cleared.insert(route) } else { await clear(route) }
        }
        // A try finds out by itself.
        guard !connections.isBusy(route), let entry = connections.remove(route, number: number) else { return }
        if entry.holds { await lose(route) }
    }

    /// There is room again. Said again it changes nothing, and nothing is written; a store that is too busy to tell is
    /// written to when it can, because the far node says it once.
    func clear(_ route: [UInt8]) async {
        let clock = state.clock
        let isNews = try? await state.store.read { [outbox = state.outbox] in
            try outbox.isHastened(route: route, clock: clock, in: $0)
        }
        guard isNews != false else { return }
        await write { try $0.allClear(route: route, clock: clock, in: $1) }
        wake()
    }

    func lose(_ route: [UInt8]) async {
        guard !Task.isCancelled else { return }
        let jitter = settings.jitter()
        await write { [clock = state.clock] in try $0.lostWord(route: route, jitter: jitter, clock: clock, in: $1) }
        wake()
    }

    /// Writes; a store that is busy is asked again.
    ///
    /// - Returns: nil when it cannot be done.
    @discardableResult
    func write<T: Sendable>(_ body: @escaping @Sendable (Outbox, Connection) throws -> T) async -> T? {
        while true {
            do {
                return try await state.write(grows: false) { [outbox = state.outbox] in try body(outbox, $0) }
            } catch StoreError.busy {
                guard (try? await Task.sleep(for: Self.storeRetry)) != nil else { return nil }
            } catch {
                if error as? StoreError != .closed { state.logger.error("the outbox was not written: \(error)") }
                // What is due is due again at once.
                try? await Task.sleep(for: Self.storeRetry)
                return nil
            }
        }
    }
}
