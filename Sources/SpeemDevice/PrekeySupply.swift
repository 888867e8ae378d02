import Logging
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf

/// Keeps the own node supplied with prekeys.
struct PrekeySupply: Sendable {
    let state: DeviceState
    let connections: NodeConnections
    let clock: WallClock

    /// Looks how many are left, and makes and uploads more when they are few or old.
    func refill() async throws {
        guard let node = try await state.store.read({ try OwnNode.find(in: $0) }), node.isClaimed else { return }
        let connection = try await connections.connection(node.initiator)
        let response = try await connection.request(.with { $0.nodeStatus = WireNodeStatus() })
        try response.requireNoRefusal()
        guard case .nodeState(let status) = response.kind else { throw TransportError.violation("not a status") }
        let now = clock.seconds()
        let newest = try await state.store.read { try PrekeyStore.newestSigned(in: $0) }
        let isOld = newest.map { now - $0 > PrekeyStore.rotation || now < $0 } ?? true
        let isLow = status.unassignedPrekeys < PrekeyStore.lowWater
        guard isOld || isLow else { return }
        // The private halves are on disk before the node can hand out the public ones.
        let upload = try await state.store.write { [state] connection in
            try PrekeyStore.make(state: state, pairs: isLow ? PrekeyStore.batch : 0, now: now, in: connection)
        }
        try await connection.request(.with { $0.prekeyUpload = upload }).requireNoRefusal()
        state.logger.debug("uploaded \(upload.oneTime.count) prekey pairs")
    }
}
