import Foundation
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemNode

/// Who may ask what.
struct GrantTests {
    private static let requests: [(name: String, request: WireRequest)] = [
        ("deposit", .with { $0.deposit = deposit(9, Data(count: 16)) }),
        ("drain", .with { $0.drain = WireDrain() }),
        ("acknowledge", .with { $0.acknowledge = WireAcknowledge() }),
        ("rosterFetch", .with { $0.rosterFetch = WireRosterFetch() }),
        ("rosterAppend", .with { $0.rosterAppend = .with { $0.entries = [Data([1])] } }),
        ("prekeyUpload", upload(pairs: 1)),
        ("prekeyTake", .with { $0.prekeyTake = .with { $0.device = Data(count: 16) } }),
        ("inviteRegister", register(InviteKeys(secret: random.secret(16)))),
        ("redeem", redeem(X25519.PrivateKey(random: random), nil)),
        ("nodeStatus", .with { $0.nodeStatus = WireNodeStatus() }),
        ("ping", .with { $0.ping = WirePing() }),
        ("grantRevoke", .with { $0.grantRevoke = .with { $0.initiatorKey = Data(count: 32) } }),
        ("grantList", .with { $0.grantList = WireGrantList() }),
        ("grantPut", .with { $0.grantPut = WireGrantPut() }),
        ("nodeReset", .with { $0.nodeReset = .with { $0.nodeEpoch = Data(count: 16) } }),
        ("routeRegister", registerRoute(X25519.PrivateKey(random: random))),
    ]

    private func allowed(_ connection: ClientConnection) async throws -> Set<String> {
        var result: Set<String> = []
        for (name, request) in Self.requests {
            let code = try await connection.request(request).refusal.code
            if code != .notAllowed && code != .inviteWrongKind { result.insert(name) }
        }
        return result
    }

    @Test func eachKindMayDoItsOwn() async throws {
        let node = TestNode()
        try await node.run { announcement in
            let invite = try #require(announcement.claim)
            let claimKeys = InviteKeys(secret: invite.secret)
            let claiming = try await connect(
                announcement.addresses[0], node: invite.node.noise, key: claimKeys.initiatorKey,
                preSharedKey: claimKeys.preSharedKey)
            #expect(try await allowed(claiming) == ["ping"])
            let owner = TestOwner()
            let device = try await own(announcement, owner)
            #expect(
                try await allowed(device) == Set(Self.requests.map(\.name)).subtracting(["redeem", "routeRegister"]))

            let keys = InviteKeys(secret: random.secret(16))
            #expect(try await device.request(register(keys)).inviteRegistered == WireInviteRegistered())
            let oneTime = try await connect(
                announcement.addresses[0], node: invite.node.noise, key: keys.initiatorKey,
                preSharedKey: keys.preSharedKey)
            #expect(try await allowed(oneTime) == ["rosterFetch", "prekeyTake", "redeem", "ping"])
            // The matrix has redeemed it; the key that it named is not ours, so another invite makes the contact.
            let second = InviteKeys(secret: random.secret(16))
            _ = try await device.request(register(second))
            let other = try await connect(
                announcement.addresses[0], node: invite.node.noise, key: second.initiatorKey,
                preSharedKey: second.preSharedKey)
            let permanent = X25519.PrivateKey(random: random)
            #expect(try await other.request(redeem(permanent, deposit(1, owner.id))).redeemed == WireRedeemed())
            let contact = try await connect(
                announcement.addresses[0], node: invite.node.noise, key: permanent,
                preSharedKey: second.grantPreSharedKey)
            #expect(try await allowed(contact) == ["deposit", "rosterFetch", "prekeyTake", "ping", "routeRegister"])
            let routeKey = X25519.PrivateKey(random: random)
            #expect(try await contact.request(registerRoute(routeKey)).routeRegistered == WireRouteRegistered())
            let route = try await connect(
                announcement.addresses[0], node: invite.node.noise, key: routeKey, preSharedKey: routePreSharedKey)
            #expect(try await allowed(route) == ["deposit", "ping"])

            for kind in [.link, .sibling] as [WireInviteRegister.Kind] {
                let keys = InviteKeys(secret: random.secret(16))
                let asker = kind == .link ? device : contact
                #expect(try await asker.request(register(keys, kind: kind)).inviteRegistered == .init())
                let holder = try await connect(
                    announcement.addresses[0], node: invite.node.noise, key: keys.initiatorKey,
                    preSharedKey: keys.preSharedKey)
                let expected: Set<String> = ["rosterFetch", "redeem", "ping"]
                #expect(try await allowed(holder) == (kind == .link ? expected.union(["prekeyTake"]) : expected))
            }

            // Revoked: told, closed, and a stranger from then on.
            let revoked = try await device.request(
                .with { $0.grantRevoke = .with { $0.initiatorKey = Data(permanent.publicKey.bytes) } })
            #expect(revoked.grantRevoked.existed)
            for await _ in contact.pushes {}
            await #expect(throws: TransportError.refused(address: announcement.addresses[0])) {
                _ = try await connect(
                    announcement.addresses[0], node: invite.node.noise, key: permanent,
                    preSharedKey: second.grantPreSharedKey)
            }
            // A device is not withdrawn like that.
            let own = try await device.request(
                .with { $0.grantRevoke = .with { $0.initiatorKey = Data(owner.key.publicKey.bytes) } })
            #expect(own.refusal.code == .notAllowed)
        }
    }

    @Test func invitesAreSpentOnceAndRemembered() async throws {
        let node = TestNode()
        try await node.run { announcement in
            let owner = TestOwner()
            let device = try await own(announcement, owner)
            let nodeKey = try #require(announcement.claim).node.noise
            let keys = InviteKeys(secret: random.secret(16))
            _ = try await device.request(register(keys))
            #expect(try await device.request(register(keys)).inviteRegistered == WireInviteRegistered())
            let oneTime = try await connect(
                announcement.addresses[0], node: nodeKey, key: keys.initiatorKey, preSharedKey: keys.preSharedKey)
            let mine = X25519.PrivateKey(random: random)
            #expect(try await oneTime.request(redeem(mine, deposit(1, owner.id))).redeemed == WireRedeemed())
            // The reply was lost: the same key gets the same answer, and nothing is doubled.
            #expect(try await oneTime.request(redeem(mine, deposit(1, owner.id))).redeemed == WireRedeemed())
            let theirs = X25519.PrivateKey(random: random)
            #expect(try await oneTime.request(redeem(theirs, deposit(2, owner.id))).refusal.code == .inviteUsed)
            let take = WireRequest.with { $0.prekeyTake = .with { $0.device = owner.id } }
            #expect(try await oneTime.request(take).refusal.code == .inviteUsed)
            let drained = try await device.request(.with { $0.drain = WireDrain() }).drained
            #expect(drained.envelopes.map(\.envelopeID) == [Data(repeating: 1, count: 32)])
        }
    }

    @Test func aRefusedDepositSpendsNothing() async throws {
        let node = TestNode()
        try await node.run { announcement in
            let owner = TestOwner()
            let device = try await own(announcement, owner)
            let nodeKey = try #require(announcement.claim).node.noise
            let keys = InviteKeys(secret: random.secret(16))
            _ = try await device.request(register(keys))
            let oneTime = try await connect(
                announcement.addresses[0], node: nodeKey, key: keys.initiatorKey, preSharedKey: keys.preSharedKey)
            let key = X25519.PrivateKey(random: random)
            let nowhere = try await oneTime.request(redeem(key, deposit(1, Data(count: 16))))
            #expect(nowhere.refusal.code == .unknownMailbox)
            // Half of it would be a grant without its envelope: nothing of it is kept.
            let other = X25519.PrivateKey(random: random)
            #expect(try await oneTime.request(redeem(other, deposit(1, owner.id))).redeemed == WireRedeemed())
        }
    }

    @Test func invitesExpireByEitherClock() async throws {
        let node = TestNode()
        let clock = node.clock
        try await node.run { announcement in
            let owner = TestOwner()
            let device = try await own(announcement, owner)
            let nodeKey = try #require(announcement.claim).node.noise
            let keys = InviteKeys(secret: random.secret(16))
            _ = try await device.request(register(keys, lifetime: 100))
            clock.advance(100)
            let oneTime = try await connect(
                announcement.addresses[0], node: nodeKey, key: keys.initiatorKey, preSharedKey: keys.preSharedKey)
            let key = X25519.PrivateKey(random: random)
            #expect(try await oneTime.request(redeem(key, deposit(1, owner.id))).refusal.code == .inviteExpired)
            for bad in [0, UInt64.max, 40_000_000] as [UInt64] {
                let refused = try await device.request(register(InviteKeys(secret: random.secret(16)), lifetime: bad))
                #expect(refused.refusal.code == .malformed)
            }
            for kind in [.sibling, .unspecified, .UNRECOGNIZED(9)] as [WireInviteRegister.Kind] {
                let refused = try await device.request(register(InviteKeys(secret: random.secret(16)), kind: kind))
                #expect(refused.refusal.code == .inviteWrongKind)
            }
        }
    }
}
