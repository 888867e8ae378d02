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

/// An unowned node finds its owner.
extension NodeRequests {
    /// One commit: the owner, its chain, the first device's grant and mailbox.
    func claim(_ claim: WireClaim, _ peer: Peer) async throws -> WireResponse {
        let key = [UInt8](claim.initiatorKey)
        let device = try DeviceID([UInt8](claim.device))
        let preSharedKey = SecretBytes(claim.preSharedKey)
        let recovery = claim.hasRecovery ? claim.recovery : nil
        guard recovery == nil || recovery?.kind == .recovery else {
            throw Refused(.malformed, "a claim brings a grant for recovery and no other")
        }
        let chain = claim.roster.map { [UInt8]($0) }
        let roster: Roster
        do {
            guard let first = chain.first else { throw IdentityError.malformed("an empty roster") }
            roster = try Roster(verifying: chain, account: try RosterEntry(first).account)
        } catch {
            throw Refused(.rosterRefused, "\(error)")
        }
        guard let listed = roster.device(device), roster.nodes.contains(where: { $0.noise == state.noiseKey.publicKey })
        else { throw Refused(.rosterRefused, "the roster does not list this device and this node") }
        let proof = ClaimProof(
            node: state.noiseKey.publicKey, head: roster.head, device: device, initiatorKey: key,
            preSharedKey: preSharedKey,
            recovery: recovery.map { ([UInt8]($0.initiatorKey), SecretBytes($0.preSharedKey)) })
        guard proof.isSigned([UInt8](claim.signature), by: listed) else {
            throw Refused(.notAllowed, "the claim is not signed by its device")
        }
        let clock = state.clock
        let grant = peer.grant.id
        let change = try await state.write { [mailboxes = state.mailboxes] connection -> AccessChange in
            guard let invite = try InviteRow.find(grant, in: connection) else {
                throw Refused(.alreadyOwned, "the node belongs to somebody")
            }
            if let spentBy = invite.spentBy {
                guard ConstantTime.equal(spentBy, key) else {
                    throw Refused(.alreadyOwned, "the node belongs to somebody")
                }
                return AccessChange()
            }
            guard !invite.isExpired(clock) else { throw Refused(.inviteExpired, "the invite has expired") }
            let account = try connection.first("SELECT account FROM node") { row throws(StoreError) in
                try row.optionalBlob(0)
            }
            guard account == .some(.none) else { throw Refused(.alreadyOwned, "the node belongs to somebody") }
            // Whoever has read the file can knock; only the account it names is let in.
            if let provision = try NodeProvision.find(in: connection), provision.account != roster.account {
                throw Refused(.alreadyOwned, "the node waits for another account")
            }
            try NodeProvision.delete(in: connection)
            try connection.execute("UPDATE node SET account = ?", .blob(roster.account.bytes))
            for entry in roster.entries { try RosterRows.insert(entry, in: connection) }
            let entry = try AccessRows.insert(
                key: key, preSharedKey: preSharedKey, kind: .ownDevice(device), in: connection)
            var change = AccessChange(inserted: [entry])
            if let recovery {
                guard try AccessRows.find(key: [UInt8](recovery.initiatorKey), in: connection) == nil else {
                    throw Refused(.malformed, "the recovery words have a key of their own")
                }
                change.inserted.append(
                    try AccessRows.insert(
                        key: [UInt8](recovery.initiatorKey), preSharedKey: SecretBytes(recovery.preSharedKey),
                        kind: .recovery, in: connection))
            }
            // Also of those whose grants come later: what is for them waits.
            for device in roster.devices { try mailboxes.open(device: device.id.bytes, in: connection) }
            try InviteRow.spend(grant, by: key, clock: clock, in: connection)
            change.removed = try InviteRow.deleteClaims(in: connection)
            return change
        }
        if !change.inserted.isEmpty {
            let wasPromised = state.provision != nil
            state.claimed(by: roster.account)
            discovery.announce()
            state.access.apply(change)
            await networkClaim?.close()
            if wasPromised {
                state.logger.notice(
                    "the node was claimed by the account that its file has promised it to; the secret in the file is worthless now: delete the lines of [provision]"
                )
            } else {
                state.logger.notice("the node was claimed")
            }
        }
        return .with { $0.claimed = .with { $0.nodeEpoch = Data(state.epoch) } }
    }

    /// Which key is the node's own, and where it is: for whoever has come under the key of a provision.
    func identify() throws -> WireResponse {
        let node = try NodeEntry(noise: state.noiseKey.publicKey, addresses: server.addresses)
        return .with { $0.nodeIdentity = .with { $0.node = Data(node.encoded) } }
    }
}
