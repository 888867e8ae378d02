import Logging
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The device's own node as the store knows it.
struct OwnNode: Sendable {
    let initiator: Int64
    let isClaimed: Bool
    let epoch: [UInt8]?
    let commitNumber: Int64

    static func find(in connection: Connection) throws(StoreError) -> OwnNode? {
        try connection.first(
            "SELECT initiator, claim_secret IS NULL, node_epoch, commit_number FROM own_node"
        ) { row throws(StoreError) in
            OwnNode(
                initiator: try row.integer(0), isClaimed: try row.flag(1), epoch: try row.optionalBlob(2),
                commitNumber: try row.integer(3))
        }
    }
}

/// Drains the own node's mailbox: commit here, then acknowledge there.
struct MailReader: Sendable {
    let state: DeviceState
    let connections: NodeConnections
    let clock: WallClock
    /// Told about every batch after it is committed.
    let onEvents: @Sendable ([IncomingMail.Event]) async -> Void

    /// Envelopes in one transaction.
    private static let batch = 64

    /// Reads all there is; with `subscribe` the node pushes what comes later.
    ///
    /// - Returns: the connection, and how many envelopes were read.
    func drain(subscribe: Bool) async throws -> (connection: ClientConnection, count: Int) {
        let node = try await ownNode()
        let connection = try await connections.connection(node.initiator)
        let incoming = IncomingMail(state: state, now: clock.seconds())
        try await state.store.write { try incoming.forgetSeen(in: $0) }
        // From the beginning: what was committed here and not acknowledged, because the connection was lost, comes once
        // more, is recognised, and acknowledged.
        var cursor: Int64 = 0
        var count = 0
        while true {
            let after = cursor
            let response = try await connection.request(
                .with {
                    $0.drain = .with {
                        $0.after = UInt64(clamping: after)
                        $0.subscribe = subscribe
                    }
                })
            try response.requireNoRefusal()
            guard case .drained(let drained) = response.kind else { throw TransportError.violation("not a drain") }
            try await check(drained, node)
            if !drained.envelopes.isEmpty {
                cursor = try await take(drained.envelopes, over: connection)
                count += drained.envelopes.count
            }
            guard drained.more, !drained.envelopes.isEmpty else { return (connection, count) }
        }
    }

    /// Commits envelopes, tells about them, and lets the node delete them. Returns the highest sequence number.
    @discardableResult
    func take(_ envelopes: [WireEnvelope], over connection: ClientConnection) async throws -> Int64 {
        var highest: Int64 = 0
        var rest = envelopes[...]
        while !rest.isEmpty {
            let part = Array(rest.prefix(Self.batch))
            rest = rest.dropFirst(part.count)
            let incoming = IncomingMail(state: state, now: clock.seconds())
            let last = part.map { Int64(clamping: $0.sequence) }.max() ?? 0
            let events = try await state.store.write { try incoming.take(part, in: $0) }
            highest = max(highest, last)
            var done: [UInt64] = []
            for (envelope, event) in zip(part, events) {
                switch event {
                case .kept(let reason):
                    state.logger.error("an envelope stays on the node: \(reason)")
                    continue
                case .rejected(let reason): state.logger.warning("an envelope was refused: \(reason)")
                case .text, .receipt, .contactRequest, .contactAccepted, .duplicate: break
                }
                done.append(envelope.sequence)
            }
            await onEvents(events)
            guard !done.isEmpty else { continue }
            let sequences = done
            let response = try await connection.request(.with { $0.acknowledge = .with { $0.sequences = sequences } })
            try response.requireNoRefusal()
        }
        return highest
    }

    private func ownNode() async throws -> OwnNode {
        guard let node = try await state.store.read({ try OwnNode.find(in: $0) }), node.isClaimed else {
            throw DeviceError.noNode
        }
        return node
    }

    /// A step back of the node's commit number means an older disk; another epoch, another store.
    private func check(_ drained: WireDrained, _ node: OwnNode) async throws {
        let epoch = [UInt8](drained.nodeEpoch)
        let commits = Int64(clamping: drained.commitNumber)
        if let known = node.epoch, known != epoch {
            state.logger.error("the node has another store than before: it was replaced")
        } else if commits < node.commitNumber {
            state.logger.error("the node's store has gone back: it was restored from an older copy")
        }
        guard node.epoch != epoch || commits > node.commitNumber else { return }
        try await state.store.write { connection in
            try connection.execute(
                "UPDATE own_node SET node_epoch = ?, commit_number = ?", .blob(epoch), .integer(commits))
        }
    }
}

/// The time of day, passed in.
public struct WallClock: Sendable {
    /// Unix milliseconds.
    let milliseconds: @Sendable () -> Int64

    public init(milliseconds: @escaping @Sendable () -> Int64) { self.milliseconds = milliseconds }

    func seconds() -> Int64 { milliseconds() / 1000 }

    /// The system's.
    public static let system = WallClock { Int64(clamping: Int(Date().timeIntervalSince1970 * 1000)) }
}
