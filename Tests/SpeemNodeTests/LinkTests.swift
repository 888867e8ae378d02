import Foundation
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemNode

/// A further device of the owner.
struct LinkTests {
    @Test func redeemingBringsTheRequestAndNoGrant() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service)
            _ = try await home.device.request(upload(pairs: 3))
            let keys = try await home.invite(.link)
            let phone = TestDevice()
            let oneTime = try await home.holder(keys)
            let take = WireRequest.with { $0.prekeyTake = .with { $0.device = home.owner.id } }
            #expect(try await oneTime.request(take).prekeyBundle.lastResort == false)
            #expect(try await oneTime.request(redeem(phone.key, nil)).refusal.code == .malformed)
            let nowhere = redeem(phone.key, deposit(1, phone.id))
            #expect(try await oneTime.request(nowhere).refusal.code == .unknownMailbox)
            let asking = redeem(phone.key, deposit(1, home.owner.id))
            for _ in 0..<2 { #expect(try await oneTime.request(asking).redeemed == WireRedeemed()) }
            let other = redeem(X25519.PrivateKey(random: random), deposit(2, home.owner.id))
            #expect(try await oneTime.request(other).refusal.code == .inviteUsed)
            #expect(try await oneTime.request(take).refusal.code == .inviteUsed)
            let drained = try await home.device.request(.with { $0.drain = WireDrain() }).drained
            #expect(drained.envelopes.map(\.envelopeID) == [Data(repeating: 1, count: 32)])
            // Nobody is in before the person says yes.
            #expect(home.state.access.entry(for: phone.key.publicKey.bytes) == nil)
            #expect(try await home.status().contactGrants == 0)
            let second = try RosterEntry.next(
                after: home.genesis, signedBy: home.owner.device,
                devices: [home.owner.device.entry, phone.keys.entry], nodes: home.genesis.nodes)
            _ = try await home.append([second], grants: [phone.grant])
            #expect(try await home.knows(phone.key, phone.preSharedKey))
        }
    }

    @Test func theOwnersInvitesAreBoundedApartFromThoseOfContacts() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service)
            let contact = try await home.contact()
            for _ in 0..<5 { _ = try await home.invite(.sibling, by: contact.connection) }
            let requests = (1..<InviteRow.maxCount).map { number in
                register(InviteKeys(secret: random.secret(16)), kind: number % 2 == 0 ? .link : .contact)
            }
            let answers = try await home.device.request(all: requests)
            #expect(answers.allSatisfy { $0.inviteRegistered == WireInviteRegistered() })
            let more = try await home.device.request(register(InviteKeys(secret: random.secret(16))))
            #expect(more.refusal.code == .busy)
            _ = try await home.invite(.sibling, by: contact.connection)
        }
    }
}
