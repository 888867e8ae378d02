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

/// Takes queued envelopes to one contact's node, oldest first.
///
/// Many are on their way at once, and the node keeps their order. After a refusal that passes, such as a full mailbox,
/// they go one at a time until nothing waits any more: what was on its way together with the refused one may have
/// overtaken it, and nothing else does.
struct Courier: Sendable {
    let state: DeviceState
    let connections: NodeConnections
    /// Contacts whose node has refused something for now.
    private let careful = ContactSet()

    /// Envelopes of one contact that are on their way at once.
    private static let window = 32
    /// The longest that a node's advice to wait is followed.
    private static let maxAdvice: UInt32 = 3_600_000

    init(state: DeviceState, connections: NodeConnections) {
        self.state = state
        self.connections = connections
    }

    /// What came of a round.
    struct Outcome: Sendable {
        var stored = 0
        /// Something is left that may succeed later.
        var isWaiting = false
        /// Why, in the words of the last failure.
        var reason: String?
        /// How long the node wants to be left alone.
        var retryAfter: Duration = .zero

        mutating func wait(_ error: any Error) {
            isWaiting = true
            reason = "\(error)"
            guard let refusal = error as? RefusalError else { return }
            let advice = min(refusal.retryAfterMilliseconds, Courier.maxAdvice)
            retryAfter = max(retryAfter, .milliseconds(Int64(advice)))
        }

        mutating func add(_ other: Outcome) {
            stored += other.stored
            isWaiting = isWaiting || other.isWaiting
            reason = other.reason ?? reason
            retryAfter = max(retryAfter, other.retryAfter)
        }
    }

    /// Tries everything that waits for a contact: first the grant that lets us in.
    func deliver(to contact: Int64) async -> Outcome {
        var outcome = Outcome()
        do {
            try await deliver(to: contact, &outcome)
        } catch {
            state.logger.debug("contact \(contact): \(error)")
            outcome.wait(error)
        }
        return outcome
    }

    private func deliver(to id: Int64, _ outcome: inout Outcome) async throws {
        if let redeem = try await state.store.read({ try RedeemRows.find(id, in: $0) }) {
            let before = try await state.store.read { try ContactRows.find(id, in: $0) }
            do {
                try await RedeemFlow(state: state, connections: connections).redeem(redeem)
            } catch {
                // With another key of ours at that node, what waits need not wait for this one.
                guard before?.initiator != redeem.permanent else { throw error }
                outcome.wait(error)
            }
        }
        guard let contact = try await state.store.read({ try ContactRows.find(id, in: $0) }) else { return }
        if let problem = contact.problem {
            return try await state.store.write { connection in
                try OutgoingRows.fail(contact: id, reason: problem, in: connection)
                try connection.execute("UPDATE contact SET renew = 0 WHERE id = ?", .integer(id))
            }
        }
        try await renewSession(contact, &outcome)
        while true {
            let limit = careful.contains(id) ? 1 : Self.window
            let waiting = try await state.store.read {
                try OutgoingRows.waiting(contact: id, limit: Int64(limit), in: $0)
            }
            guard !waiting.isEmpty else { return careful.remove(id) }
            let connection = try await connections.connection(contact.initiator)
            guard try await deposit(waiting, over: connection, &outcome) else {
                careful.insert(id)
                return
            }
        }
    }

    /// A session that cannot be begun now holds nothing up: the old one still sends.
    private func renewSession(_ contact: Contact, _ outcome: inout Outcome) async throws {
        let isDue = try await state.store.read { connection in
            try connection.first("SELECT renew FROM contact WHERE id = ?", .integer(contact.id)) {
                row throws(StoreError) in try row.flag(0)
            } ?? false
        }
        guard isDue else { return }
        let connection = try await connections.connection(contact.initiator)
        do {
            try await SessionRenewal(state: state).renew(contact, over: connection)
        } catch {
            state.logger.debug("no new session with contact \(contact.id): \(error)")
            outcome.wait(error)
        }
    }

    /// Sends a window of deposits in their order; their answers are kept in one commit.
    ///
    /// - Returns: false when one was refused for now.
    private func deposit(
        _ envelopes: [OutgoingEnvelope], over connection: ClientConnection, _ outcome: inout Outcome
    ) async throws -> Bool {
        let deposits = Self.deposits(envelopes)
        let responses = try await connection.request(
            all: deposits.map { deposit in .with { $0.deposit = .init(deposit) } })
        var refusals: [RefusalError] = []
        var results: [(envelope: OutgoingEnvelope, failure: String?)] = []
        for (deposit, response) in zip(deposits, responses) {
            for (envelope, refusal) in zip(deposit, try Self.outcomes(of: response, count: deposit.count)) {
                guard let refusal else {
                    results.append((envelope, nil))
                    continue
                }
                let error = RefusalError(refusal)
                if error.isTemporary {
                    refusals.append(error)
                } else {
                    state.logger.warning("a message was refused for good: \(error)")
                    results.append((envelope, error.description))
                }
            }
        }
        let settled = results
        try await state.store.write { connection in
            for (envelope, failure) in settled {
                if let failure {
                    try OutgoingRows.failed(envelope, reason: failure, in: connection)
                } else {
                    try OutgoingRows.stored(envelope, in: connection)
                }
            }
        }
        outcome.stored += settled.count { $0.failure == nil }
        for refusal in refusals { outcome.wait(refusal) }
        return refusals.isEmpty
    }

    /// Envelopes of one message that follow each other, as one deposit: the body travels once, and is kept once.
    static func deposits(_ envelopes: [OutgoingEnvelope]) -> [[OutgoingEnvelope]] {
        var deposits: [[OutgoingEnvelope]] = []
        for envelope in envelopes {
            if let last = deposits.last, last.count < Limits.depositTargets, last[0].body == envelope.body,
                !last.contains(where: { $0.device == envelope.device })
            {
                deposits[deposits.count - 1].append(envelope)
            } else {
                deposits.append([envelope])
            }
        }
        return deposits
    }

    /// The refusal of each target, nil for one that is stored.
    static func outcomes(of response: WireResponse, count: Int) throws -> [WireRefusal?] {
        switch response.kind {
        case .refusal(let refusal): return Array(repeating: refusal, count: count)
        case .deposited(let deposited):
            guard deposited.outcomes.count == count else {
                throw TransportError.violation("an answer to another number of targets")
            }
            return try deposited.outcomes.map { outcome in
                switch outcome.state {
                case .stored, .duplicate: return nil
                case .refused: return outcome.refusal
                case .unspecified, .UNRECOGNIZED: throw TransportError.violation("an unknown outcome of a deposit")
                }
            }
        default: throw TransportError.violation("not an answer to a deposit")
        }
    }
}

extension WireDeposit {
    /// - Precondition: the envelopes are of one message and share its body.
    init(_ envelopes: [OutgoingEnvelope]) {
        self.init()
        targets = envelopes.map { envelope in
            .with {
                $0.mailbox = Data(envelope.device)
                $0.envelopeID = Data(envelope.envelopeID)
                $0.header = Data(envelope.header)
            }
        }
        body = Data(envelopes.first?.body ?? [])
    }
}
