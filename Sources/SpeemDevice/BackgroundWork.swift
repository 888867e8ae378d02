import Logging
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport

/// What a device does of its own accord: it stays connected to its node, reads what is pushed, sends what waits, and
/// brings prekeys.
struct BackgroundWork: Sendable {
    let device: Device

    /// The longest wait.
    private var poll: Duration { device.poll }

    private var logger: Logger { device.state.logger }

    /// The first wait after a failure; it doubles up to the configuration's `poll`.
    private static let firstRetry: Duration = .seconds(1)
    /// How often prekeys and stuck work are looked at without an occasion.
    private static let checkInterval: Duration = .seconds(3600)

    /// Until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await readMail() }
            group.addTask { await send() }
            group.addTask { await supplyPrekeys() }
            group.addTask { await takeProvisioned() }
        }
    }

    // MARK: Reading

    /// Keeps a task for each own node, also for one that is not listed any more: it may still hold mail.
    private func readMail() async {
        let busy = SharedSet<NodeEntry>()
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                // Before the look: what changes while it is taken is not missed.
                let changed = device.nodesChanged.subscribe()
                for node in await nodes() where busy.insert(node.entry) {
                    group.addTask {
                        await readMail(at: node.entry)
                        busy.remove(node.entry)
                    }
                }
                await Self.sleep(Self.checkInterval, orUntil: changed)
            }
        }
    }

    private func nodes() async -> [OwnNode] {
        do {
            return try await device.state.ownNodes()
        } catch {
            logger.error("the own nodes cannot be read: \(error)")
            return []
        }
    }

    /// Until the node is not one of the account's any more.
    private func readMail(at entry: NodeEntry) async {
        var retry = Self.firstRetry
        while !Task.isCancelled, let node = await nodes().first(where: { $0.entry == entry }) {
            let again = device.retryAll.subscribe()
            do {
                let connection = try await device.reader.drain(node, subscribe: true).connection
                retry = Self.firstRetry
                logger.info("connected to an own node")
                try await tellOfGrants { try await device.visit(node, over: connection) }
                device.supplyIsDue.notify()
                device.work.notify()
                try await read(connection, node)
                logger.info("the connection to an own node was lost")
            } catch let error as RefusalError where error.code == .oldCopy {
                await OldCopy.found(state: device.state)
                return device.isOldCopy.notify()
            } catch DeviceError.unknownToNode(let address) {
                logger.warning("\(DeviceError.unknownToNode(address))")
            } catch let error as RefusalError where error.code == .locked {
                logger.notice("\(DeviceError.nodeLocked(entry.addresses.first ?? "?"))")
                retry = Self.firstRetry
                await untilUnlocked(entry)
            } catch {
                logger.debug("no mail: \(error)")
            }
            await Self.sleep(Self.jittered(retry), orUntil: again)
            retry = min(retry * 2, poll)
        }
    }

    /// A locked node closes its connections when it is unlocked (and when they are idle for long, as any other).
    private func untilUnlocked(_ node: NodeEntry) async {
        guard let connection = try? await device.connections.connection(device.state.ownInitiator, at: node) else {
            return
        }
        var pushes = connection.pushes.makeAsyncIterator()
        while await pushes.nextBatch() != nil, !Task.isCancelled {}
    }

    /// Takes what is pushed, as much at once as has come. While the store is busy the rest waits in the connection, which
    /// bounds it.
    private func read(_ connection: ClientConnection, _ node: OwnNode) async throws {
        // Where one node can be reached others may be, too.
        let lookAgain = device.lookAgain.subscribe()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var pushes = connection.pushes.makeAsyncIterator()
                while let batch = await pushes.nextBatch() { try await take(batch, over: connection, node) }
            }
            group.addTask {
                for await _ in lookAgain where try await device.reader.hasEarly() {
                    _ = try await device.reader.drain(over: connection, subscribe: false)
                }
            }
            group.addTask {
                // What other nodes or contacts have changed is carried here, too.
                var due = device.visitIsDue.subscribe()
                while !Task.isCancelled, connection.isActive {
                    await Self.sleep(Self.checkInterval, orUntil: due)
                    guard !Task.isCancelled, let known = await nodes().first(where: { $0.entry == node.entry }) else {
                        return
                    }
                    // Before the visit: what changes while it goes on is not missed.
                    due = device.visitIsDue.subscribe()
                    try await tellOfGrants { try await device.visit(known, over: connection) }
                }
            }
            do {
                // The first ends with the connection.
                try await group.next()
                group.cancelAll()
            } catch {
                await connection.close()
                throw error
            }
        }
    }

    private func take(_ pushes: [WirePush], over connection: ClientConnection, _ node: OwnNode) async throws {
        var envelopes: [WireEnvelope] = []
        var reports: [WireOutboxItem] = []
        var isRosterNews = false
        var areGrantsNews = false
        for push in pushes {
            switch push.kind {
            case .envelope(let envelope): envelopes.append(envelope)
            case .outboxReport(let item): reports.append(item)
            case .rosterChanged: isRosterNews = true
            case .grantsChanged: areGrantsNews = true
            // What waits for other own devices has room again.
            case .allClear: device.retryAll.notify()
            case .mailWaiting, nil: break
            }
        }
        if !envelopes.isEmpty {
            try await device.reader.take(envelopes, over: connection)
        }
        if !reports.isEmpty {
            try await device.reports.take(reports, over: connection)
            device.news.notify()
            // What a node does not bring goes another way.
            device.work.notify()
        }
        if areGrantsNews { await device.carryGrants() }
        if isRosterNews {
            try await RosterFlow(state: device.state, connections: device.connections).fetch(over: connection)
            device.nodesChanged.notify()
            device.visitIsDue.notify()
            device.news.notify()
            device.lookAgain.notify()
        }
    }

    // MARK: Sending

    /// Keeps a task for each contact for whom something waits, so that one whose node is away holds up nobody else.
    private func send() async {
        let busy = SharedSet<Int64>()
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                // Before the look: what comes while it is taken is not missed.
                let wake = device.work.subscribe()
                for contact in await waiting() where busy.insert(contact) {
                    group.addTask {
                        await bring(to: contact)
                        busy.remove(contact)
                        // What was queued after the last look found this task still there.
                        if await waiting().contains(contact), !Task.isCancelled { device.work.notify() }
                    }
                }
                await Self.sleep(Self.checkInterval, orUntil: wake)
            }
        }
    }

    private func waiting() async -> [Int64] {
        do {
            return try await device.waitingContacts()
        } catch {
            logger.error("what waits cannot be read: \(error)")
            return []
        }
    }

    /// Until nothing waits for the contact any more.
    private func bring(to contact: Int64) async {
        var retry = Self.firstRetry
        while !Task.isCancelled {
            let again = device.retryAll.subscribe()
            var outcome = Courier.Outcome()
            do {
                outcome = try await tellOfGrants { try await device.courier.deliver(to: contact) }
            } catch {
                logger.error("sending failed: \(error)")
                outcome.wait(error)
            }
            device.lookAgain.notify()
            guard outcome.isWaiting else { return }
            if outcome.stored > 0 || outcome.queued > 0 { retry = Self.firstRetry }
            await Self.sleep(max(Self.jittered(retry), outcome.retryAfter), orUntil: again)
            retry = min(retry * 2, poll)
        }
    }

    /// Lets all own nodes be visited when `body` has changed the grants that they should have.
    private func tellOfGrants<T: Sendable>(_ body: () async throws -> T) async throws -> T {
        let before = try await grantsVersion()
        let result = try await body()
        if try await grantsVersion() != before { device.visitIsDue.notify() }
        return result
    }

    private func grantsVersion() async throws -> Int64 {
        try await device.state.store.read { try NodeGrantRows.version(in: $0) }
    }

    /// Somewhere around `duration`, so that devices that failed together do not all come back together.
    private static func jittered(_ duration: Duration) -> Duration { duration * Double.random(in: 0.75...1.25) }

    // MARK: Prekeys

    private func supplyPrekeys() async {
        while !Task.isCancelled {
            let due = device.supplyIsDue.subscribe()
            do {
                try await device.supply.refill()
            } catch {
                logger.debug("no prekeys brought: \(error)")
            }
            await Self.sleep(Self.checkInterval, orUntil: due)
        }
    }

    // MARK: Nodes

    /// Looks for the nodes that files have promised to this account: at once when one is found on the network.
    private func takeProvisioned() async {
        var retry = Self.firstRetry
        while !Task.isCancelled {
            // Before the look: what changes while it is taken is not missed.
            let due = device.provisionsChanged.subscribe()
            var isWaiting = false
            do {
                isWaiting = try await device.takeProvisioned().isWaiting
            } catch {
                logger.error("nodes that wait for this device cannot be looked for: \(error)")
            }
            if !isWaiting { retry = Self.firstRetry }
            await Self.sleep(isWaiting ? Self.jittered(retry) : Self.checkInterval, orUntil: due)
            retry = min(retry * 2, poll)
        }
    }

    private static func sleep(_ duration: Duration, orUntil stream: AsyncStream<Void>) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await Task.sleep(for: duration) }
            group.addTask { for await _ in stream { return } }
            await group.next()
            group.cancelAll()
        }
    }
}
