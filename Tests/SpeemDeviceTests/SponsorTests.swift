import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SwiftProtobuf
import Testing

@testable import SpeemDevice

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The way in at a contact's nodes that one own device makes for another.
struct SponsorTests {
    private static let day: Int64 = 86_400

    /// What a contact's node would do for the sponsor: the card with the way is on its way to the other device.
    private func tell(_ device: Mesh.Member, of target: DeviceID, at node: NodeEntry) async throws -> SecretBytes {
        let state = device.state
        return try await device.write { connection in
            let contact = try ContactRows.find(name: "bob", in: connection)
            let sponsored = try #require(try SponsorRows.made(contact: contact.id, in: connection).first)
            #expect(sponsored.device == target)
            try SponsorRows.set(.told, of: sponsored, in: connection)
            var card = try OwnSync(state: state).card(of: contact, in: connection)
            card.siblingSecret = Data(sponsored.secret.exposedCopy())
            card.siblingNode = Data(node.encoded)
            let ready = card
            try OutgoingMail(state: state).queueSync(.with { $0.contacts = [ready] }, only: target, in: connection)
            return sponsored.secret
        }
    }

    @Test func oneThatCameTooLate() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("a1", "a2")
            let bob = try await mesh.account("bob")
            let node = try #require(try await bob.devices[0].state.roster().nodes.first)
            let (one, two) = (alice.devices[0], alice.devices[1])
            try await mesh.meet(one, bob, name: "bob")
            try await one.write { connection in
                let contact = try ContactRows.find(name: "bob", in: connection)
                try SponsorRows.insertAll(contact: contact.id, state: one.state, in: connection)
            }
            let first = try await tell(one, of: two.id, at: node)
            try await mesh.settle(alice.devices)
            let now = mesh.now / 1000
            let redeem = try await two.write { connection in
                let contact = try ContactRows.find(name: "bob", in: connection)
                #expect(try SponsorRows.isMissing(contact.id, in: connection))
                // It has just heard of the contact, and asks nobody yet.
                try OwnSync(state: two.state).askForWay(to: contact.id, now: now + 60, in: connection)
                let redeem = try #require(try RedeemRows.find(contact.id, in: connection))
                try RedeemRows.refused(redeem, reason: "the invite has expired", in: connection)
                #expect(try ContactRows.find(contact.id, in: connection)?.problem == nil)
                return redeem
            }
            #expect(redeem.secret == first)
            #expect(try await two.count("outgoing") == 0)
            for _ in 0..<2 {
                try await two.write { connection in
                    let contact = try ContactRows.find(name: "bob", in: connection)
                    try OwnSync(state: two.state).askForWay(to: contact.id, now: now + 2 * Self.day, in: connection)
                }
            }
            // Once a day, and to whoever has a way in.
            #expect(try await two.count("outgoing") == 1)
            try await mesh.settle(alice.devices)
            let second = try await tell(one, of: two.id, at: node)
            #expect(second != first)
            try await mesh.settle(alice.devices)
            try await two.write { connection in
                let contact = try ContactRows.find(name: "bob", in: connection)
                let redeem = try #require(try RedeemRows.find(contact.id, in: connection))
                #expect(redeem.secret == second)
                try RedeemRows.redeemed(redeem, in: connection)
                #expect(try !SponsorRows.isMissing(contact.id, in: connection))
                // From now on it makes ways itself, and needs none.
                try OwnSync(state: two.state).askForWay(to: contact.id, now: now + 9 * Self.day, in: connection)
            }
            #expect(try await two.count("outgoing") == 0)
            #expect(mesh.rejected == [])
        }
    }

    /// A device that has no way in itself makes none for others, and a newer way takes the place of one that failed.
    @Test func whoHasNoneMakesNone() async throws {
        try await Mesh.with { mesh in
            let alice = try await mesh.account("a1", "a2", "a3")
            let bob = try await mesh.account("bob")
            try await mesh.meet(alice.devices[0], bob, name: "bob")
            try await mesh.settle(alice.devices)
            let now = mesh.now / 1000 + 2 * Self.day
            let two = alice.devices[1]
            try await two.write { connection in
                let contact = try ContactRows.find(name: "bob", in: connection)
                try OwnSync(state: two.state).askForWay(to: contact.id, now: now, in: connection)
            }
            try await mesh.settle(alice.devices)
            #expect(try await alice.devices[0].count("sponsored") == 1)
            #expect(try await alice.devices[2].count("sponsored") == 0)
        }
    }
}
