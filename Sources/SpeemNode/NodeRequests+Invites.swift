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

/// Invites: registered by own devices and by those of contacts, redeemed once. The same key asking again gets the same
/// answer, so that a lost reply costs nothing; another key gets "used".
extension NodeRequests {
    /// By an own device: for a further device, or for somebody who becomes a contact.
    func registerInvite(
        _ register: WireInviteRegister, for device: DeviceID, by asker: NodeAccess.Entry
    ) async throws -> WireResponse {
        let kind: InviteKind
        switch register.kind {
        case .link: kind = .link
        case .contact: kind = .contact
        case .sibling, .unspecified, .UNRECOGNIZED:
            throw Refused(.inviteWrongKind, "a device of the owner makes link and contact invites")
        }
        let row = try NewInvite(register, kind: kind, maxLifetime: InviteRow.maxLifetime)
        let name = state.random.bytes(PartyRows.nameLength)
        return try await self.register(row, by: asker) { connection in
            guard try InviteRow.countOfOwner(in: connection) < InviteRow.maxCount else {
                throw Refused(.busy, "there are \(InviteRow.maxCount) invites already: wait until some expire")
            }
            let party = kind == .link ? PartyRows.owner : try PartyRows.id(of: name, in: connection)
            return (party, device, nil)
        }
    }

    /// By a contact's device: for another one of the same contact, which shares its part of the quota.
    func registerSibling(_ register: WireInviteRegister, by entry: NodeAccess.Entry) async throws -> WireResponse {
        guard register.kind == .sibling else {
            throw Refused(.inviteWrongKind, "a contact makes invites for its own devices only")
        }
        let row = try NewInvite(register, kind: .sibling, maxLifetime: InviteRow.maxSiblingLifetime)
        return try await self.register(row, by: entry, party: entry.party) { connection in
            let devices = try AccessRows.count(.contact, of: entry.party, in: connection)
            let siblings = try InviteRow.unspentSiblings(of: entry.party, in: connection)
            guard devices + siblings < InviteRow.maxSiblings else {
                throw Refused(.busy, "you have \(InviteRow.maxSiblings) devices and invites here already")
            }
            return (entry.party, nil, entry.initiatorKey)
        }
    }

    /// Throws when a grant was withdrawn while its request waited for its turn.
    static func requirePresent(_ entry: NodeAccess.Entry, in connection: Connection) throws {
        guard try AccessRows.find(entry.grant.id, in: connection) != nil else {
            throw Refused(.notAllowed, "the grant was withdrawn")
        }
    }

    /// What a registration asks for, once it is in order.
    private struct NewInvite: Sendable {
        let kind: InviteKind
        let key: [UInt8]
        let preSharedKey: SecretBytes
        let grantPreSharedKey: SecretBytes
        let lifetime: Int64
        let deadline: Int64

        init(_ register: WireInviteRegister, kind: InviteKind, maxLifetime: Int64) throws {
            let lifetime = Int64(clamping: register.lifetimeSeconds)
            guard lifetime > 0, lifetime <= maxLifetime else {
                throw Refused(.malformed, "such an invite lives for a second up to \(maxLifetime / 86_400) days")
            }
            self.kind = kind
            key = [UInt8](register.initiatorKey)
            preSharedKey = SecretBytes(register.preSharedKey)
            grantPreSharedKey = SecretBytes(register.grantPreSharedKey)
            self.lifetime = lifetime
            deadline = Int64(clamping: register.expiresUnixSeconds)
        }
    }

    /// - Parameters:
    ///   - party: whose the invite is, where that is known before.
    ///   - place: whether there is room for it, whose it is, and where it comes from; asked for a new one only.
    private func register(
        _ new: NewInvite, by asker: NodeAccess.Entry, party: Int64? = nil,
        place: @escaping @Sendable (Connection) throws -> (party: Int64, device: DeviceID?, origin: [UInt8]?)
    ) async throws -> WireResponse {
        try requireInService()
        let clock = state.clock
        let entry = try await state.write(by: asker) { connection -> NodeAccess.Entry? in
            if let known = try AccessRows.find(key: new.key, in: connection)?.entry {
                // Asked again after a lost reply.
                guard known.kind == .invite(new.kind), party == nil || known.party == party else {
                    throw Refused(.malformed, "an invite has a key of its own")
                }
                return nil
            }
            let (party, device, origin) = try place(connection)
            let entry = try AccessRows.insert(
                key: new.key, preSharedKey: new.preSharedKey, kind: .invite(new.kind), party: party, origin: origin,
                in: connection)
            try InviteRow.insert(
                access: entry.grant.id, device: device, grantPreSharedKey: new.grantPreSharedKey,
                lifetime: new.lifetime, deadline: new.deadline, clock: clock, in: connection)
            switch new.kind {
            case .link, .contact:
                try PrekeyRows.reserve(PrekeyRows.reservedPerInvite, for: entry.grant.id, in: connection)
            // It brings no message, and begins no session.
            case .sibling, .claim: break
            }
            return entry
        }
        if let entry { await apply(AccessChange(inserted: [entry])) }
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

    /// One commit: the grant of a contact's device, the first envelope, and "spent by this key". A link invite brings its
    /// envelope only: the grant comes from the inviter's device, when its person says yes.
    func redeem(_ redeem: WireRedeem, _ kind: InviteKind, _ peer: Peer) async throws -> WireResponse {
        try requireInService()
        let key = [UInt8](redeem.initiatorKey)
        let first = redeem.hasDeposit ? Deposit(redeem.deposit) : nil
        guard kind != .link || first != nil else { throw Refused(.malformed, "a new device asks to be linked") }
        let clock = state.clock
        let grant = peer.grant.id
        let access = state.access
        let result = try await state.write { [mailboxes = state.mailboxes] connection -> Redemption in
            guard let invite = try InviteRow.find(grant, in: connection),
                let oneTime = try AccessRows.find(grant, in: connection)?.entry
            else { throw Refused(.inviteExpired, "the invite has expired") }
            if let spentBy = invite.spentBy {
                guard ConstantTime.equal(spentBy, key) else { throw Refused(.inviteUsed, "the invite was used") }
                return Redemption(entry: nil, outcomes: [])
            }
            guard !invite.isExpired(clock) else { throw Refused(.inviteExpired, "the invite has expired") }
            guard try AccessRows.find(key: key, in: connection) == nil else {
                throw Refused(.malformed, "a newcomer has a key of its own at each node")
            }
            guard try !RevokedRows.contains(key, in: connection) else {
                throw Refused(.grantRevoked, "this key was withdrawn: make another")
            }
            let party = oneTime.party
            var entry: NodeAccess.Entry?
            if kind != .link {
                let made = try AccessRows.insert(
                    key: key, preSharedKey: invite.grantPreSharedKey, kind: .contact, party: party,
                    origin: oneTime.initiatorKey, in: connection)
                try PrekeyRows.reserve(PrekeyRows.reservedPerContact, for: made.grant.id, in: connection)
                entry = made
            }
            var outcomes: [DepositOutcome] = []
            if let first {
                outcomes = try mailboxes.deposit(
                    first, from: party, as: .init(party: party), contacts: access.contacts(with: party), clock: clock,
                    in: connection)
                // All of it or nothing: a grant without its request would be a contact that nobody knows.
                for case .refused(let refusal) in outcomes { throw Self.refused(refusal) }
            }
            try InviteRow.spend(grant, by: key, clock: clock, in: connection)
            return Redemption(entry: entry, outcomes: outcomes)
        }
        if let entry = result.entry {
            await apply(AccessChange(inserted: [entry]))
            state.logger.info("an invite was redeemed", metadata: ["grant": "\(entry.grant.id)"])
        }
        if let first { await announce(first, result.outcomes) }
        return .with { $0.redeemed = WireRedeemed() }
    }

    private struct Redemption: Sendable {
        let entry: NodeAccess.Entry?
        let outcomes: [DepositOutcome]
    }
}
