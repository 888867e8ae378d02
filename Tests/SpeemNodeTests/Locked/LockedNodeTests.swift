import Foundation
import NIOPosix
import SpeemCrypto
import SpeemIdentity
import SpeemMailbox
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf
import Synchronization
import Testing

@testable import SpeemNode

/// From a locked start to a whole node.
struct LockedNodeTests {
    /// Locked, power cut, locked again, unlocked: all that was acknowledged is in the mailbox, once.
    @Test func nothingAcknowledgedIsLostOverTwoLockedBoots() async throws {
        let test = try LockedTestNode()
        let people = try await test.unlocked { try await People($0) }
        let cut = try await test.locked { run in
            let contact = try await run.contact(people)
            let route = try await run.route(people)
            let device = try await run.device(people)
            for number in 1...10 as ClosedRange<UInt8> {
                #expect(try await contact.request(deposited(number, people)).isStored)
            }
            #expect(try await route.request(deposited(11, people)).isStored)
            #expect(try await device.request(deposited(12, people)).isStored)
            // A lost answer is asked for again.
            #expect(try await contact.request(deposited(3, people)).outcome.state == .duplicate)
            return try test.afterPowerCut()
        }
        #expect(try cut.spoolFiles().map(\.number) == [1])
        let counts = try await cut.locked { run in
            let contact = try await run.contact(people)
            // The other boot's memory is gone: it is taken in again, and recognised on replay.
            #expect(try await contact.request(deposited(5, people)).isStored)
            #expect(try await contact.request(deposited(13, people)).isStored)
            #expect(try cut.spoolFiles().map(\.number) == [1, 2])
            let device = try await run.device(people)
            let whole = try await run.unlock(over: device)
            // The same process, the same address, and connections are made anew.
            #expect(whole.addresses == run.node.addresses)
            let again = try await run.device(people)
            let first = try await drained(again)
            let retry = try await run.contact(people)
            #expect(try await retry.request(deposited(7, people)).outcome.state == .duplicate)
            #expect(try await drained(again) == first)
            return first
        }
        #expect(counts.sorted() == Array(1...13))
        #expect(try cut.spoolFiles() == [])
        // And it starts from there.
        let later = try await cut.unlocked { service in
            try await drained(
                try await connect(
                    service.announcement.addresses[0], node: people.node, key: people.owner.key,
                    preSharedKey: people.owner.preSharedKey))
        }
        #expect(later.sorted() == Array(1...13))
        #expect(try cut.record()?.spool.number == 2)
    }

    @Test func whatAnOwnerSeesBeforeUnlocking() async throws {
        let test = try LockedTestNode()
        let people = try await test.unlocked { try await People($0) }
        try await test.locked { run in
            _ = try await run.contact(people).request(deposited(1, people))
            test.clock.advance(90)
            let device = try await run.device(people)
            let info = try await device.request(.with { $0.unlockStart = WireUnlockStart() }).unlockInfo
            #expect(info.locked && info.lockedSeconds == 90 && info.bootSeconds == 1090)
            #expect(info.name == "attic" && info.addresses == run.node.addresses)
            #expect(info.spoolDeposits == 1 && info.spoolBytes > 1000 && info.spoolLimit == 64_000_000)
            // The device opens it where the passphrase is typed.
            let passphrase = try Passphrase(SecretBytes(Array("one two".utf8)))
            #expect(try WrappedKey([UInt8](info.wrappedKey)).unwrap(passphrase).secret == test.key.secret)
            _ = try await run.unlock(over: device)
            let again = try await run.device(people)
            let open = try await again.request(.with { $0.unlockStart = WireUnlockStart() }).unlockInfo
            #expect(open == WireUnlockInfo())
            // A lost answer: asked again, it is the same.
            #expect(try await again.request(unlockRequest(test.key)).unlocked == WireUnlocked())
        }
    }

    @Test func wrongKeysChangeNothingAndAreLimited() async throws {
        let test = try LockedTestNode()
        let people = try await test.unlocked { try await People($0) }
        try await test.locked { run in
            let device = try await run.device(people)
            let wrong = StoreKey(secret: random.secret(32), path: "")
            for _ in 0..<UnlockAttempts.limit {
                #expect(try await device.request(unlockRequest(wrong)).refusal.code == .notAllowed)
            }
            // Not even the right one; a minute later it is.
            let refused = try await device.request(unlockRequest(test.key)).refusal
            #expect(refused.code == .busy && refused.retryAfterMs == 60_000)
            test.clock.advance(60)
            _ = try await run.unlock(over: device)
        }
    }

    @Test func everythingElseIsRefusedAsLocked() async throws {
        let test = try LockedTestNode()
        let people = try await test.unlocked { try await People($0) }
        try await test.locked { run in
            let device = try await run.device(people)
            let contact = try await run.contact(people)
            let invited = try await run.connect(people.open.initiatorKey, people.open.preSharedKey, people)
            for request in lockedRequests {
                for connection in [device, contact, invited] {
                    let refusal = try await connection.request(request).refusal
                    #expect(refusal.code == .locked && refusal.retryAfterMs > 0, "\(request)")
                }
            }
            for connection in [device, contact, invited] {
                #expect(try await connection.request(.with { $0.ping = WirePing() }).pong == WirePong())
            }
            // Unlocking is for own devices, and an invite deposits nothing.
            for connection in [contact, invited] {
                #expect(try await connection.request(unlockRequest(test.key)).refusal.code == .notAllowed)
                let start = WireRequest.with { $0.unlockStart = WireUnlockStart() }
                #expect(try await connection.request(start).refusal.code == .notAllowed)
            }
            #expect(try await invited.request(deposited(1, people)).refusal.code == .notAllowed)
            // Strangers meet silence.
            await #expect(throws: TransportError.self) {
                _ = try await run.connect(X25519.PrivateKey(random: random), random.secret(32), people)
            }
        }
    }

    @Test func depositsAreJudgedAsByAWholeNode() async throws {
        let test = try LockedTestNode()
        let people = try await test.unlocked { try await People($0) }
        try await test.locked { run in
            let contact = try await run.contact(people)
            let unknown = WireRequest.with { $0.deposit = deposit(1, Data(random.bytes(16)), people.owner.id) }
            let answer = try await contact.request(unknown).deposited.outcomes
            #expect(answer.map(\.state) == [.refused, .stored])
            #expect(answer[0].refusal.code == .unknownMailbox)
            var other = deposited(1, people)
            other.deposit.body = Data([9])
            #expect(try await contact.request(other).outcome.refusal.code == .conflict)
            let none = WireRequest.with { $0.deposit = deposit(2, Data(random.bytes(16))) }
            #expect(try await contact.request(none).outcome.refusal.code == .unknownMailbox)
            #expect(try test.spoolFiles().count == 1)
        }
    }

    /// A contact fills its share, and the owner's part stays free.
    @Test func theSpoolIsSharedOut() async throws {
        let test = try LockedTestNode()
        let people = try await test.unlocked { try await People($0) }
        try await test.locked(store: "spool = \"1MB\"\n") { run in
            let contact = try await run.contact(people)
            var stored: UInt8 = 0
            var code = WireRefusal.Code.unspecified
            for number in 1...40 as ClosedRange<UInt8> {
                var request = deposited(number, people)
                request.deposit.body = Data(repeating: number, count: 100_000)
                let outcome = try await contact.request(request).outcome
                if outcome.state == .stored { stored += 1 } else { code = outcome.refusal.code }
            }
            #expect(code == .mailboxFull && (6...9).contains(stored))
            let device = try await run.device(people)
            #expect(try await device.request(deposited(50, people)).isStored)
            let again = try await {
                _ = try await run.unlock(over: device); return try await run.device(people)
            }()
            #expect(try await drained(again).count == Int(stored) + 1)
        }
    }

    /// Counters go back into the store: what was recorded while the node was locked is not answered later.
    @Test func countersOutliveTheUnlocking() async throws {
        let test = try LockedTestNode()
        let people = try await test.unlocked { try await People($0) }
        let before = try #require(try test.record()?.grants.first { $0.initiatorKey == people.contact.publicKey.bytes })
        let seen = try await test.locked { run in
            let contact = try await run.contact(people)
            let highest = counters.load(ordering: .relaxed)
            await contact.close()
            _ = try await run.unlock(over: try await run.device(people))
            return highest
        }
        let after = try #require(try test.record()?.grants.first { $0.initiatorKey == people.contact.publicKey.bytes })
        #expect(after.counter > before.counter && after.counter <= seen)
    }

    /// Also when it is stopped before it was unlocked.
    @Test func countersAreWrittenWhenALockedNodeStops() async throws {
        let test = try LockedTestNode()
        let people = try await test.unlocked { try await People($0) }
        let before = try #require(try test.record()?.grants.first { $0.initiatorKey == people.contact.publicKey.bytes })
        try await test.locked { run in await (try await run.contact(people)).close() }
        let after = try #require(try test.record()?.grants.first { $0.initiatorKey == people.contact.publicKey.bytes })
        #expect(after.counter > before.counter)
    }

    @Test func theConsoleUnlocksIt() async throws {
        let test = try LockedTestNode()
        let people = try await test.unlocked { try await People($0) }
        try await test.locked { run in
            let control = ControlClient(
                path: test.folder + "/control.sock", group: MultiThreadedEventLoopGroup.singleton)
            let status = try #require(try await control.call("status"))
            #expect(status["locked"] == .bool(true) && status["problem"] == nil)
            #expect(status["spool"]?["deposits"] == .integer(0))
            await #expect(throws: ControlError(code: 1, message: "the node is locked", hint: "speem unlock")) {
                _ = try await control.call("invite")
            }
            let wrong = String(repeating: "ab", count: 32)
            await #expect(throws: ControlError.self) {
                _ = try await control.call("unlock", .object(["key": .string(wrong)]))
            }
            await #expect(throws: ControlError.self) {
                _ = try await control.call("unlock", .object(["key": .string("ab")]))
            }
            await #expect(throws: ControlError.self) { _ = try await control.call("unlock") }
            let right = String(decoding: Hex.encode(test.key.secret).exposedCopy(), as: UTF8.self)
            _ = try await control.call("unlock", .object(["key": .string(right)]))
            for await _ in run.announcements { break }
            #expect(try await control.call("status")?["locked"] == .bool(false))
            #expect(try await drained(try await run.device(people)) == [])
        }
    }

    /// Before the first unlocking there is no machine file: the console works all the same.
    @Test func aNodeThatWasNeverUnlockedWaitsOnItsConsole() async throws {
        let test = try LockedTestNode()
        try await test.locked { run in
            #expect(run.node.addresses == [])
            #expect(run.node.problem != nil)
            let control = ControlClient(
                path: test.folder + "/control.sock", group: MultiThreadedEventLoopGroup.singleton)
            #expect(try await control.call("status")?["problem"] != nil)
            let right = String(decoding: Hex.encode(test.key.secret).exposedCopy(), as: UTF8.self)
            _ = try await control.call("unlock", .object(["key": .string(right)]))
            for await announcement in run.announcements {
                #expect(announcement.claim != nil && !announcement.addresses.isEmpty)
                break
            }
        }
        #expect(try test.record() != nil)
    }

    @Test func anotherProcessIsKeptAway() async throws {
        let test = try LockedTestNode()
        try await test.locked { _ in
            await #expect(throws: StoreError.inUse(folder: test.folder)) {
                _ = try await NodeState.openStore(folder: test.folder, key: .key(test.key))
            }
        }
    }

    @Test func withoutAPassphraseItDoesNotStart() async throws {
        let test = try LockedTestNode()
        try FileManager.default.removeItem(atPath: WrappedKey.path(folder: test.folder))
        await #expect(throws: StoreError.self) { try await test.locked { _ in } }
    }
}

func deposited(_ number: UInt8, _ people: People) -> WireRequest {
    .with { $0.deposit = deposit(number, people.owner.id) }
}

/// Requests that only a whole node answers.
private let lockedRequests: [WireRequest] = [
    .with { $0.drain = WireDrain() },
    .with { $0.acknowledge = WireAcknowledge() },
    .with { $0.rosterFetch = WireRosterFetch() },
    .with { $0.prekeyTake = .with { $0.device = Data(count: 16) } },
    .with { $0.nodeStatus = WireNodeStatus() },
    .with { $0.grantList = WireGrantList() },
    .with { $0.outboxList = WireOutboxList() },
    .with { $0.grantRevoke = .with { $0.initiatorKey = Data(count: 32) } },
    registerRoute(X25519.PrivateKey(random: random)),
    redeem(X25519.PrivateKey(random: random), nil),
]
