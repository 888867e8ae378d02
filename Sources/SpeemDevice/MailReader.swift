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

/// Drains the mailboxes at the own nodes: commit here, then acknowledge there. What comes from two nodes is recognised.
struct MailReader: Sendable {
    let state: DeviceState
    let connections: NodeConnections
    let clock: WallClock
    /// Told about every batch after it is committed.
    let onEvents: @Sendable ([IncomingMail.Event]) async -> Void

    /// Envelopes in one transaction.
    private static let batch = 64

    /// Reads all there is at a node; with `subscribe` it pushes what comes later.
    ///
    /// - Returns: the connection, and how many envelopes were read.
    @discardableResult
    func drain(_ node: OwnNode, subscribe: Bool) async throws -> (connection: ClientConnection, count: Int) {
        let connection = try await connections.connection(state.ownInitiator, at: node.entry)
        return (connection, try await drain(over: connection, subscribe: subscribe))
    }

    func drain(over connection: ClientConnection, subscribe: Bool) async throws -> Int {
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
            if !drained.envelopes.isEmpty {
                cursor = try await take(drained.envelopes, over: connection)
                count += drained.envelopes.count
            }
            guard drained.more, !drained.envelopes.isEmpty else { return count }
        }
    }

    /// Whether something stays on a node because its sender was not known, or a roster that lists it.
    func hasEarly() async throws -> Bool {
        try await state.store.read { connection in
            try connection.first("SELECT 1 FROM early_envelope LIMIT 1") { row throws(StoreError) in
                try row.integer(0)
            } != nil
        }
    }

    /// Commits an envelope that another device has brought itself, and tells about it.
    ///
    /// - Parameter also: in the same transaction.
    /// - Returns: false when it can be judged only when more is known.
    func takeDirect(_ envelope: WireEnvelope, also: @escaping @Sendable (Connection) throws -> Void) async throws
        -> Bool
    {
        let incoming = IncomingMail(state: state, now: clock.seconds())
        let events = try await state.store.write { connection in
            try also(connection)
            return try incoming.take([envelope], in: connection)
        }
        await onEvents(events)
        if case .rejected(let reason)? = events.first {
            state.logger.warning("an envelope from this network was refused: \(reason)")
        }
        if case .kept? = events.first { return false }
        return true
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
                    state.logger.info("an envelope stays on the node: \(reason)")
                    continue
                case .rejected(let reason): state.logger.warning("an envelope was refused: \(reason)")
                case .text, .receipt, .contactRequest, .contactAccepted, .linkRequest, .synchronised, .notice,
                    .duplicate:
                    break
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
