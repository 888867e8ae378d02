import Foundation
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemNode

/// A device that was restored under another id: a copy of the old one is told, and nothing else.
struct OldCopyTests {
    private let key = X25519.PrivateKey(random: random)
    private let preSharedKey = random.secret(32)

    private var grant: WireGrant {
        .with {
            $0.kind = .recovery
            $0.initiatorKey = Data(key.publicKey.bytes)
            $0.preSharedKey = Data(preSharedKey.exposedCopy())
        }
    }

    private func restore(
        _ home: Home, after: RosterEntry, devices: [DeviceEntry], grant: WireGrant, replacing device: Data,
        by asker: ClientConnection
    ) async throws -> RosterEntry {
        let entry = try RosterEntry.recovery(
            after: after, account: home.owner.account, devices: devices, nodes: home.genesis.nodes)
        let answer = try await asker.request(
            .with {
                $0.rosterAppend = .with {
                    $0.entries = [Data(entry.encoded)]
                    $0.grants = [grant]
                    $0.restored = device
                }
            })
        #expect(answer.rosterAppended.head == Data(entry.head.bytes), "\(answer)")
        return entry
    }

    @Test func anOldCopyIsToldAndNothingElse() async throws {
        let node = TestNode()
        let owner = TestOwner()
        let fresh = TestDevice()
        try await node.serve { service in
            let home = try await Home(service, owner: owner, recovery: grant)
            let before = try await home.grants().grants.count
            let words = try await home.connect(key, preSharedKey)
            _ = try await restore(
                home, after: home.genesis, devices: [fresh.keys.entry], grant: fresh.grant, replacing: owner.id,
                by: words)
            // What was open is closed.
            for await _ in home.device.pushes {}
            let copy = try await home.connect(owner.key, owner.preSharedKey)
            for request: WireRequest in [
                .with { $0.ping = WirePing() }, .with { $0.drain = WireDrain() },
                .with { $0.rosterFetch = WireRosterFetch() }, .with { $0.nodeStatus = WireNodeStatus() },
                .with { $0.grantList = WireGrantList() }, .with { $0.deposit = deposit(1, fresh.id) },
            ] {
                #expect(try await copy.request(request).refusal.code == .oldCopy)
            }
            // Own devices do not carry it elsewhere.
            let new = try await home.connect(fresh.key, fresh.preSharedKey)
            let page = try await new.request(.with { $0.grantList = WireGrantList() }).grantPage
            #expect(page.grants.count == before)
            #expect(!page.grants.contains { $0.initiatorKey == Data(owner.key.publicKey.bytes) })
        }
        // The node remembers it.
        try await node.serve { service in
            let address = service.announcement.addresses[0]
            let copy = try await connect(
                address, node: service.requests.state.noiseKey.publicKey, key: owner.key,
                preSharedKey: owner.preSharedKey)
            #expect(try await copy.request(.with { $0.ping = WirePing() }).refusal.code == .oldCopy)
        }
    }

    /// Devices cannot say that of each other, and a removed device gets silence.
    @Test func onlyTheWordsSayIt() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service, recovery: grant)
            let owner = home.owner
            let phone = TestDevice()
            let second = try RosterEntry.next(
                after: home.genesis, signedBy: owner.device, devices: [owner.device.entry, phone.keys.entry],
                nodes: home.genesis.nodes)
            _ = try await home.append([second], grants: [phone.grant])
            let third = try RosterEntry.next(
                after: second, signedBy: owner.device, devices: [owner.device.entry], nodes: home.genesis.nodes)
            let answer = try await home.device.request(
                .with {
                    $0.rosterAppend = .with {
                        $0.entries = [Data(third.encoded)]
                        $0.restored = phone.id
                    }
                })
            #expect(answer.rosterAppended.head == Data(third.head.bytes))
            #expect(try await !home.knows(phone.key, phone.preSharedKey))
        }
    }

    /// The newest are remembered.
    @Test func theyAreBounded() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service, recovery: grant)
            let words = try await home.connect(key, preSharedKey)
            var entry = home.genesis
            var id = home.owner.id
            var devices: [TestDevice] = []
            for _ in 0..<(AccessRows.maxOldCopies + 2) {
                let next = TestDevice()
                entry = try await restore(
                    home, after: entry, devices: [next.keys.entry], grant: next.grant, replacing: id, by: words)
                id = next.id
                devices.append(next)
            }
            #expect(try await !home.knows(home.owner.key, home.owner.preSharedKey))
            #expect(try await !home.knows(devices[0].key, devices[0].preSharedKey))
            for device in devices.dropFirst() { #expect(try await home.knows(device.key, device.preSharedKey)) }
        }
    }
}
