import SpeemCrypto
import SpeemIdentity
import SpeemStore
import SpeemTransport

/// The claim window: an unowned node shows a new invite at each start, and whoever takes it first owns the node.
enum ClaimInvite {
    /// Makes the invite; nil when the node is owned, or waits for the devices of an account.
    static func open(state: NodeState, addresses: [String], lifetime: Int64) async throws -> Invite? {
        guard state.account == nil, state.provision == nil else { return nil }
        let secret = state.random.secret(Invite.secretLength)
        let keys = InviteKeys(secret: secret)
        let clock = state.clock
        let change = try await state.write { connection throws -> (entry: NodeAccess.Entry, removed: [Int64]) in
            let removed = try InviteRow.deleteClaims(in: connection)
            let entry = try AccessRows.insert(
                key: keys.initiatorKey.publicKey.bytes, preSharedKey: keys.preSharedKey, kind: .invite(.claim),
                in: connection)
            try InviteRow.insert(
                access: entry.grant.id, device: nil, grantPreSharedKey: keys.grantPreSharedKey, lifetime: lifetime,
                deadline: 0,
                clock: clock, in: connection)
            return (entry, removed)
        }
        state.access.apply(AccessChange(inserted: [change.entry], removed: change.removed))
        let node = try NodeEntry(noise: state.noiseKey.publicKey, addresses: addresses)
        // The board's clock may be wrong, so the text names no time; the node counts the time that it runs.
        return Invite(purpose: .claim, expires: 0, node: node, secret: secret)
    }
}
