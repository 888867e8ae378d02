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

/// Makes contact invites: written down here, then known to the own node, then shown.
struct InviteFlow: Sendable {
    let state: DeviceState
    let connections: NodeConnections
    let clock: WallClock

    /// A new contact invite of this lifetime, in seconds.
    func make(lifetime: Int64) async throws -> Invite {
        let secret = state.random.secret(Invite.secretLength)
        let expires = clock.seconds() + lifetime
        let roster = try await state.roster()
        guard let home = roster.nodes.first else { throw DeviceError.noNode }
        let now = clock.seconds()
        try await state.store.write { connection in
            try OwnInviteRows.clean(now: now, in: connection)
            _ = try OwnInviteRows.insert(secret: secret, isOwn: true, expires: expires, in: connection)
        }
        try await register(secret: secret, lifetime: lifetime, expires: expires)
        return Invite(
            purpose: .contact(.init(account: state.account, head: roster.head, device: state.id)),
            expires: UInt64(clamping: expires),
            node: home, secret: secret)
    }

    /// Tells the own node about an invite; asking twice is the same as asking once.
    func register(secret: SecretBytes, lifetime: Int64, expires: Int64) async throws {
        guard let node = try await state.store.read({ try OwnNode.find(in: $0) }), node.isClaimed else {
            throw DeviceError.noNode
        }
        let keys = InviteKeys(secret: secret)
        let response = try await connections.request(
            .with {
                $0.inviteRegister = .with {
                    $0.kind = .contact
                    $0.initiatorKey = Data(keys.initiatorKey.publicKey.bytes)
                    $0.preSharedKey = Data(keys.preSharedKey.exposedCopy())
                    $0.grantPreSharedKey = Data(keys.grantPreSharedKey.exposedCopy())
                    $0.lifetimeSeconds = UInt64(clamping: lifetime)
                    $0.expiresUnixSeconds = UInt64(clamping: expires)
                }
            }, over: node.initiator)
        do {
            try response.requireNoRefusal()
        } catch let error as RefusalError {
            throw DeviceError.refused(error.description)
        }
    }
}
