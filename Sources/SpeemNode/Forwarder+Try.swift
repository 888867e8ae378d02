import Logging
import SpeemCrypto
import SpeemDiscovery
import SpeemMailbox
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf

/// One try of one route.
extension Forwarder {
    /// What is left of a try after one node was asked.
    private struct Rest {
        var items: [Outbox.Due]
        var trouble: OutboxSchedule.Trouble?
        /// The node is not one of the account's any more.
        var isRetired = false
        /// Something was put off.
        var isLater = false
    }

    private enum Result {
        case kept(isLater: Bool)
        case retired
        case unanswered(OutboxSchedule.Trouble)
    }

    /// Offers the oldest items of a route to its nodes in their order, until one has answered for each.
    func attempt(_ route: [UInt8]) async {
        let clock = state.clock
        let bytes = settings.windowBytes
        let read = try? await state.store.read { [outbox = state.outbox] connection in
            let isDue = try outbox.isDue(route: route, clock: clock, in: connection)
            return (
                hops: try outbox.hops(of: route, in: connection),
                window: isDue ? try outbox.due(route: route, bytes: bytes, in: connection) : []
            )
        }
        guard let (hops, window) = read else {
            // It is due still.
            try? await Task.sleep(for: Self.storeRetry)
            return
        }
        guard let last = window.last else { return }
        var rest = Rest(items: window)
        var trouble = hops.isEmpty ? OutboxSchedule.Trouble.noRoute : nil
        var retired: Set<Int64> = []
        var isLater = false
        // An open connection is good enough. When it turns out to be lost that is no trouble yet.
        if let open = connections.take(route) {
            rest = await offer(rest.items, over: open.connection, route)
            isLater = rest.isLater
            if rest.isRetired { retired.insert(open.hop) }
        }
        for hop in hops where !rest.items.isEmpty && !retired.contains(hop.id) {
            do {
                let connection = try await connect(route, hop)
                rest = await offer(rest.items, over: connection, route)
                isLater = isLater || rest.isLater
            } catch let error as TransportError {
                rest = Rest(items: rest.items, trouble: OutboxSchedule.Trouble(error))
            } catch {
                if !Task.isCancelled { state.logger.error("cannot forward: \(error)") }
                try? await Task.sleep(for: Self.storeRetry)
                return
            }
            // The node goes down, and the connections with it.
            guard !Task.isCancelled else { return }
            if let new = rest.trouble { trouble = trouble?.and(new) ?? new }
        }
        if !rest.items.isEmpty {
            // All of them retired: the grant leads nowhere any more.
            await putOff(rest.items, trouble ?? .unknownKey)
            isLater = true
        }
        if isLater || window.contains(where: { $0.item.trouble != .notTriedYet }) {
            await write { try $0.settle(route: route, last: last.id, clock: clock, in: $1) }
        }
        await leave(route)
    }

    /// The connection stays for what comes next.
    private func leave(_ route: [UInt8]) async {
        guard let entry = connections.take(route) else { return }
        let holds =
            (try? await state.store.read { [outbox = state.outbox] in try outbox.waitsForRoom(route: route, in: $0) })
            ?? true
        if entry.connection.isActive {
            connections.rest(route, holds: holds, now: state.clock.running)
        } else {
            _ = connections.remove(route, number: entry.number)
            if holds { await lose(route) }
        }
        wake()
    }

    /// Deposits all of them at once, in their order, and keeps each answer as it comes.
    private func offer(_ items: [Outbox.Due], over connection: ClientConnection, _ route: [UInt8]) async -> Rest {
        let answers = connection.begin(
            all: items.map { item in .with { $0.deposit = WireDeposit(item.deposit) } })
        var rest = Rest(items: [])
        var left: [Int: Result] = [:]
        var isOver = false
        await withTaskGroup(of: (Int, Result).self) { group in
            for (index, answer) in answers.enumerated() {
                group.addTask { (index, await self.settle(items[index], answer)) }
            }
            for await (index, result) in group {
                switch result {
                case .kept(let isLater): if isLater { rest.isLater = true } else { isOver = true }
                case .retired, .unanswered: left[index] = result
                }
            }
        }
        // What waits here takes space from the owner's share.
        if isOver { await allClears.spaceFreed() }
        for index in left.keys.sorted() {
            rest.items.append(items[index])
            switch left[index] {
            case .retired: rest.isRetired = true
            case .unanswered(let trouble): rest.trouble = rest.trouble?.and(trouble) ?? trouble
            case .kept, nil: break
            }
        }
        if !rest.items.isEmpty {
            _ = connections.remove(route)
            connection.closeSoon()
        }
        return rest
    }

    private func settle(_ due: Outbox.Due, _ answer: PendingResponse) async -> Result {
        let attempt: OutboxItem.Attempt
        do {
            switch FarAnswer(try await answer.get(), targets: due.deposit.targets.count) {
            case .retired: return .retired
            case .attempt(let answered): attempt = answered
            }
        } catch {
            return .unanswered(OutboxSchedule.Trouble(error))
        }
        let clock = state.clock
        let item = due.item.after(attempt, now: clock.running, jitter: settings.jitter())
        let device = await write { try $0.keep(item, id: due.id, clock: clock, in: $1) }
        if item.differs(from: due.item), let device { await tell(device, due.id) }
        return .kept(isLater: !item.isOver)
    }

    /// No node of the route answered for these.
    private func putOff(_ items: [Outbox.Due], _ trouble: OutboxSchedule.Trouble) async {
        let clock = state.clock
        let next = OutboxItem.after(
            trouble, items: items.map(\.item), now: clock.running, jitter: settings.jitter())
        let devices = await write { outbox, connection in
            try zip(items, next).map { try outbox.keep($1, id: $0.id, clock: clock, in: connection) }
        }
        for ((due, item), device) in zip(zip(items, next), devices ?? []) where item.differs(from: due.item) {
            await tell(device, due.id)
        }
    }

    // MARK: Connecting

    /// Tries the addresses of a node.
    private func connect(_ route: [UInt8], _ hop: Outbox.Hop) async throws -> ClientConnection {
        let credentials = NodeCredentials(
            initiatorKey: try X25519.PrivateKey(hop.initiatorSecret), preSharedKey: hop.preSharedKey,
            nodeKey: try X25519.PublicKey(hop.nodeKey))
        var failure = TransportError.invalidAddress("")
        // What was found on this network before what is configured.
        let found = nearby.addresses(of: hop.nodeKey)
        for address in found + hop.addresses.filter({ !found.contains($0) }) {
            guard !Task.isCancelled else { throw TransportError.disconnected }
            do {
                return try await connect(to: address, credentials, route, hop.id)
            } catch let error as TransportError {
                if found.contains(address) { nearby.unreachable(address) }
                if case .refused = failure { continue }
                failure = error
            }
        }
        throw failure
    }

    private func connect(
        to address: String, _ credentials: NodeCredentials, _ route: [UInt8], _ hop: Int64
    ) async throws -> ClientConnection {
        let isOld = counters[route]?[hop] != nil
        let connection: ClientConnection
        do {
            connection = try await client.connect(
                to: address, credentials: credentials, counter: try await counter(route, hop))
        } catch TransportError.refused {
            // Another node of the owner may have used the key meanwhile, and the far node seen higher counters.
            counters[route]?[hop] = nil
            guard isOld else { throw TransportError.refused(address: address) }
            connection = try await client.connect(
                to: address, credentials: credentials, counter: try await counter(route, hop))
        }
        guard !Task.isCancelled else {
            connection.closeSoon()
            throw TransportError.disconnected
        }
        return await keep(connection, route: route, hop: hop).connection
    }

    /// A counter that was never used with the route's key, also not before a crash. Blocks begin at the time, where that is
    /// known, so that a second node with the same key is not always behind.
    private func counter(_ route: [UInt8], _ hop: Int64) async throws -> UInt64 {
        if let block = counters[route]?[hop], block.next <= block.end {
            counters[route, default: [:]][hop] = (block.next + 1, block.end)
            return UInt64(clamping: block.next)
        }
        let least = min(max(state.clock.wall ?? 0, 0), 1 << 40) * 1000
        let first = try await state.write(grows: false) { [outbox = state.outbox] in
            try outbox.reserveCounters(Self.counterBlock, hop: hop, least: least, in: $0)
        }
        counters[route, default: [:]][hop] = (first + 1, first + Self.counterBlock - 1)
        return UInt64(clamping: first)
    }
}
