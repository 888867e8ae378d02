import Logging
import SpeemCrypto
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Answers the requests of peers while the store is locked: deposits, and those of an owner's device that unlock it.
struct LockedRequests: PeerHandler {
    let access: NodeAccess
    let intake: LockedIntake
    let lock: NodeLock
    /// What an owner's device shows before it unlocks.
    let info: @Sendable () -> WireUnlockInfo
    let logger: Logger
    let guests = GuestLoad()

    /// When to come back: whoever waits does so with growing pauses of its own.
    private static let retry: UInt32 = 60_000
    private static let busy = WireResponse.refusal(.busy, "too much at once", retryAfterMilliseconds: 500)

    func opened(_ peer: Peer) async {}
    func closed(_ peer: Peer) async {}

    func handle(_ request: WireRequest, from peer: Peer) async -> WireResponse {
        guard let entry = access.entry(of: peer.grant) else { return notAllowed }
        switch entry.kind {
        case .ownDevice: return await answer(request, ownDevice: entry)
        case .contact, .route:
            let held = request.heldBytes
            guard guests.enter(held) else { return Self.busy }
            defer { guests.leave(held) }
            return await answer(request, contact: entry)
        case .recovery, .invite: return answer(request)
        case .oldCopy: return .oldCopy
        }
    }

    private func answer(_ request: WireRequest, ownDevice entry: NodeAccess.Entry) async -> WireResponse {
        switch request.kind {
        case .deposit(let deposit): await intake.deposit(deposit, from: entry)
        case .unlockStart: .with { $0.unlockInfo = info() }
        case .unlock(let unlock): await self.unlock(SecretBytes(unlock.dataKey))
        case .ping: .with { $0.pong = WirePong() }
        case .drain, .acknowledge, .rosterFetch, .rosterAppend, .prekeyUpload, .prekeyTake, .inviteRegister, .redeem,
            .claim, .nodeStatus, .grantRevoke, .grantList, .grantPut, .nodeReset, .routeRegister, .routeAdd,
            .routeRemove, .outboxPut, .outboxList, .outboxAcknowledge, .discoverySet, .nodeIdentify, nil:
            locked
        }
    }

    private func answer(_ request: WireRequest, contact entry: NodeAccess.Entry) async -> WireResponse {
        switch request.kind {
        case .deposit(let deposit): await intake.deposit(deposit, from: entry)
        case .ping: .with { $0.pong = WirePong() }
        case .unlockStart, .unlock: notAllowed
        case .drain, .acknowledge, .rosterFetch, .rosterAppend, .prekeyUpload, .prekeyTake, .inviteRegister, .redeem,
            .claim, .nodeStatus, .grantRevoke, .grantList, .grantPut, .nodeReset, .routeRegister, .routeAdd,
            .routeRemove, .outboxPut, .outboxList, .outboxAcknowledge, .discoverySet, .nodeIdentify, nil:
            locked
        }
    }

    /// Of one who deposits nothing.
    private func answer(_ request: WireRequest) -> WireResponse {
        switch request.kind {
        case .ping: .with { $0.pong = WirePong() }
        case .unlockStart, .unlock, .deposit: notAllowed
        case .drain, .acknowledge, .rosterFetch, .rosterAppend, .prekeyUpload, .prekeyTake, .inviteRegister, .redeem,
            .claim, .nodeStatus, .grantRevoke, .grantList, .grantPut, .nodeReset, .routeRegister, .routeAdd,
            .routeRemove, .outboxPut, .outboxList, .outboxAcknowledge, .discoverySet, .nodeIdentify, nil:
            locked
        }
    }

    private var locked: WireResponse {
        .refusal(
            .locked, "the node has started and waits for its owner to unlock it", retryAfterMilliseconds: Self.retry)
    }

    private var notAllowed: WireResponse { .refusal(.notAllowed, "this grant does not allow that") }

    private func unlock(_ key: SecretBytes) async -> WireResponse {
        do throws(NodeLock.Refusal) {
            try await lock.open(with: key)
            logger.notice("an own device has unlocked the node")
            return .with { $0.unlocked = WireUnlocked() }
        } catch {
            switch error {
            case .wrongKey: return .refusal(.notAllowed, "\(error)")
            case .tooMany(let seconds):
                return .refusal(.busy, "\(error)", retryAfterMilliseconds: UInt32(clamping: seconds * 1000))
            case .opening: return .refusal(.busy, "\(error)", retryAfterMilliseconds: 2000)
            case .store: return .refusal(.internal, "\(error)")
            }
        }
    }
}
