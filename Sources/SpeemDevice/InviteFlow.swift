import SpeemCrypto
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

/// Makes invites: written down here, then known to the own node, then shown.
struct InviteFlow: Sendable {
    let state: DeviceState
    let connections: NodeConnections
    let clock: WallClock

    /// A new invite of this lifetime, in seconds: for a contact, or for a further device of the account.
    func make(_ kind: Invite.Kind, lifetime: Int64) async throws -> Invite {
        let secret = state.random.secret(Invite.secretLength)
        let expires = clock.seconds() + lifetime
        guard let home = try await state.listedNodes().first else { throw DeviceError.noNode }
        let now = clock.seconds()
        try await state.store.write { connection in
            try OwnInviteRows.clean(now: now, in: connection)
            _ = try OwnInviteRows.insert(secret: secret, kind: kind, isOwn: true, expires: expires, in: connection)
        }
        try await register(kind, secret: secret, lifetime: lifetime, expires: expires)
        let inviter = Invite.Inviter(
            account: state.account, head: try await state.roster().head, device: state.id)
        return Invite(
            purpose: kind == .link ? .link(inviter) : .contact(inviter), expires: UInt64(clamping: expires), node: home,
            secret: secret)
    }

    /// Tells the home node about an invite; asking twice is the same as asking once.
    func register(_ kind: Invite.Kind, secret: SecretBytes, lifetime: Int64, expires: Int64) async throws {
        let response = try await connections.home().request(
            .with {
                $0.inviteRegister = .init(
                    kind == .link ? .link : .contact, InviteKeys(secret: secret), lifetime: lifetime, expires: expires)
            })
        do {
            try response.requireNoRefusal()
        } catch let error as RefusalError {
            throw DeviceError.refused(error.description)
        }
    }
}
