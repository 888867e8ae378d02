import Foundation
import NIOPosix
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemNode

struct MailTests {
    @Test func pushesComeInOrderAndWhatIsKeptSurvivesAStart() async throws {
        let node = TestNode()
        let owner = TestOwner()
        let secret = random.secret(16)
        let keys = InviteKeys(secret: secret)
        let permanent = X25519.PrivateKey(random: random)
        try await node.run { announcement in
            let device = try await own(announcement, owner)
            let nodeKey = try #require(announcement.claim).node.noise
            _ = try await device.request(register(keys))
            let oneTime = try await connect(
                announcement.addresses[0], node: nodeKey, key: keys.initiatorKey, preSharedKey: keys.preSharedKey)
            _ = try await oneTime.request(redeem(permanent, nil))
            let contact = try await connect(
                announcement.addresses[0], node: nodeKey, key: permanent, preSharedKey: keys.grantPreSharedKey)
            _ = try await contact.request(.with { $0.deposit = deposit(1, owner.id) })
            let drained = try await device.request(.with { $0.drain = .with { $0.subscribe = true } }).drained
            #expect(drained.envelopes.count == 1 && drained.nodeEpoch.count == 16)

            // Many at once, over one connection: stored in the order in which they were sent.
            let requests = (2...100).map { number in WireRequest.with { $0.deposit = deposit(UInt8(number), owner.id) }
            }
            let responses = try await contact.request(all: requests)
            #expect(responses.allSatisfy { $0.isStored })
            var numbers: [UInt8] = []
            var sequences: [UInt64] = []
            for await push in device.pushes {
                sequences.append(push.envelope.sequence)
                numbers.append(push.envelope.envelopeID.first ?? 0)
                if sequences.count == 99 { break }
            }
            #expect(sequences == sequences.sorted() && Set(sequences).count == 99)
            #expect(numbers == Array(2...100))
            let again = try await contact.request(.with { $0.deposit = deposit(50, owner.id) })
            #expect(again.outcome.state == .duplicate)
            var other = deposit(50, owner.id)
            other.body[0] ^= 1
            let conflicting = other
            #expect(try await contact.request(.with { $0.deposit = conflicting }).outcome.refusal.code == .conflict)
            let deleted = try await device.request(
                .with { $0.acknowledge = .with { $0.sequences = Array(sequences.prefix(40)) + [.max] } })
            #expect(deleted.acknowledged.deleted == 40)
        }
        try await node.run { announcement in
            // The owner's key and the contact's still open the node; what was not acknowledged is there.
            let found = try await node.nodeKey(announcement)
            let nodeKey = try #require(found)
            let contact = try await connect(
                announcement.addresses[0], node: nodeKey, key: permanent, preSharedKey: keys.grantPreSharedKey)
            #expect(try await contact.request(.with { $0.deposit = deposit(99, owner.id) }).outcome.state == .duplicate)
            await contact.close()
        }
    }

    @Test func aLongRosterIsServedInPartsAsItIsStored() async throws {
        let node = TestNode()
        try await node.serve { service in
            let device = try await own(service.announcement, TestOwner())
            // No entry of a chain, so whoever verified them would refuse.
            let entries = (2...20).map { [UInt8](repeating: UInt8($0), count: Limits.rosterEntryBytes) }
            try await service.requests.state.write { connection in
                for (index, entry) in entries.enumerated() {
                    try connection.execute(
                        "INSERT INTO roster_entry (sequence, encoded) VALUES (?, ?)", .integer(Int64(index + 2)),
                        .blob(entry))
                }
            }
            var fetched: [Data] = []
            var more = true
            while more {
                let after = UInt64(fetched.count) + 1
                let chain = try await device.request(.with { $0.rosterFetch = .with { $0.after = after } }).rosterChain
                #expect(!chain.entries.isEmpty)
                fetched += chain.entries
                more = chain.more
            }
            #expect(fetched == entries.map { Data($0) })
            let beyond = try await device.request(.with { $0.rosterFetch = .with { $0.after = .max } }).rosterChain
            #expect(beyond == WireRosterChain())
        }
    }

    @Test func rosterEntriesAreComparedAndSwapped() async throws {
        let node = TestNode()
        try await node.run { announcement in
            let owner = TestOwner()
            let device = try await own(announcement, owner)
            let entry = try #require(announcement.claim).node
            let chain = try await device.request(.with { $0.rosterFetch = WireRosterFetch() }).rosterChain
            let genesis = try RosterEntry([UInt8](try #require(chain.entries.first)))
            func append(_ entry: RosterEntry) async throws -> WireResponse {
                try await device.request(.with { $0.rosterAppend = .with { $0.entries = [Data(entry.encoded)] } })
            }
            let second = try RosterEntry.next(
                after: genesis, signedBy: owner.device, devices: genesis.devices, nodes: [entry])
            let rival = try RosterEntry.next(
                after: genesis, signedBy: owner.device,
                devices: genesis.devices + [DeviceKeys(random: random).entry], nodes: [entry])
            #expect(try await append(second).rosterAppended.head == Data(second.head.bytes))
            #expect(try await append(second).rosterAppended.head == Data(second.head.bytes))
            let conflict = try await append(rival)
            #expect(conflict.refusal.code == .rosterConflict && conflict.refusal.head == Data(second.head.bytes))
            let forged = try RosterEntry.next(
                after: second, signedBy: DeviceKeys(random: random), devices: genesis.devices, nodes: [entry])
            #expect(try await append(forged).refusal.code == .rosterRefused)
            let garbage = try await device.request(
                .with { $0.rosterAppend = .with { $0.entries = [Data([1, 2, 3])] } })
            #expect(garbage.refusal.code == .rosterRefused)
            let rest = try await device.request(.with { $0.rosterFetch = .with { $0.after = 1 } }).rosterChain
            #expect(rest.entries == [Data(second.encoded)])
            // Replacing itself with another device, this one is out at once.
            let heir = DeviceKeys(random: random)
            let third = try RosterEntry.next(
                after: second, signedBy: owner.device, devices: [heir.entry], nodes: [entry])
            _ = try? await append(third)
            for await _ in device.pushes {}
            #expect(!device.isActive)
        }
    }
}

extension TestNode {
    /// The node's key, from its control socket's status.
    func nodeKey(_ announcement: NodeService.Announcement) async throws -> X25519.PublicKey? {
        let client = ControlClient(path: folder + "/control.sock", group: .singletonMultiThreadedEventLoopGroup)
        let status = try await client.call("status")
        guard let text = status?["node_key"]?.stringValue, let bytes = Hex.decode(text) else { return nil }
        return try X25519.PublicKey(bytes)
    }
}
