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

/// Invites: registered by own devices, redeemed once. The same key asking again gets the same answer, so that a lost
/// reply costs nothing; another key gets "used".
extension NodeRequests {
    func registerInvite(_ register: WireInviteRegister) async throws -> WireResponse {
        guard register.kind == .contact else {
            throw Refused(.inviteWrongKind, "only contact invites can be registered")
        }
        let lifetime = Int64(clamping: register.lifetimeSeconds)
        guard lifetime > 0, lifetime <= InviteRow.maxLifetime else {
            throw Refused(.malformed, "an invite lives for a second up to \(InviteRow.maxLifetime / 86_400) days")
        }
        let key = [UInt8](register.initiatorKey)
        let preSharedKey = SecretBytes(register.preSharedKey)
        let grantPreSharedKey = SecretBytes(register.grantPreSharedKey)
        let deadline = Int64(clamping: register.expiresUnixSeconds)
        let clock = state.clock
        let entry = try await state.write { connection -> NodeAccess.Entry? in
            // Asked again after a lost reply.
            guard try !AccessRows.exists(key: key, in: connection) else { return nil }
            guard try InviteRow.count(in: connection) < InviteRow.maxCount else {
                throw Refused(.busy, "there are \(InviteRow.maxCount) invites already: wait until some expire")
            }
            let entry = try AccessRows.insert(
                key: key, preSharedKey: preSharedKey, kind: .invite(.contact), in: connection)
            try InviteRow.insert(
                access: entry.grant.id, grantPreSharedKey: grantPreSharedKey, lifetime: lifetime, deadline: deadline,
                clock: clock, in: connection)
            for device in try PrekeyRows.devices(in: connection) {
                try PrekeyRows.reserve(
                    PrekeyRows.reservedPerInvite, for: entry.grant.id, device: device, in: connection)
            }
            return entry
        }
        if let entry { state.access.insert([entry]) }
        return .with { $0.inviteRegistered = WireInviteRegistered() }
    }

    /// Throws for an invite that was used or has expired.
    func requireUnspent(_ peer: Peer) async throws {
        let clock = state.clock
        let grant = peer.grant.id
        let invite = try await state.store.read { try InviteRow.find(grant, in: $0) }
        guard let invite else { throw Refused(.inviteExpired, "the invite has expired") }
        guard invite.spentBy == nil else { throw Refused(.inviteUsed, "the invite was used") }
        guard !invite.isExpired(clock) else { throw Refused(.inviteExpired, "the invite has expired") }
    }

    /// One commit: the contact's grant, its first envelope, and "spent by this key".
    func redeem(_ redeem: WireRedeem, _ peer: Peer) async throws -> WireResponse {
        let key = [UInt8](redeem.initiatorKey)
        let first = redeem.hasDeposit ? Deposit(redeem.deposit) : nil
        let clock = state.clock
        let grant = peer.grant.id
        let contacts = state.access.contacts + 1
        let entry = try await state.write { [mailboxes = state.mailboxes] connection -> NodeAccess.Entry? in
            guard let invite = try InviteRow.find(grant, in: connection) else {
                throw Refused(.inviteExpired, "the invite has expired")
            }
            if let spentBy = invite.spentBy {
                guard ConstantTime.equal(spentBy, key) else { throw Refused(.inviteUsed, "the invite was used") }
                return nil
            }
            guard !invite.isExpired(clock) else { throw Refused(.inviteExpired, "the invite has expired") }
            guard try !AccessRows.exists(key: key, in: connection) else {
                throw Refused(.malformed, "a contact has a key of its own at each node")
            }
            let entry = try AccessRows.insert(
                key: key, preSharedKey: invite.grantPreSharedKey, kind: .contact, in: connection)
            for device in try PrekeyRows.devices(in: connection) {
                try PrekeyRows.reserve(
                    PrekeyRows.reservedPerContact, for: entry.grant.id, device: device, in: connection)
            }
            if let first {
                let outcomes = try mailboxes.deposit(
                    first, from: entry.grant.id, as: .contact, contacts: contacts, clock: clock, in: connection)
                // All of it or nothing: a grant without its request would be a contact that nobody knows.
                for case .refused(let refusal) in outcomes { throw Self.refused(refusal) }
            }
            try InviteRow.spend(grant, by: key, clock: clock, in: connection)
            return entry
        }
        if let entry {
            state.access.insert([entry])
            state.logger.info("a contact invite was redeemed", metadata: ["grant": "\(entry.grant.id)"])
        }
        for target in first?.targets ?? [] {
            if let device = try? DeviceID(target.device) { await subscriptions.deposited(for: device) }
        }
        return .with { $0.redeemed = WireRedeemed() }
    }

    /// One commit: the owner, its chain, the first device's grant and mailbox.
    func claim(_ claim: WireClaim, _ peer: Peer) async throws -> WireResponse {
        let key = [UInt8](claim.initiatorKey)
        let device = try DeviceID([UInt8](claim.device))
        let preSharedKey = SecretBytes(claim.preSharedKey)
        let chain = claim.roster.map { [UInt8]($0) }
        let roster: Roster
        do {
            guard let first = chain.first else { throw IdentityError.malformed("an empty roster") }
            roster = try Roster(verifying: chain, account: try RosterEntry(first).account)
        } catch {
            throw Refused(.rosterRefused, "\(error)")
        }
        guard roster.device(device) != nil, roster.nodes.contains(where: { $0.noise == state.noiseKey.publicKey })
        else { throw Refused(.rosterRefused, "the roster does not list this device and this node") }
        let clock = state.clock
        let grant = peer.grant.id
        let result = try await state.write { [mailboxes = state.mailboxes] connection -> ClaimResult in
            guard let invite = try InviteRow.find(grant, in: connection) else {
                throw Refused(.alreadyOwned, "the node belongs to somebody")
            }
            if let spentBy = invite.spentBy {
                guard ConstantTime.equal(spentBy, key) else {
                    throw Refused(.alreadyOwned, "the node belongs to somebody")
                }
                return ClaimResult(entry: nil, removed: [])
            }
            guard !invite.isExpired(clock) else { throw Refused(.inviteExpired, "the invite has expired") }
            let account = try connection.first("SELECT account FROM node") { row throws(StoreError) in
                try row.optionalBlob(0)
            }
            guard account == .some(.none) else { throw Refused(.alreadyOwned, "the node belongs to somebody") }
            try connection.execute("UPDATE node SET account = ?", .blob(roster.account.bytes))
            for entry in roster.entries { try RosterRows.insert(entry, in: connection) }
            let entry = try AccessRows.insert(
                key: key, preSharedKey: preSharedKey, kind: .ownDevice(device), in: connection)
            try mailboxes.open(device: device.bytes, in: connection)
            try InviteRow.spend(grant, by: key, clock: clock, in: connection)
            return ClaimResult(entry: entry, removed: try InviteRow.deleteClaims(in: connection))
        }
        if let entry = result.entry {
            state.claimed(by: roster.account)
            state.access.remove(result.removed)
            state.access.insert([entry])
            state.logger.notice("the node was claimed")
        }
        return .with { $0.claimed = .with { $0.nodeEpoch = Data(state.epoch) } }
    }

    private struct ClaimResult: Sendable {
        let entry: NodeAccess.Entry?
        let removed: [Int64]
    }

    func revokeGrant(_ revoke: WireGrantRevoke) async throws -> WireResponse {
        let key = [UInt8](revoke.initiatorKey)
        guard let entry = state.access.entry(for: key) else {
            return .with { $0.grantRevoked = .with { $0.existed = false } }
        }
        if case .ownDevice = entry.kind {
            throw Refused(.notAllowed, "a device is removed through the roster")
        }
        let id = entry.grant.id
        try await state.write(grows: false) { try AccessRows.delete(id, in: $0) }
        state.access.remove([id])
        server.closeRevoked([id])
        return .with { $0.grantRevoked = .with { $0.existed = true } }
    }
}
