import Foundation
import SpeemCrypto
import SpeemIdentity
import SpeemMailbox
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemNode

/// The devices and routes of one contact: what they share, and where they end.
struct PartyTests {
    @Test func aContactsDevicesAndRoutesAreOneParty() async throws {
        try await TestNode().serve("[mailbox]\nquota_per_contact = \"1MB\"\n") { service in
            let home = try await Home(service)
            let laptop = try await home.contact()
            let phone = try await home.accept(try await home.invite(.sibling, by: laptop.connection))
            let routeKey = X25519.PrivateKey(random: random)
            _ = try await phone.connection.request(registerRoute(routeKey))
            let route = try await home.connect(routeKey, routePreSharedKey)
            #expect(try await home.status().contactGrants == 1)
            // One memory of deposits.
            let request = WireRequest.with { $0.deposit = deposit(1, home.owner.id) }
            #expect(try await laptop.connection.request(request).isStored)
            for other in [phone.connection, route] {
                #expect(try await other.request(request).outcome.state == .duplicate)
            }
            // One share: it is not doubled by asking from elsewhere.
            var stored = 1
            for number in 2...20 as ClosedRange<UInt8> {
                let asker = [laptop.connection, phone.connection, route][Int(number) % 3]
                let request = WireRequest.with {
                    $0.deposit = deposit(number, home.owner.id)
                    $0.deposit.body = Data(count: 120_000)
                }
                let answer = try await asker.request(request)
                if answer.isStored { stored += 1 } else { #expect(answer.outcome.refusal.code == .mailboxFull) }
            }
            #expect(stored == 1 + 8)
            // Somebody else has one too.
            let other = try await home.contact()
            #expect(try await other.connection.request(request).isStored)
            #expect(try await home.status().contactGrants == 2)
        }
    }

    @Test func aContactRegistersABoundedNumberOfSiblings() async throws {
        let node = TestNode()
        try await node.serve { service in
            let home = try await Home(service)
            let contact = try await home.contact()
            func code(_ keys: InviteKeys, lifetime: UInt64 = 60) async throws -> WireRefusal.Code {
                try await contact.connection.request(register(keys, lifetime: lifetime, kind: .sibling)).refusal.code
            }
            let first = InviteKeys(secret: random.secret(16))
            #expect(try await code(first) == .unspecified)
            #expect(try await code(first) == .unspecified)
            let sibling = try await home.accept(first)
            // The device itself, its sibling, and what nobody has used.
            for _ in 2..<InviteRow.maxSiblings {
                #expect(try await code(InviteKeys(secret: random.secret(16))) == .unspecified)
            }
            #expect(try await code(InviteKeys(secret: random.secret(16))) == .busy)
            // Neither waiting until they expire nor asking from another device gets more.
            node.clock.advance(61)
            #expect(try await code(InviteKeys(secret: random.secret(16))) == .busy)
            let more = register(InviteKeys(secret: random.secret(16)), kind: .sibling)
            #expect(try await sibling.connection.request(more).refusal.code == .busy)
            // The owner's are counted apart, and so are those of another contact.
            _ = try await home.invite(.sibling, by: try await home.contact().connection)
            for lifetime in [0, 61 * 86_400, .max] as [UInt64] {
                #expect(try await code(InviteKeys(secret: random.secret(16)), lifetime: lifetime) == .malformed)
            }
            for kind in [.link, .contact, .unspecified] as [WireInviteRegister.Kind] {
                let request = register(InviteKeys(secret: random.secret(16)), kind: kind)
                #expect(try await contact.connection.request(request).refusal.code == .inviteWrongKind)
            }
        }
    }

    @Test func theKeysOfOthersAreNotRegisteredAgain() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service)
            let one = try await home.contact()
            let two = try await home.contact()
            let keys = try await home.invite(.sibling, by: one.connection)
            #expect(try await two.connection.request(register(keys, kind: .sibling)).refusal.code == .malformed)
            #expect(try await home.device.request(register(keys)).refusal.code == .malformed)
            #expect(try await two.connection.request(registerRoute(keys.initiatorKey)).refusal.code == .malformed)
            #expect(try await two.connection.request(registerRoute(one.key)).refusal.code == .malformed)
            let route = X25519.PrivateKey(random: random)
            _ = try await one.connection.request(registerRoute(route))
            #expect(try await one.connection.request(registerRoute(route)).routeRegistered == WireRouteRegistered())
            #expect(try await two.connection.request(registerRoute(route)).refusal.code == .malformed)
            let holder = try await home.holder(try await home.invite(.contact))
            #expect(try await holder.request(redeem(one.key, nil)).refusal.code == .malformed)
        }
    }

    @Test func aContactHasABoundedNumberOfRoutes() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service)
            let contact = try await home.contact()
            for _ in 0..<AccessRows.maxRoutes {
                let answer = try await contact.connection.request(registerRoute(X25519.PrivateKey(random: random)))
                #expect(answer.routeRegistered == WireRouteRegistered())
            }
            let more = try await contact.connection.request(registerRoute(X25519.PrivateKey(random: random)))
            #expect(more.refusal.code == .busy)
            // Another contact is not touched by it.
            let other = try await home.contact()
            let answer = try await other.connection.request(registerRoute(X25519.PrivateKey(random: random)))
            #expect(answer.routeRegistered == WireRouteRegistered())
        }
    }

    @Test func aPartyGoesWithTheLastOfIt() async throws {
        let node = TestNode()
        try await node.serve { service in
            let home = try await Home(service)
            let mailboxes = home.state.mailboxes
            let clock = home.state.clock
            func parties() async throws -> Int {
                try await home.state.write {
                    try PartyRows.clean(mailboxes, in: $0)
                    return try PartyRows.names(in: $0).count
                }
            }
            let contact = try await home.contact()
            _ = try await contact.connection.request(.with { $0.deposit = deposit(1, home.owner.id) })
            #expect(try await parties() == 2)
            _ = try await home.revoke(contact.key.publicKey)
            _ = try await home.revoke(contact.invite.initiatorKey.publicKey)
            // Its envelope is still to be read, and charged to it.
            #expect(try await parties() == 2)
            let envelopes = try await home.device.request(.with { $0.drain = WireDrain() }).drained.envelopes
            _ = try await home.device.request(.with { $0.acknowledge.sequences = envelopes.map(\.sequence) })
            #expect(try await parties() == 2)
            let later = NodeClock(running: clock.running + 61 * 86_400, wall: nil)
            _ = try await home.state.write { try mailboxes.expire(clock: later, in: $0) }
            #expect(try await parties() == 1)
        }
    }
}
