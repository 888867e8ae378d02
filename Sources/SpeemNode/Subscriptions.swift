import Logging
import SpeemIdentity
import SpeemMailbox
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Pushes new envelopes to connected devices, in order. Each subscription has a cursor and reads from the store, so it
/// never overtakes a commit and never holds a queue in memory. It has a task of its own: nobody who deposits waits for
/// somebody who reads.
actor Subscriptions {
    private struct Subscription {
        /// Tells it from an earlier one of the same peer, whose task may still be on its way.
        let number: UInt64
        let device: DeviceID
        var cursor: Int64
        /// What was pushed and not acknowledged, by sequence number, in bytes.
        var unacknowledged: [Int64: Int]
        /// Items of the outbox that have changed.
        var items: Set<Int64> = []
        let wake: AsyncStream<Void>.Continuation

        var bytes: Int { unacknowledged.values.reduce(0, +) }
    }

    /// Envelopes that one step reads.
    private static let step = 32
    /// The wait before a busy store is asked again.
    private static let busyRetry: Duration = .milliseconds(500)

    private let state: NodeState
    private var subscriptions: [Peer: Subscription] = [:]
    private var count: UInt64 = 0

    init(state: NodeState) { self.state = state }

    /// From now on `peer` gets what is behind `cursor`.
    func subscribe(_ peer: Peer, device: DeviceID, after cursor: Int64) {
        let before = subscriptions[peer]
        before?.wake.finish()
        count += 1
        let number = count
        let (signal, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        subscriptions[peer] = Subscription(
            number: number, device: device, cursor: cursor, unacknowledged: before?.unacknowledged ?? [:],
            items: before?.items ?? [], wake: wake)
        peer.stayOpen()
        // What was committed since the cursor was read.
        wake.yield()
        Task { for await _ in signal { await push(to: peer, number) } }
    }

    func unsubscribe(_ peer: Peer) { subscriptions.removeValue(forKey: peer)?.wake.finish() }

    /// Something was committed into the mailbox of `device`.
    func deposited(for device: DeviceID) {
        for subscription in subscriptions.values where subscription.device == device { subscription.wake.yield() }
    }

    /// Tells the subscribed devices of the new head. A task for each: nobody waits for somebody who does not read.
    func rosterChanged(to head: RosterHead) {
        let push = WirePush.with { $0.rosterChanged = .with { $0.head = Data(head.bytes) } }
        for peer in subscriptions.keys { Task { await peer.push([push]) } }
    }

    /// Tells the subscribed devices that there are other grants than before.
    func grantsChanged() {
        let push = WirePush.with { $0.grantsChanged = WireGrantsChanged() }
        for peer in subscriptions.keys { Task { await peer.push([push]) } }
    }

    /// The device has these: there is room for others.
    func acknowledged(_ sequences: [Int64], of device: DeviceID) {
        for (peer, subscription) in subscriptions where subscription.device == device {
            for sequence in sequences { subscriptions[peer]?.unacknowledged[sequence] = nil }
            subscription.wake.yield()
        }
    }

    /// An item that `device` put into the outbox has changed, and that is committed.
    func changed(item: Int64, of device: DeviceID) {
        for (peer, subscription) in subscriptions where subscription.device == device {
            subscriptions[peer]?.items.insert(item)
            subscription.wake.yield()
        }
    }

    private func current(_ peer: Peer, _ number: UInt64) -> Subscription? {
        guard let subscription = subscriptions[peer], subscription.number == number else { return nil }
        return subscription
    }

    /// Pushes until the mailbox is empty, or as much is unacknowledged as may be.
    private func push(to peer: Peer, _ number: UInt64) async {
        while current(peer, number) != nil {
            guard await report(to: peer, number), let subscription = current(peer, number) else { return }
            let room = Limits.pushesUnacknowledged - subscription.unacknowledged.count
            let bytes = Limits.pushBytesUnacknowledged - subscription.bytes
            guard room > 0, bytes > 0 else { return }
            let envelopes: [StoredEnvelope]
            do {
                let drain = try await state.store.read { [mailboxes = state.mailboxes] connection in
                    try mailboxes.drain(
                        device: subscription.device.bytes, after: subscription.cursor, count: min(Self.step, room),
                        bytes: min(Limits.drainBytes, bytes), in: connection)
                }
                envelopes = drain?.envelopes ?? []
            } catch StoreError.busy {
                // Nothing else may come to wake this up.
                try? await Task.sleep(for: Self.busyRetry)
                continue
            } catch StoreError.closed {
                return
            } catch {
                state.logger.error("cannot push: \(error)")
                return
            }
            // It may have been replaced meanwhile; from here to the push nothing is waited for.
            guard let last = envelopes.last, current(peer, number) != nil else { return }
            subscriptions[peer]?.cursor = last.sequence
            for stored in envelopes {
                subscriptions[peer]?.unacknowledged[stored.sequence] =
                    stored.envelope.header.count + stored.envelope.body.count
            }
            guard await peer.push(envelopes.map { stored in .with { $0.envelope = WireEnvelope(stored) } }) else {
                return
            }
        }
    }

    /// Pushes what became of items of the outbox: as it is now, not each step on the way there.
    ///
    /// - Returns: false when the connection has ended.
    private func report(to peer: Peer, _ number: UInt64) async -> Bool {
        while let subscription = current(peer, number), !subscription.items.isEmpty {
            let items = subscription.items.sorted().prefix(Self.step)
            subscriptions[peer]?.items.subtract(items)
            let clock = state.clock
            do {
                let reports = try await state.store.read { [outbox = state.outbox] connection in
                    try items.compactMap { try outbox.report(id: $0, clock: clock, in: connection)?.report }
                }
                let pushes = reports.map { report in
                    WirePush.with { $0.outboxReport = WireOutboxItem(report, now: clock.running) }
                }
                guard await peer.push(pushes) else { return false }
            } catch StoreError.busy {
                subscriptions[peer]?.items.formUnion(items)
                try? await Task.sleep(for: Self.busyRetry)
            } catch {
                if error as? StoreError != .closed { state.logger.error("cannot report: \(error)") }
                return false
            }
        }
        return true
    }
}

extension WireEnvelope {
    init(_ stored: StoredEnvelope) {
        self.init()
        sequence = UInt64(stored.sequence)
        envelopeID = Data(stored.envelope.id)
        header = Data(stored.envelope.header)
        body = Data(stored.envelope.body)
    }
}
