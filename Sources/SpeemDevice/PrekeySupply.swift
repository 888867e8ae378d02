import Logging
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf

/// Keeps the own nodes supplied with prekeys: each with pairs that no other one has.
struct PrekeySupply: Sendable {
    let state: DeviceState
    let connections: NodeConnections
    let clock: WallClock
    /// One refill at a time: uploads reach a node in the order in which they were made.
    private let order = OneAtATime()

    /// Uploads of one refill: the first may all go into what is reserved for contacts.
    private static let rounds = 30

    init(state: DeviceState, connections: NodeConnections, clock: WallClock) {
        self.state = state
        self.connections = connections
        self.clock = clock
    }

    /// Looks how many are left at each node, and makes and uploads more where they are few or old.
    ///
    /// - Throws: what went wrong at the first node that could not be supplied; the others were.
    func refill() async throws {
        try await order.run {
            var problem: (any Error)?
            for node in try await state.ownNodes() where !node.isRetired {
                do {
                    try await refill(node.entry)
                } catch {
                    problem = problem ?? error
                }
            }
            if let problem { throw problem }
        }
    }

    private func refill(_ node: NodeEntry) async throws {
        let connection = try await connections.connection(state.ownInitiator, at: node)
        var unassigned = try await connection.nodeStatus().unassignedPrekeys
        let key = node.noise.bytes
        let now = clock.seconds()
        for round in 0..<Self.rounds {
            let (newest, halves) = try await state.store.read {
                (try PrekeyStore.newest(at: key, in: $0), try PrekeyStore.halves(in: $0))
            }
            let isNew = round == 0 && newest?.isOld(now: now) ?? true
            let isLow = isNew || (unassigned < PrekeyStore.lowWater && halves < PrekeyStore.maxHalves)
            // Sent again when the answer to it was lost: only then is it known what the node has dropped.
            guard isNew || isLow || newest?.isUploaded == false else { return }
            // The private halves are on disk before the node can hand out the public ones.
            let upload = try await state.store.write { [state] connection in
                try PrekeyStore.make(
                    state: state, newGeneration: isNew, pairs: isLow ? PrekeyStore.batch : 0, now: now, in: connection)
            }
            let response = try await connection.request(.with { $0.prekeyUpload = upload.message })
            try response.requireNoRefusal()
            guard case .prekeyUploaded(let uploaded) = response.kind else {
                throw TransportError.violation("not an answer to prekeys")
            }
            try await state.store.write {
                try PrekeyStore.uploaded(upload.generation, to: key, now: now, in: $0)
            }
            state.logger.debug("uploaded \(upload.message.oneTime.count) prekey pairs")
            unassigned = uploaded.unassigned
        }
    }
}
