import Foundation
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemTransport
import Testing

@testable import SpeemNode
import SwiftProtobuf

struct ClaimTests {
    @Test func theFirstDeviceTakesTheNode() async throws {
        let node = TestNode()
        let owner = TestOwner()
        try await node.run { announcement in
            let connection = try await own(announcement, owner)
            let status = try await connection.request(.with { $0.nodeStatus = WireNodeStatus() })
            #expect(status.nodeState.mailboxes.map(\.device) == [owner.id])
            await connection.close()
        }
        // It stays owned, and shows no invite any more.
        try await node.run { announcement in #expect(announcement.claim == nil) }
    }

    @Test func aLostReplyCanBeAskedForAgainByTheSameKeyOnly() async throws {
        let node = TestNode()
        try await node.run { announcement in
            let owner = TestOwner()
            try await own(announcement, owner).close()
            let invite = try #require(announcement.claim)
            let keys = InviteKeys(secret: invite.secret)
            let again = try await connect(
                announcement.addresses[0], node: invite.node.noise, key: keys.initiatorKey,
                preSharedKey: keys.preSharedKey)
            let same = try await again.request(try claim(owner, invite.node))
            #expect(same.claimed.nodeEpoch.count == 16)
            let other = try await again.request(try claim(TestOwner(), invite.node))
            #expect(other.refusal.code == .alreadyOwned)
            let otherKey = try await again.request(
                try claim(owner, invite.node, key: X25519.PrivateKey(random: random)))
            #expect(otherKey.refusal.code == .alreadyOwned)
            await again.close()
        }
    }

    @Test func invitesAreGoodForTheirOwnPurposeOnly() async throws {
        let node = TestNode()
        try await node.serve { service in
            let announcement = service.announcement
            let invite = try #require(announcement.claim)
            func code(_ keys: InviteKeys, _ request: WireRequest) async throws -> WireRefusal.Code {
                let connection = try await connect(
                    announcement.addresses[0], node: invite.node.noise, key: keys.initiatorKey,
                    preSharedKey: keys.preSharedKey)
                let code = try await connection.request(request).refusal.code
                await connection.close()
                return code
            }
            // A contact request over a claim invite.
            let newcomer = X25519.PrivateKey(random: random)
            let redeeming = redeem(newcomer, deposit(1, TestOwner().id))
            #expect(try await code(InviteKeys(secret: invite.secret), redeeming) == .inviteWrongKind)
            // A claim over a contact invite, by its holder and by a stranger to the account.
            let owner = TestOwner()
            let device = try await own(announcement, owner)
            let keys = InviteKeys(secret: random.secret(16))
            _ = try await device.request(register(keys))
            #expect(try await code(keys, try claim(TestOwner(), invite.node)) == .inviteWrongKind)
            let link = InviteKeys(secret: random.secret(16))
            _ = try await device.request(register(link, kind: .link))
            let state = service.requests.state
            #expect(try await code(link, try claim(TestOwner(), invite.node)) == .inviteWrongKind)
            #expect(try await code(link, .with { $0.rosterFetch = WireRosterFetch() }) == .unspecified)
            // None of it has spent the contact invite or opened a grant.
            #expect(state.access.entry(for: newcomer.publicKey.bytes) == nil)
            #expect(try await code(keys, redeem(newcomer, deposit(1, owner.id))) == .unspecified)
        }
    }

    @Test func aChainThatDoesNotFitIsRefused() async throws {
        let node = TestNode()
        try await node.run { announcement in
            let invite = try #require(announcement.claim)
            let keys = InviteKeys(secret: invite.secret)
            let connection = try await connect(
                announcement.addresses[0], node: invite.node.noise, key: keys.initiatorKey,
                preSharedKey: keys.preSharedKey)
            let owner = TestOwner()
            let otherNode = try NodeEntry(noise: X25519.PrivateKey(random: random).publicKey, addresses: ["x:1"])
            #expect(try await connection.request(try claim(owner, otherNode)).refusal.code == .rosterRefused)
            var broken = try claim(owner, invite.node)
            broken.claim.roster[0][100] ^= 1
            #expect(try await connection.request(broken).refusal.code == .rosterRefused)
            var empty = try claim(owner, invite.node)
            empty.claim.roster = []
            #expect(try await connection.request(empty).refusal.code == .rosterRefused)
            var foreign = try claim(owner, invite.node)
            foreign.claim.device = TestOwner().id
            #expect(try await connection.request(foreign).refusal.code == .rosterRefused)
            // After all that it can still be taken.
            #expect(try await connection.request(try claim(owner, invite.node)).claimed.nodeEpoch.count == 16)
            await connection.close()
        }
    }

    @Test func theWindowCloses() async throws {
        let node = TestNode()
        let clock = node.clock
        try await node.run("[claim]\nlifetime = \"10m\"\n") { announcement in
            let invite = try #require(announcement.claim)
            let keys = InviteKeys(secret: invite.secret)
            let connection = try await connect(
                announcement.addresses[0], node: invite.node.noise, key: keys.initiatorKey,
                preSharedKey: keys.preSharedKey)
            clock.advance(601)
            #expect(try await connection.request(try claim(TestOwner(), invite.node)).refusal.code == .inviteExpired)
            await connection.close()
        }
        // A new start opens a new one, and the old invite is dead.
        try await node.run { announcement in
            #expect(announcement.claim != nil)
            try await own(announcement, TestOwner()).close()
        }
    }

    @Test func oldClaimInvitesDieWithANewStart() async throws {
        let node = TestNode()
        var old: Invite?
        try await node.run { announcement in #expect(announcement.claim != nil) }
        let first = node
        let kept = Kept()
        try await first.run { announcement in await kept.set(announcement.claim) }
        old = await kept.invite
        let invite = try #require(old)
        try await node.run { announcement in
            let keys = InviteKeys(secret: invite.secret)
            await #expect(throws: TransportError.self) {
                _ = try await connect(
                    announcement.addresses[0], node: invite.node.noise, key: keys.initiatorKey,
                    preSharedKey: keys.preSharedKey)
            }
        }
    }

    private actor Kept {
        var invite: Invite?
        func set(_ invite: Invite?) { self.invite = invite }
    }
}
