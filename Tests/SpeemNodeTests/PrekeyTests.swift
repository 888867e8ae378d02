import Foundation
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemNode

struct PrekeyTests {
    @Test func aContactExhaustsOnlyItsOwn() async throws {
        let node = TestNode()
        try await node.run { announcement in
            let owner = TestOwner()
            let device = try await own(announcement, owner)
            let nodeKey = try #require(announcement.claim).node.noise
            let take = WireRequest.with { $0.prekeyTake = .with { $0.device = owner.id } }
            func contact() async throws -> ClientConnection {
                let keys = InviteKeys(secret: random.secret(16))
                _ = try await device.request(register(keys))
                let oneTime = try await connect(
                    announcement.addresses[0], node: nodeKey, key: keys.initiatorKey, preSharedKey: keys.preSharedKey)
                let key = X25519.PrivateKey(random: random)
                _ = try await oneTime.request(redeem(key, nil))
                return try await connect(
                    announcement.addresses[0], node: nodeKey, key: key, preSharedKey: keys.grantPreSharedKey)
            }
            let one = try await contact()
            #expect(try await one.request(take).refusal.code == .noPrekeys)
            #expect(try await device.request(upload(pairs: 20)).prekeyUploaded.unassigned == 14)
            let other = try await contact()

            var seen: Set<Data> = []
            for _ in 0..<5 {
                let bundle = try await one.request(take).prekeyBundle
                #expect(!bundle.lastResort && bundle.signedPrekey == Data([8]))
                #expect(seen.insert(bundle.kemPrekey).inserted)
            }
            for _ in 0..<3 {
                let bundle = try await one.request(take).prekeyBundle
                #expect(bundle.lastResort && bundle.kemPrekey == Data([0x0b]) && bundle.oneTimePrekey.isEmpty)
            }
            // The other's are untouched, and no pair is handed out twice.
            for _ in 0..<5 {
                let bundle = try await other.request(take).prekeyBundle
                #expect(!bundle.lastResort)
                #expect(seen.insert(bundle.kemPrekey).inserted)
            }
            // An upload fills up again what is reserved.
            _ = try await device.request(upload(pairs: 20))
            #expect(try await one.request(take).prekeyBundle.lastResort == false)
            var incomplete = upload(pairs: 0)
            incomplete.prekeyUpload.signedPrekey = Data()
            #expect(try await device.request(incomplete).refusal.code == .malformed)
        }
    }

    /// Another signed prekey takes the place of all that came with the one before, also of what is reserved: the device
    /// then knows what nobody can be given any more.
    @Test func aNewGenerationReplacesTheOneBefore() async throws {
        let node = TestNode()
        try await node.run { announcement in
            let owner = TestOwner()
            let device = try await own(announcement, owner)
            let nodeKey = try #require(announcement.claim).node.noise
            let keys = InviteKeys(secret: random.secret(16))
            _ = try await device.request(register(keys))
            #expect(try await device.request(upload(pairs: 20)).prekeyUploaded.unassigned == 19)
            // The same again, as after a lost answer, drops nothing.
            #expect(try await device.request(upload(pairs: 0)).prekeyUploaded.unassigned == 19)
            #expect(try await device.request(upload(pairs: 10, signed: 7)).prekeyUploaded.unassigned == 9)
            let invited = try await connect(
                announcement.addresses[0], node: nodeKey, key: keys.initiatorKey, preSharedKey: keys.preSharedKey)
            let take = WireRequest.with { $0.prekeyTake = .with { $0.device = owner.id } }
            let bundle = try await invited.request(take).prekeyBundle
            #expect(!bundle.lastResort && bundle.signedPrekey == Data([7]))
            #expect(try await invited.request(take).prekeyBundle.lastResort)
            #expect(try await device.request(upload(pairs: 0, signed: 6)).prekeyUploaded.unassigned == 0)
        }
    }

    @Test func askingAgainCostsNoWrite() async throws {
        let node = TestNode()
        try await node.serve { service in
            let owner = TestOwner()
            let device = try await own(service.announcement, owner)
            let nodeKey = try #require(service.announcement.claim).node.noise
            let contact = try await contact(device, service.announcement, node: nodeKey)
            let take = WireRequest.with { $0.prekeyTake = .with { $0.device = owner.id } }
            func commits() async throws -> Int64 { try await service.requests.report().commits }

            let empty = try await commits()
            #expect(try await contact.request(take).refusal.code == .noPrekeys)
            #expect(try await commits() == empty)
            _ = try await device.request(upload(pairs: 20))
            for _ in 0..<PrekeyRows.reservedPerContact { _ = try await contact.request(take) }
            let before = try await commits()
            let answers = try await contact.request(all: [WireRequest](repeating: take, count: 50))
            #expect(answers.allSatisfy { $0.prekeyBundle.lastResort })
            #expect(try await commits() == before)
        }
    }
}
