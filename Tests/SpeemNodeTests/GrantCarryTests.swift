import Foundation
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemNode

/// Own devices carry grants from one own node to another.
struct GrantCarryTests {
    /// Two nodes of one owner. The second one's entry in the chain is not needed for grants.
    private func withTwo(_ body: @Sendable @escaping (Home, Home) async throws -> Void) async throws {
        let owner = TestOwner()
        try await TestNode().serve { first in
            let home = try await Home(first, owner: owner)
            try await TestNode().serve { second in try await body(home, try await Home(second, owner: owner)) }
        }
    }

    @Test func twoNodesCometoHaveTheSame() async throws {
        try await withTwo { a, b in
            let laptop = try await a.contact()
            let phone = try await a.accept(try await a.invite(.sibling, by: laptop.connection))
            let routeKey = X25519.PrivateKey(random: random)
            _ = try await phone.connection.request(registerRoute(routeKey))
            let former = try await a.contact()
            _ = try await a.revoke(former.key.publicKey)
            _ = try await b.device.request(upload(pairs: 20))
            #expect(try await a.status().grantsDigest != b.status().grantsDigest)

            for _ in 0..<2 {
                let listed = try await a.grants()
                #expect(try await b.put(listed.grants, revoked: listed.revoked).grantsPut == WireGrantsPut())
            }
            #expect(try await a.status().grantsDigest == b.status().grantsDigest)
            #expect(try await b.status().contactGrants == 1)
            let (mine, theirs) = (try await a.grants(), try await b.grants())
            #expect(mine.grants == theirs.grants && mine.revoked == theirs.revoked)
            // The same keys open it, with the same party: one memory of deposits, and pairs of their own.
            let there = try await b.connect(laptop.key, laptop.preSharedKey)
            let route = try await b.connect(routeKey, routePreSharedKey)
            let mail = WireRequest.with { $0.deposit = deposit(1, b.owner.id) }
            #expect(try await there.request(mail).isStored)
            #expect(try await route.request(mail).outcome.state == .duplicate)
            let take = WireRequest.with { $0.prekeyTake = .with { $0.device = b.owner.id } }
            #expect(try await there.request(take).prekeyBundle.lastResort == false)
            // What is withdrawn here is withdrawn there, with what came from it.
            _ = try await b.revoke(phone.key.publicKey)
            let listed = try await b.grants()
            _ = try await a.put(listed.grants, revoked: listed.revoked)
            #expect(try await !a.knows(phone.key, phone.preSharedKey))
            #expect(try await !a.knows(routeKey, routePreSharedKey))
            #expect(try await a.status().grantsDigest == b.status().grantsDigest)
        }
    }

    @Test func whatDoesNotFitIsPassedOver() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service)
            let contact = try await home.contact()
            let revoked = X25519.PrivateKey(random: random)
            _ = try await home.revoke(revoked.publicKey)
            let phone = TestDevice()
            // The owner's share is not for contacts, whatever a device says.
            let owners = try await home.state.store.read { try PartyRows.names(in: $0)[PartyRows.owner] }
            let good = contactGrant()
            let together = X25519.PrivateKey(random: random)
            let before = try await home.grants().grants
            _ = try await home.put(
                [
                    contactGrant(revoked), phone.grant, contactGrant(contact.key),
                    contactGrant(party: Data(try #require(owners))),
                    contactGrant(kind: .route, origin: Data(revoked.publicKey.bytes)), contactGrant(together), good,
                ], revoked: [Data(together.publicKey.bytes)])
            let after = try await home.grants().grants
            #expect(after.count == before.count + 1 && after.contains(good))
            #expect(try await home.knows(contact.key, contact.preSharedKey))
            // A contact carries nothing.
            let answer = try await contact.connection.request(.with { $0.grantPut = .with { $0.grants = [good] } })
            #expect(answer.refusal.code == .notAllowed)
        }
    }

    @Test func madeUpRecoveryWordsTakeNoPlaces() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service)
            let grants = (0..<AccessRows.reservedForOwner).map { _ in
                WireGrant.with {
                    $0.kind = .recovery
                    $0.initiatorKey = Data(X25519.PrivateKey(random: random).publicKey.bytes)
                    $0.preSharedKey = Data(random.bytes(32))
                }
            }
            #expect(try await home.put(grants).grantsPut == WireGrantsPut())
            let kept = try await home.grants().grants.filter { $0.kind == .recovery }
            #expect(kept.count == Int(AccessRows.maxRecovery))
            #expect(kept.allSatisfy(grants.contains))
        }
    }

    @Test func grantsComeInPagesAndAreBounded() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service)
            let room = Int(AccessRows.maxGrants - AccessRows.reservedForOwner) - 1
            let party = Data(random.bytes(16))
            var left = room
            while left > 0 {
                let count = min(left, Limits.grants)
                let answer = try await home.put((0..<count).map { _ in contactGrant(party: party) })
                #expect(answer.grantsPut == WireGrantsPut())
                left -= count
            }
            let keys = try await home.grants().grants.map(\.initiatorKey)
            #expect(keys.count == room + 1 && Set(keys).count == keys.count)
            #expect(zip(keys, keys.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) })
            // All of a request or nothing, and the owner is not locked out.
            #expect(try await home.put([contactGrant()]).refusal.code == .busy)
            let holder = try await home.holder(try await home.invite(.contact))
            #expect(try await holder.request(redeem(X25519.PrivateKey(random: random), nil)).refusal.code == .busy)
            let phone = TestDevice()
            let second = try RosterEntry.next(
                after: home.genesis, signedBy: home.owner.device,
                devices: [home.owner.device.entry, phone.keys.entry], nodes: home.genesis.nodes)
            let appended = try await home.append([second], grants: [phone.grant])
            #expect(appended.rosterAppended.head == Data(second.head.bytes))
        }
    }
}
