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

/// Takes queued envelopes to the contacts' nodes, in order for each contact.
struct Courier: Sendable {
    let state: DeviceState
    let connections: NodeConnections

    /// Envelopes of one contact that are on their way at once.
    private static let window = 32

    /// What came of a round.
    struct Outcome: Sendable {
        var stored = 0
        /// Something is left that may succeed later.
        var isWaiting = false
        /// Why, in the words of the last failure.
        var reason: String?
    }

    /// Tries everything that waits, all contacts side by side.
    func deliver() async throws -> Outcome {
        let contacts = try await state.store.read { try OutgoingRows.waitingContacts(in: $0) }
        return await withTaskGroup(of: Outcome.self) { group in
            for contact in contacts { group.addTask { await deliver(to: contact) } }
            var total = Outcome()
            for await outcome in group {
                total.stored += outcome.stored
                total.isWaiting = total.isWaiting || outcome.isWaiting
                total.reason = outcome.reason ?? total.reason
            }
            return total
        }
    }

    private func deliver(to contactID: Int64) async -> Outcome {
        var outcome = Outcome()
        do {
            guard let contact = try await state.store.read({ try ContactRows.find(contactID, in: $0) }) else {
                return outcome
            }
            while true {
                let waiting = try await state.store.read {
                    try OutgoingRows.waiting(contact: contactID, limit: Int64(Self.window), in: $0)
                }
                guard !waiting.isEmpty else { return outcome }
                let connection = try await connections.connection(contact.initiator)
                try await deposit(waiting, over: connection, &outcome)
                if outcome.isWaiting { return outcome }
            }
        } catch {
            state.logger.debug("contact \(contactID): \(error)")
            outcome.isWaiting = true
            outcome.reason = "\(error)"
            return outcome
        }
    }

    /// Sends a window of deposits in their order, which the node keeps; their answers are kept in one commit.
    private func deposit(
        _ envelopes: [OutgoingEnvelope], over connection: ClientConnection, _ outcome: inout Outcome
    ) async throws {
        let responses = try await connection.request(
            all: envelopes.map { envelope in .with { $0.deposit = .init(envelope) } })
        let answers = zip(envelopes, responses)
        var refusal: RefusalError?
        var results: [(envelope: OutgoingEnvelope, failure: String?)] = []
        for (envelope, response) in answers {
            switch response.kind {
            case .deposited: results.append((envelope, nil))
            case .refusal(let words):
                let error = RefusalError(words)
                if error.isTemporary { refusal = error } else { results.append((envelope, error.description)) }
            default: throw TransportError.violation("not an answer to a deposit")
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
        if let refusal {
            outcome.isWaiting = true
            outcome.reason = refusal.description
        }
    }
}

extension WireDeposit {
    init(_ envelope: OutgoingEnvelope) {
        self.init()
        mailbox = Data(envelope.device)
        envelopeID = Data(envelope.envelopeID)
        header = Data(envelope.header)
        body = Data(envelope.body)
    }
}
