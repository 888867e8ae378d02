import Foundation
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemNode

/// What the recovery words can do at a node, and the fork that they win.
struct RecoveryTests {
    private let key = X25519.PrivateKey(random: random)
    private let preSharedKey = random.secret(32)

    private var grant: WireGrant {
        .with {
            $0.kind = .recovery
            $0.initiatorKey = Data(key.publicKey.bytes)
            $0.preSharedKey = Data(preSharedKey.exposedCopy())
        }
    }

    @Test func aClaimBringsOneOrNone() async throws {
        try await TestNode().serve { service in
            for bad in [contactGrant(), TestDevice().grant] {
                await #expect(throws: TransportError.self) { _ = try await Home(service, recovery: bad) }
            }
            let owner = TestOwner()
            var same = grant
            same.initiatorKey = Data(owner.key.publicKey.bytes)
            let taken = same
            await #expect(throws: TransportError.self) { _ = try await Home(service, owner: owner, recovery: taken) }
            // The chain may have more than one entry.
            let phone = TestDevice()
            let home = try await Home(
                service, owner: owner,
                chain: { node in
                    let first = try RosterEntry.genesis(
                        account: owner.account, devices: [owner.device.entry], nodes: [])
                    let second = try RosterEntry.next(
                        after: first, signedBy: owner.device, devices: [owner.device.entry, phone.keys.entry],
                        nodes: [node])
                    return [first, second]
                }, recovery: grant)
            #expect(Set(try await home.status().mailboxes.map(\.device)) == [owner.id, phone.id])
            #expect(try await home.knows(key, preSharedKey))
        }
    }

    @Test func theWordsUndoAHostileRemoval() async throws {
        try await TestNode().serve { service in
            let home = try await Home(service, recovery: grant)
            let (owner, nodes) = (home.owner, home.genesis.nodes)
            // A thief adds a device of its own, and removes the owner's.
            let thief = TestDevice()
            let second = try RosterEntry.next(
                after: home.genesis, signedBy: owner.device, devices: [owner.device.entry, thief.keys.entry],
                nodes: nodes)
            let third = try RosterEntry.next(
                after: second, signedBy: thief.keys, devices: [thief.keys.entry], nodes: nodes)
            _ = try await home.append([second], grants: [thief.grant])
            let stolen = try await home.connect(thief.key, thief.preSharedKey)
            _ = try await home.append([third], by: stolen)
            for await _ in home.device.pushes {}

            let words = try await home.connect(key, preSharedKey)
            let chain = try await words.request(.with { $0.rosterFetch = WireRosterFetch() }).rosterChain
            #expect(chain.entries.count == 3)
            let fresh = TestDevice()
            // Not what a device signed, also not as a continuation; and nothing else.
            let byDevice = try RosterEntry.next(
                after: third, signedBy: thief.keys, devices: third.devices, nodes: nodes)
            #expect(try await home.append([byDevice], by: words).refusal.code == .notAllowed)
            #expect(try await home.append([third], grants: [thief.grant], by: words).refusal.code == .notAllowed)
            #expect(try await words.request(.with { $0.grantList = WireGrantList() }).refusal.code == .notAllowed)
            #expect(try await words.request(.with { $0.deposit = deposit(1, thief.id) }).refusal.code == .notAllowed)
            let forged = try RosterEntry.recovery(
                after: second, account: AccountKey(random: random), devices: [fresh.keys.entry], nodes: nodes)
            #expect(try await home.append([forged], by: words).refusal.code == .rosterRefused)

            // In the place of the hostile entry: a fork, which the account key wins.
            let recovery = try RosterEntry.recovery(
                after: second, account: owner.account, devices: [owner.device.entry, fresh.keys.entry], nodes: nodes)
            for _ in 0..<2 {
                let appended = try await home.append([recovery], grants: [fresh.grant], by: words)
                #expect(appended.rosterAppended.head == Data(recovery.head.bytes), "\(appended)")
            }
            for await _ in stolen.pushes {}
            #expect(try await !home.knows(thief.key, thief.preSharedKey))
            let again = try await words.request(.with { $0.rosterFetch = WireRosterFetch() }).rosterChain
            #expect(again.entries == [home.genesis, second, recovery].map { Data($0.encoded) })
            // The device that had been removed is let in again, by the new one.
            let new = try await home.connect(fresh.key, fresh.preSharedKey)
            let owners = WireGrant.with {
                $0.kind = .ownDevice
                $0.initiatorKey = Data(owner.key.publicKey.bytes)
                $0.preSharedKey = Data(owner.preSharedKey.exposedCopy())
                $0.device = owner.id
            }
            _ = try await home.append([recovery], grants: [owners], by: new)
            #expect(try await home.knows(owner.key, owner.preSharedKey))
            // The hostile branch does not come back, and no second recovery takes the place of the first.
            #expect(try await home.append([third], by: new).refusal.code == .rosterConflict)
            let rival = try RosterEntry.recovery(
                after: second, account: owner.account, devices: [owner.device.entry], nodes: nodes)
            let refused = try await home.append([rival], by: new)
            #expect(refused.refusal.code == .rosterConflict)
            #expect(refused.refusal.head == Data(recovery.head.bytes))
        }
    }
}
