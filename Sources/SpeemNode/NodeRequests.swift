import Logging
import SpeemCrypto
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

/// Answers the requests of peers: who may ask what, and where it goes.
struct NodeRequests: PeerHandler {
    let state: NodeState
    let subscriptions: Subscriptions
    let allClears: AllClears
    let forwarder: Forwarder
    let discovery: NodeDiscovery
    /// nil where the configuration wants none.
    let networkClaim: NetworkClaim?
    /// What opens the store, for whoever asks how the node is.
    let keySource: String
    /// Set once the server listens: closing connections of revoked grants, and counting them.
    let server: ServerReference
    let guests = GuestLoad()

    func opened(_ peer: Peer) async {
        state.logger.debug("grant \(peer.grant.id) connected", metadata: ["connection": "\(peer.connection)"])
        if let entry = state.access.entry(of: peer.grant), await allClears.isWaiting(entry.party) { peer.stayOpen() }
    }

    func closed(_ peer: Peer) async {
        await subscriptions.unsubscribe(peer)
        state.logger.debug("grant \(peer.grant.id) disconnected", metadata: ["connection": "\(peer.connection)"])
    }

    func handle(_ request: WireRequest, from peer: Peer) async -> WireResponse {
        guard let entry = state.access.entry(of: peer.grant) else {
            peer.close(.revoked)
            return .refusal(.notAllowed, "the grant was withdrawn")
        }
        let held = entry.kind.isOfOwner ? nil : request.heldBytes
        if let held, !guests.enter(held) { return Self.busy }
        defer { if let held { guests.leave(held) } }
        do {
            let response =
                switch entry.kind {
                case .ownDevice(let device): try await answer(request, ownDevice: device, entry, peer)
                case .contact: try await answer(request, contact: entry, peer)
                case .route: try await answer(request, route: entry, peer)
                case .recovery: try await answer(request, recovery: entry)
                case .invite(let kind): try await answer(request, invite: kind, peer)
                case .oldCopy: WireResponse.oldCopy
                }
            // Also when it was done before: what had kept it from the disk may be over.
            if request.changesAccess { try await state.settleMachine() }
            return response
        } catch let refusal as Refused {
            return .with { $0.refusal = refusal.refusal }
        } catch let error as StoreError {
            return refusal(for: error)
        } catch {
            state.logger.error("a request failed: \(error)")
            return .refusal(.internal, "the node could not do it")
        }
    }

    private func refusal(for error: StoreError) -> WireResponse {
        switch error {
        case .diskFull:
            state.logger.error("\(error)")
            return .refusal(.diskFull, "the node's disk is full", retryAfterMilliseconds: 20_000)
        case .busy: return Self.busy
        default:
            state.logger.error("\(error)")
            return .refusal(.internal, "the node's store failed")
        }
    }

    private static let busy = WireResponse.refusal(.busy, "too much at once", retryAfterMilliseconds: 500)

    // MARK: Who may ask what

    private func answer(
        _ request: WireRequest, ownDevice device: DeviceID, _ entry: NodeAccess.Entry, _ peer: Peer
    ) async throws -> WireResponse {
        switch request.kind {
        case .deposit(let deposit): try await self.deposit(deposit, peer, entry)
        case .drain(let drain): try await self.drain(drain, device, peer)
        case .acknowledge(let acknowledge): try await self.acknowledge(acknowledge, device)
        case .rosterFetch(let fetch): try await fetchRoster(fetch)
        case .rosterAppend(let append): try await appendRoster(append, by: entry)
        case .prekeyUpload(let upload): try await uploadPrekeys(upload, device, by: entry)
        case .prekeyTake(let take): try await takePrekeys(take, peer)
        case .inviteRegister(let register): try await registerInvite(register, for: device, by: entry)
        case .nodeStatus: try await status(device)
        case .grantRevoke(let revoke): try await revokeGrant(revoke, by: entry)
        case .grantList(let list): try await listGrants(list)
        case .grantPut(let put): try await putGrants(put, by: entry)
        case .nodeReset(let reset): try await resetNode(reset, by: entry)
        case .ping: .with { $0.pong = WirePong() }
        case .claim(let claim): try await self.claim(claim, peer)
        case .routeAdd(let add): try await addRoute(add, by: entry)
        case .routeRemove(let remove): try await removeRoute(remove, by: entry)
        case .outboxPut(let put): try await putIntoOutbox(put, device, by: entry)
        case .outboxList(let list): try await listOutbox(list, device)
        case .outboxAcknowledge(let acknowledge): try await acknowledgeOutbox(acknowledge, device)
        case .discoverySet(let set): try await setDiscoveryKey(set)
        // The store is open, so there is nothing to unlock: whoever asked twice is told so.
        case .unlockStart: .with { $0.unlockInfo = WireUnlockInfo() }
        case .unlock: .with { $0.unlocked = WireUnlocked() }
        case .redeem, .routeRegister, .nodeIdentify, nil: notAllowed
        }
    }

    private func answer(
        _ request: WireRequest, contact entry: NodeAccess.Entry, _ peer: Peer
    ) async throws -> WireResponse {
        switch request.kind {
        case .deposit(let deposit): try await self.deposit(deposit, peer, entry)
        case .rosterFetch(let fetch): try await fetchRoster(fetch)
        case .prekeyTake(let take): try await takePrekeys(take, peer)
        case .inviteRegister(let register): try await registerSibling(register, by: entry)
        case .routeRegister(let register): try await registerRoute(register, by: entry)
        case .ping: .with { $0.pong = WirePong() }
        case .drain, .acknowledge, .rosterAppend, .prekeyUpload, .redeem, .claim, .nodeStatus, .grantRevoke,
            .grantList, .grantPut, .nodeReset, .routeAdd, .routeRemove, .outboxPut, .outboxList,
            .outboxAcknowledge, .discoverySet, .nodeIdentify, .unlockStart, .unlock, nil:
            notAllowed
        }
    }

    private func answer(
        _ request: WireRequest, route entry: NodeAccess.Entry, _ peer: Peer
    ) async throws -> WireResponse {
        switch request.kind {
        case .deposit(let deposit): try await self.deposit(deposit, peer, entry)
        case .ping: .with { $0.pong = WirePong() }
        case .drain, .acknowledge, .rosterFetch, .rosterAppend, .prekeyUpload, .prekeyTake, .inviteRegister, .redeem,
            .claim, .nodeStatus, .grantRevoke, .grantList, .grantPut, .nodeReset, .routeRegister, .routeAdd,
            .routeRemove, .outboxPut, .outboxList, .outboxAcknowledge, .discoverySet, .nodeIdentify, .unlockStart,
            .unlock, nil:
            notAllowed
        }
    }

    private func answer(_ request: WireRequest, recovery entry: NodeAccess.Entry) async throws -> WireResponse {
        switch request.kind {
        case .rosterFetch(let fetch): try await fetchRoster(fetch)
        case .rosterAppend(let append): try await appendRoster(append, by: entry)
        case .ping: .with { $0.pong = WirePong() }
        case .deposit, .drain, .acknowledge, .prekeyUpload, .prekeyTake, .inviteRegister, .redeem, .claim,
            .nodeStatus, .grantRevoke, .grantList, .grantPut, .nodeReset, .routeRegister, .routeAdd, .routeRemove,
            .outboxPut, .outboxList, .outboxAcknowledge, .discoverySet, .nodeIdentify, .unlockStart, .unlock, nil:
            notAllowed
        }
    }

    private func answer(_ request: WireRequest, invite kind: InviteKind, _ peer: Peer) async throws -> WireResponse {
        switch (kind, request.kind) {
        case (.claim, .claim(let claim)): return try await self.claim(claim, peer)
        case (.claim, .nodeIdentify): return try identify()
        case (.contact, .redeem(let redeem)), (.link, .redeem(let redeem)), (.sibling, .redeem(let redeem)):
            return try await self.redeem(redeem, kind, peer)
        case (.contact, .rosterFetch(let fetch)), (.link, .rosterFetch(let fetch)),
            (.sibling, .rosterFetch(let fetch)):
            return try await fetchRoster(fetch)
        case (.contact, .prekeyTake(let take)), (.link, .prekeyTake(let take)):
            try await requireUnspent(peer)
            return try await takePrekeys(take, peer)
        case (_, .ping): return .with { $0.pong = WirePong() }
        case (_, .redeem), (_, .claim): return .refusal(.inviteWrongKind, "this invite is for something else")
        default: return notAllowed
        }
    }

    private var notAllowed: WireResponse { .refusal(.notAllowed, "this grant does not allow that") }

    /// For what a node takes in: a retired one serves what it has, and sends everybody else to the roster.
    func requireInService() throws {
        guard !state.isRetired else {
            throw Refused(.nodeRetired, "this node is not one of the account's any more: fetch the roster")
        }
    }

    /// After a commit: the table in memory follows, and connections whose grant is gone are closed.
    func apply(_ change: AccessChange, closing reason: WireClose.Reason = .revoked) async {
        state.access.apply(change)
        server.close(change.removed, reason)
        // Fewer contacts have larger shares, and mailboxes may be gone.
        if !change.removed.isEmpty { await allClears.spaceFreed() }
        if change.inserted.contains(where: { $0.kind.isOfContact }) { await subscriptions.grantsChanged() }
    }
}

extension WireResponse {
    /// For whoever comes with the keys of a device that a backup was made a new one of.
    static let oldCopy = refusal(.oldCopy, "this device was restored from a backup elsewhere: this is an old copy")
}

extension WireRequest {
    /// Whether it may change what a locked node must know (``MachineRecord``).
    fileprivate var changesAccess: Bool {
        switch kind {
        case .claim, .redeem, .rosterAppend, .inviteRegister, .grantRevoke, .grantPut, .nodeReset, .routeRegister,
            .discoverySet:
            true
        case .deposit, .drain, .acknowledge, .rosterFetch, .prekeyUpload, .prekeyTake, .nodeStatus, .ping, .grantList,
            .routeAdd, .routeRemove, .outboxPut, .outboxList, .outboxAcknowledge, .nodeIdentify, .unlockStart,
            .unlock, nil:
            false
        }
    }
}

/// A refusal on its way out of a transaction, which is then undone.
struct Refused: Error {
    let refusal: WireRefusal

    init(_ code: WireRefusal.Code, _ words: String, retryAfterMilliseconds: UInt32 = 0, head: RosterHead? = nil) {
        refusal = WireRefusal(
            code, words, retryAfterMilliseconds: retryAfterMilliseconds, head: head.map { Data($0.bytes) } ?? Data())
    }
}
