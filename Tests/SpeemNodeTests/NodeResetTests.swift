import Foundation
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemNode

struct NodeResetTests {
    private func reset(_ epoch: Data) -> WireRequest { .with { $0.nodeReset = .with { $0.nodeEpoch = epoch } } }

    @Test func whatAnOldDiskMakesDangerousGoes() async throws {
        let node = TestNode()
        let owner = TestOwner()
        let kept = Kept()
        try await node.serve { service in
            let home = try await Home(service, owner: owner)
            let contact = try await home.contact()
            let route = X25519.PrivateKey(random: random)
            _ = try await contact.connection.request(registerRoute(route))
            _ = try await home.device.request(upload(pairs: 5))
            let invite = try await home.invite(.contact)
            let mail = WireRequest.with { $0.deposit = deposit(1, owner.id) }
            #expect(try await contact.connection.request(mail).isStored)
            let listed = try await home.grants()
            let epoch = try await home.status().nodeEpoch

            // Somebody else's epoch ends nothing.
            #expect(try await home.device.request(reset(Data(count: 16))).nodeWasReset.nodeEpoch == epoch)
            #expect(contact.connection.isActive)
            let next = try await home.device.request(reset(epoch)).nodeWasReset.nodeEpoch
            #expect(next.count == 16 && next != epoch)
            for await _ in contact.connection.pushes {}
            for (key, preSharedKey) in [
                (contact.key, contact.preSharedKey), (route, routePreSharedKey),
                (invite.initiatorKey, invite.preSharedKey),
            ] { #expect(try await !home.knows(key, preSharedKey)) }
            // Mail stays. Prekeys do not, and nothing is remembered as withdrawn.
            let drained = try await home.device.request(.with { $0.drain = WireDrain() }).drained
            #expect(drained.envelopes.count == 1 && drained.nodeEpoch == next)
            let take = WireRequest.with { $0.prekeyTake = .with { $0.device = owner.id } }
            #expect(try await home.device.request(take).refusal.code == .noPrekeys)
            #expect(try await home.grants().revoked.isEmpty)
            // The same once more, from another device or a recording of this one, ends nothing.
            for _ in 0..<2 {
                #expect(try await home.device.request(reset(epoch)).nodeWasReset.nodeEpoch == next)
            }
            // The devices bring the grants again; the same deposit is still the same.
            _ = try await home.put(listed.grants, revoked: listed.revoked)
            let back = try await home.connect(contact.key, contact.preSharedKey)
            #expect(try await back.request(mail).outcome.state == .duplicate)
            #expect(try await home.knows(route, routePreSharedKey))
            #expect(try await home.device.request(reset(epoch)).nodeWasReset.nodeEpoch == next)
            #expect(back.isActive)
            await kept.set(next)
        }
        try await node.serve { service in
            let epoch = await kept.epoch
            #expect(Data(service.requests.state.epoch) == epoch)
        }
    }

    @Test func contactsResetNothing() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service)
            let contact = try await home.contact()
            let epoch = try await home.status().nodeEpoch
            #expect(try await contact.connection.request(reset(epoch)).refusal.code == .notAllowed)
            #expect(try await home.status().nodeEpoch == epoch)
        }
    }

    private actor Kept {
        var epoch = Data()
        func set(_ value: Data) { epoch = value }
    }
}
