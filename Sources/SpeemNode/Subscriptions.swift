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
/// never overtakes a commit and never holds a queue in memory.
actor Subscriptions {
    private struct Subscription {
        let device: DeviceID
        var cursor: Int64
        var isPushing = false
        /// Something came, or the peer caught up, while a push was under way.
        var again = false
    }

    /// Envelopes that one step reads.
    private static let step = 32

    private let state: NodeState
    private var subscriptions: [Peer: Subscription] = [:]

    init(state: NodeState) { self.state = state }

    /// From now on `peer` gets what is behind `cursor`.
    func subscribe(_ peer: Peer, device: DeviceID, after cursor: Int64) {
        subscriptions[peer] = Subscription(device: device, cursor: cursor)
    }

    func unsubscribe(_ peer: Peer) { subscriptions[peer] = nil }

    /// Something was committed into the mailbox of `device`.
    func deposited(for device: DeviceID) async {
        for (peer, subscription) in subscriptions where subscription.device == device { await push(to: peer) }
    }

    /// The peer has acknowledged: there may be room for what did not fit before.
    func acknowledged(by peer: Peer) async { await push(to: peer) }

    private func push(to peer: Peer) async {
        guard var subscription = subscriptions[peer] else { return }
        guard !subscription.isPushing else {
            subscriptions[peer]?.again = true
            return
        }
        subscription.isPushing = true
        subscriptions[peer] = subscription
        repeat {
            subscriptions[peer]?.again = false
            guard await pushStep(to: peer) else { break }
        } while subscriptions[peer]?.again == true
        subscriptions[peer]?.isPushing = false
    }

    /// Pushes until the mailbox is empty or the peer does not keep up; false in that case.
    private func pushStep(to peer: Peer) async -> Bool {
        while let subscription = subscriptions[peer] {
            let device = subscription.device
            let cursor = subscription.cursor
            let drain = try? await state.store.read { [mailboxes = state.mailboxes] connection in
                try mailboxes.drain(
                    device: device.bytes, after: cursor, count: Self.step, bytes: Limits.drainBytes, in: connection)
            }
            guard let drain = drain ?? nil, !drain.envelopes.isEmpty else { return true }
            for stored in drain.envelopes {
                guard subscriptions[peer] != nil, peer.push(.with { $0.envelope = WireEnvelope(stored) }) else {
                    return false
                }
                subscriptions[peer]?.cursor = stored.sequence
            }
        }
        return false
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
