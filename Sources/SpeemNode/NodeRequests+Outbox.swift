import SpeemCrypto
import SpeemIdentity
import SpeemMailbox
import SpeemProtocol
import SpeemStore
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Routes and the outbox: for own devices only.
extension NodeRequests {
    /// How long a device waits before it tries a full outbox again.
    private static let outboxRetry: UInt32 = 60_000
    /// Bytes of items in one answer.
    private static let pageBytes = 256 * 1024

    /// One commit takes the place of all that the route was.
    func addRoute(_ add: WireRouteAdd, by asker: NodeAccess.Entry) async throws -> WireResponse {
        let route = [UInt8](add.route)
        let secret = SecretBytes(add.initiatorSecret)
        let preSharedKey = SecretBytes(add.preSharedKey)
        let nodes: [NodeEntry]
        do {
            _ = try X25519.PrivateKey(secret)
            nodes = try add.nodes.map {
                try NodeEntry(noise: try X25519.PublicKey([UInt8]($0.nodeKey)), addresses: $0.addresses)
            }
        } catch {
            throw Refused(.malformed, "\(error)")
        }
        guard Set(nodes.map(\.noise)).count == nodes.count, !nodes.contains(where: \.noise.isWeak) else {
            throw Refused(.malformed, "a route has different nodes, each with a good key")
        }
        let isNew = try await writeOutbox(by: asker) { [outbox = state.outbox] connection in
            try outbox.setRoute(
                route, initiatorSecret: secret, preSharedKey: preSharedKey,
                nodes: zip(nodes, add.nodes).map { node, wire in
                    let key = wire.discoveryKey.isEmpty ? nil : SecretBytes(wire.discoveryKey)
                    return (node.noise.bytes, node.addresses, key)
                }, in: connection)
        }
        guard isNew else { return .with { $0.routeAdded = WireRouteAdded() } }
        await forwarder.changed(route: route)
        await discovery.refresh()
        return .with { $0.routeAdded = WireRouteAdded() }
    }

    func removeRoute(_ remove: WireRouteRemove, by asker: NodeAccess.Entry) async throws -> WireResponse {
        let route = [UInt8](remove.route)
        try await state.write(by: asker, grows: false) { [outbox = state.outbox] in
            try outbox.removeHops(route: route, nodeKey: nil, in: $0)
        }
        await forwarder.changed(route: route)
        return .with { $0.routeRemoved = WireRouteRemoved() }
    }

    func putIntoOutbox(
        _ put: WireOutboxPut, _ device: DeviceID, by asker: NodeAccess.Entry
    ) async throws -> WireResponse {
        let deposit = Deposit(put.deposit)
        let item = [UInt8](put.item)
        let route = [UInt8](put.route)
        let lifetime = put.lifetimeSeconds == 0 ? Outbox.maxLifetime : Int64(clamping: put.lifetimeSeconds)
        let clock = state.clock
        // Answered after the commit is on disk: the device may delete its copy and go to sleep.
        try await writeOutbox(by: asker, cost: Store.smallCost + deposit.size) { [outbox = state.outbox] connection in
            try outbox.put(
                item: item, route: route, deposit: deposit, lifetime: lifetime, device: device.bytes, clock: clock,
                in: connection)
        }
        forwarder.wake()
        return .with { $0.outboxTaken = WireOutboxTaken() }
    }

    private func writeOutbox<T: Sendable>(
        by asker: NodeAccess.Entry, cost: Int = Store.smallCost,
        _ body: @escaping @Sendable (Connection) throws -> T
    ) async throws -> T {
        do {
            return try await state.write(by: asker, cost: cost, body)
        } catch let refusal as Outbox.Refusal {
            switch refusal {
            case .full: throw Refused(.outboxFull, "the outbox is full", retryAfterMilliseconds: Self.outboxRetry)
            case .conflict: throw Refused(.conflict, "an item of this name came before with other bytes")
            case .noRoute: throw Refused(.unknownRoute, "the node does not know this route")
            case .tooManyRoutes: throw Refused(.busy, "there are too many routes: remove some")
            }
        }
    }

    func listOutbox(_ list: WireOutboxList, _ device: DeviceID) async throws -> WireResponse {
        let after = [UInt8](list.after)
        let clock = state.clock
        let reports = try await state.store.read { [outbox = state.outbox] connection in
            try outbox.reports(
                of: device.bytes, after: after, limit: Limits.outboxItems + 1, clock: clock, in: connection)
        }
        var items: [WireOutboxItem] = []
        var bytes = 0
        for report in reports.prefix(Limits.outboxItems) {
            let item = WireOutboxItem(report, now: clock.running)
            bytes += item.size
            guard items.isEmpty || bytes <= Self.pageBytes else { break }
            items.append(item)
        }
        return .with {
            $0.outboxPage = .with {
                $0.items = items
                $0.more = items.count < reports.count
            }
        }
    }

    func acknowledgeOutbox(_ acknowledge: WireOutboxAcknowledge, _ device: DeviceID) async throws -> WireResponse {
        let items = acknowledge.items.map { [UInt8]($0) }
        try await state.write(grows: false) { [outbox = state.outbox] in
            try outbox.acknowledge(items: items, device: device.bytes, in: $0)
        }
        return .with { $0.outboxAcknowledged = WireOutboxAcknowledged() }
    }
}

extension NodeState {
    var outbox: Outbox { Outbox(quota: mailboxes.quota) }
}

extension WireOutboxItem {
    /// - Parameter now: seconds of running.
    init(_ report: Outbox.Report, now: Int64) {
        self.init()
        let source = report.item
        item = Data(report.name)
        ageSeconds = UInt64(clamping: report.age)
        targets = source.targets.map { .init($0) }
        switch source.state {
        case .waiting:
            state = .waiting
            nextTrySeconds = UInt64(clamping: source.nextTry.subtractingReportingOverflow(now).partialValue)
            troubleSeconds = UInt64(clamping: now.subtractingReportingOverflow(source.troubleSince).partialValue)
            attempts = UInt32(clamping: source.attempts)
        case .stored: state = .stored
        case .refused: state = .refused
        case .expired: state = .expired
        }
        switch source.trouble {
        case nil: trouble = .unspecified
        case .notTriedYet: trouble = .notTriedYet
        case .unreachable: trouble = .unreachable
        case .unknownKey: trouble = .unknownKey
        case .mailboxFull: trouble = .mailboxFull
        case .farTrouble: trouble = .farTrouble
        case .noRoute: trouble = .noRoute
        }
    }

    /// Bytes of it, generously.
    fileprivate var size: Int { targets.reduce(64) { $0 + 32 + $1.refusal.detail.utf8.count } }
}

extension WireDeposited.Outcome {
    init(_ target: OutboxItem.TargetState) {
        self.init()
        switch target {
        case .waiting: state = .unspecified
        case .stored: state = .stored
        case .refused(let code, let detail):
            state = .refused
            refusal = WireRefusal(WireRefusal.Code(rawValue: Int(clamping: code)) ?? .unspecified, detail)
        }
    }
}
