import Logging
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Takes queued envelopes to where they wait for their readers: into the outbox of an own node, which brings them to the
/// contact's; when no own node can be reached, straight to the contact's node; for other own devices, to an own node.
///
/// Many are on their way at once, and the nodes keep their order. After a refusal that passes, such as a full mailbox,
/// they go one at a time until nothing waits any more: what was on its way together with the refused one may have
/// overtaken it, and nothing else does.
struct Courier: Sendable {
    let state: DeviceState
    let connections: NodeConnections
    let clock: WallClock
    /// Contacts whose node has refused something for now.
    private let careful = SharedSet<Int64>()
    /// Contacts whose node has said that it is full, and will say when it is not.
    private let listening = SharedSet<Int64>()
    let routes = KnownRoutes()
    private let allClear: Signal

    /// Envelopes of one contact that are on their way at once.
    static let window = 32
    /// The longest that a node's advice to wait is followed.
    private static let maxAdvice: UInt32 = 3_600_000

    /// - Parameter allClear: notified when a node that was full has room again.
    init(state: DeviceState, connections: NodeConnections, clock: WallClock, allClear: Signal) {
        self.state = state
        self.connections = connections
        self.clock = clock
        self.allClear = allClear
    }

    /// What came of a round.
    struct Outcome: Sendable {
        var stored = 0
        /// Handed over to an own node.
        var queued = 0
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
            queued += other.queued
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
        let now = clock.seconds()
        if try await state.store.read({ try SponsorRows.isDue(id, now: now, in: $0) }) {
            try await state.store.write { [state] in try OwnSync(state: state).askForWay(to: id, now: now, in: $0) }
        }
        guard let contact = try await state.store.read({ try ContactRows.find(id, in: $0) }) else { return }
        if let problem = contact.problem {
            return try await state.store.write { connection in
                try OutgoingRows.fail(contact: id, reason: problem, in: connection)
                try connection.execute(
                    "UPDATE contact SET renew = 0, wanted_head = NULL, route_state = 0 WHERE id = ?", .integer(id))
                try connection.execute("DELETE FROM sponsored WHERE contact = ?", .integer(id))
            }
        }
        outcome.stored += await deliverNearby(to: contact)
        if let problem = await visit(contact) {
            outcome.wait(problem)
            let words = "\(problem)"
            let now = clock.milliseconds()
            try await state.store.write { try OutgoingRows.trouble(words, contact: id, now: now, in: $0) }
        }
        do {
            try await send(contact, &outcome)
        } catch {
            let words = "\(error)"
            let now = clock.milliseconds()
            try? await state.store.write { try OutgoingRows.trouble(words, contact: id, now: now, in: $0) }
            throw error
        }
    }

    /// What else is to be done at the contact's node; what cannot be done now holds nothing up that is sealed.
    private func visit(_ contact: Contact) async -> (any Error)? {
        do {
            guard try await state.store.read({ try OutgoingRows.needsVisit(contact.id, in: $0) }) else { return nil }
            let (connection, node) = try await knownNode(of: contact)
            try await ContactVisit(
                state: state, contact: contact, connection: connection, node: node, now: clock.seconds()
            ).run()
            try await announceRoute(to: contact)
            return nil
        } catch {
            state.logger.debug("contact \(contact.id): \(error)")
            return error
        }
    }

    /// A connection to a node of the contact: when none is there, perhaps the contact has told of others.
    private func knownNode(of contact: Contact) async throws -> (connection: ClientConnection, node: NodeEntry) {
        do {
            return try await connection(to: contact)
        } catch let error as TransportError {
            let state = state
            guard !contact.isSelf,
                try await state.store.write({ try ContactRoster(state: state).takeTold(by: contact, in: $0) })
            else { throw error }
            return try await connection(to: contact)
        }
    }

    /// A connection to the first of the contact's nodes that can be reached.
    private func connection(to contact: Contact) async throws -> (connection: ClientConnection, node: NodeEntry) {
        let nodes =
            contact.isSelf
            ? try await state.listedNodes()
            : try await state.store.read { try ContactRows.roster(of: contact, in: $0) }.nodes
        guard !nodes.isEmpty else { throw DeviceError.contactWithoutNode(contact.name) }
        return try await connections.connection(contact.initiator, atAnyOf: nodes)
    }

    private func send(_ contact: Contact, _ outcome: inout Outcome) async throws {
        while true {
            let limit = careful.contains(contact.id) ? 1 : Self.window
            let waiting = try await state.store.read {
                try OutgoingRows.waiting(contact: contact.id, limit: Int64(limit), in: $0)
            }
            guard !waiting.isEmpty else {
                careful.remove(contact.id)
                return try await sendDirect(contact, &outcome)
            }
            if try await forward(waiting, to: contact) {
                outcome.queued += waiting.count
                continue
            }
            // A part of them may have been taken.
            let rest = try await state.store.read {
                try OutgoingRows.waiting(contact: contact.id, limit: Int64(limit), in: $0)
            }
            guard !rest.isEmpty else { continue }
            let connection = try await connection(to: contact).connection
            guard try await deposit(rest, to: contact, over: connection, &outcome) else {
                careful.insert(contact.id)
                return
            }
        }
    }

    /// What a node did not know the mailbox of: a window of it.
    private func sendDirect(_ contact: Contact, _ outcome: inout Outcome) async throws {
        let waiting = try await state.store.read {
            try OutgoingRows.waiting(contact: contact.id, direct: true, limit: Int64(Self.window), in: $0)
        }
        guard !waiting.isEmpty else { return }
        let connection = try await connection(to: contact).connection
        _ = try await deposit(waiting, to: contact, over: connection, &outcome)
    }

    /// Sends a window of deposits in their order; their answers are kept in one commit.
    ///
    /// - Returns: false when one was refused for now, and what is behind it has to wait.
    private func deposit(
        _ envelopes: [OutgoingEnvelope], to contact: Contact, over connection: ClientConnection,
        _ outcome: inout Outcome
    ) async throws -> Bool {
        let deposits = Self.deposits(envelopes)
        let responses = try await connection.request(
            all: deposits.map { deposit in .with { $0.deposit = .init(deposit) } })
        var refusals: [RefusalError] = []
        // The contact has other nodes by now.
        var isOutdated = false
        var results: [(envelope: OutgoingEnvelope, refusal: RefusalError?)] = []
        for (deposit, response) in zip(deposits, responses) {
            for (envelope, refusal) in zip(deposit, try Self.outcomes(of: response, count: deposit.count)) {
                let error = refusal.map(RefusalError.init)
                results.append((envelope, error))
                guard let error else { continue }
                isOutdated = isOutdated || error.code == .nodeRetired
                if error.code == .mailboxFull || error.code == .nodeFull {
                    awaitAllClear(of: contact, over: connection)
                }
                if error.isTemporary { refusals.append(error) }
            }
        }
        let settled = results
        let fetchRoster = isOutdated
        let now = clock.milliseconds()
        let unknown = try await state.store.write { connection in
            if fetchRoster {
                try ContactRows.want(
                    ContactRows.roster(of: contact, in: connection).head, of: contact.id, in: connection)
            }
            var unknown: [RefusalError] = []
            for (envelope, error) in settled {
                guard let error else {
                    try OutgoingRows.stored(envelope, in: connection)
                    continue
                }
                if error.isTemporary {
                    try OutgoingRows.held(envelope, trouble: error.description, now: now, in: connection)
                } else if try OutgoingRows.refused(envelope, error, now: now, in: connection) {
                    state.logger.warning("a message was refused for good: \(error)")
                } else {
                    unknown.append(error)
                }
            }
            return unknown
        }
        outcome.stored += settled.count { $0.refusal == nil }
        for refusal in refusals + unknown { outcome.wait(refusal) }
        return refusals.isEmpty
    }

    /// Tries again as soon as the node says that there is room. What an own node pushes has its reader already, and that one
    /// would miss whatever is taken here.
    private func awaitAllClear(of contact: Contact, over connection: ClientConnection) {
        guard !contact.isSelf, listening.insert(contact.id) else { return }
        Task {
            for await push in connection.pushes {
                if case .allClear = push.kind { break }
            }
            listening.remove(contact.id)
            allClear.notify()
        }
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
