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

/// Deposits, drains and acknowledgements.
extension NodeRequests {
    /// How long a sender waits before it tries a full mailbox again.
    private static let fullRetry: UInt32 = 60_000

    func deposit(_ request: WireDeposit, _ peer: Peer, _ entry: NodeAccess.Entry) async throws -> WireResponse {
        try requireInService()
        let deposit = Deposit(request)
        let party = entry.party
        let contacts = state.access.contacts
        let clock = state.clock
        // Answered after the commit is on disk: `write` returns only then.
        let outcomes = try await state.write(cost: Store.smallCost + deposit.size) {
            [mailboxes = state.mailboxes] connection in
            try mailboxes.deposit(
                deposit, from: party, as: .init(party: party), contacts: contacts, clock: clock, in: connection)
        }
        await announce(deposit, outcomes)
        if let size = deposit.refusedForSpace(outcomes) {
            // It waits for the all-clear, also when it asks nothing else.
            if await allClears.refused(size, of: party) { peer.stayOpen() }
        }
        return .with { $0.deposited = .with { $0.outcomes = outcomes.map { .init($0) } } }
    }

    /// Lets the devices that got something know, where they are connected.
    func announce(_ deposit: Deposit, _ outcomes: [DepositOutcome]) async {
        for (target, outcome) in zip(deposit.targets, outcomes) {
            guard case .stored = outcome, let device = try? DeviceID(target.device) else { continue }
            await subscriptions.deposited(for: device)
        }
    }

    static func refused(_ refusal: DepositRefusal) -> Refused {
        switch refusal {
        case .mailboxFull:
            Refused(.mailboxFull, "your share of the mailbox is used up", retryAfterMilliseconds: fullRetry)
        case .nodeFull: Refused(.nodeFull, "the mailboxes are full", retryAfterMilliseconds: fullRetry)
        case .conflict: Refused(.conflict, "an envelope of this id came before with other bytes")
        case .unknownMailbox: Refused(.unknownMailbox, "there is no such device here")
        }
    }

    func drain(_ drain: WireDrain, _ device: DeviceID, _ peer: Peer) async throws -> WireResponse {
        let after = Int64(clamping: drain.after)
        let count = drain.maxCount == 0 ? Limits.drainCount : min(Int(drain.maxCount), Limits.drainCount)
        let read = try await state.store.read { [mailboxes = state.mailboxes] connection in
            (
                drain: try mailboxes.drain(
                    device: device.bytes, after: after, count: count, bytes: Limits.drainBytes, in: connection),
                commits: try connection.commitNumber()
            )
        }
        guard let drained = read.drain else { throw Refused(.unknownMailbox, "there is no such device here") }
        // What is still behind this answer is asked for; only from its end on is there anything to push.
        if drain.subscribe, !drained.more {
            await subscriptions.subscribe(peer, device: device, after: drained.envelopes.last?.sequence ?? after)
        }
        return .with {
            $0.drained = .with {
                $0.envelopes = drained.envelopes.map { WireEnvelope($0) }
                $0.more = drained.more
                $0.nodeEpoch = Data(state.epoch)
                $0.commitNumber = UInt64(clamping: read.commits)
            }
        }
    }

    func acknowledge(_ request: WireAcknowledge, _ device: DeviceID) async throws -> WireResponse {
        let sequences = request.sequences.map { Int64(clamping: $0) }
        let clock = state.clock
        let deleted = try await state.write(grows: false) { [mailboxes = state.mailboxes] connection in
            try mailboxes.acknowledge(device: device.bytes, sequences: sequences, clock: clock, in: connection)
        }
        await subscriptions.acknowledged(sequences, of: device)
        if deleted > 0 { await allClears.spaceFreed() }
        return .with { $0.acknowledged = .with { $0.deleted = UInt32(clamping: deleted) } }
    }
}

extension Quota.Depositor {
    init(party: Int64) { self = party == PartyRows.owner ? .ownDevice : .contact }
}

extension Deposit {
    init(_ deposit: WireDeposit) {
        self.init(
            targets: deposit.targets.map {
                Target(device: [UInt8]($0.mailbox), id: [UInt8]($0.envelopeID), header: [UInt8]($0.header))
            }, body: [UInt8](deposit.body))
    }
}

extension WireDeposited.Outcome {
    init(_ outcome: DepositOutcome) {
        self.init()
        switch outcome {
        case .stored: state = .stored
        case .duplicate: state = .duplicate
        case .refused(let reason):
            state = .refused
            refusal = NodeRequests.refused(reason).refusal
        }
    }
}
