import SpeemCrypto
import SpeemIdentity
import SpeemMailbox
import SpeemProtocol
import SpeemTransport
import Testing

@testable import SpeemNode

struct PartsTests {
    @Test func theRunningClockAddsUpAndNeverGoesBack() {
        let source = TestClock()
        let clock = RunningClock(source: source, base: 500)
        #expect(clock.now.running == 500 && clock.uptime == 0)
        source.advance(30)
        #expect(clock.now.running == 530 && clock.uptime == 30)
        source.advance(-100)
        #expect(clock.now.running == 500)
        #expect(RunningClock(source: source, base: .max).now.running == .max)
    }

    @Test func grantKindsComeBack() throws {
        let device = DeviceKeys(random: random).entry.id
        for kind in [
            GrantKind.ownDevice(device), .contact, .route, .recovery, .invite(.claim), .invite(.link),
            .invite(.contact), .invite(.sibling),
        ] {
            #expect(try GrantKind(code: kind.code, device: device.bytes) == kind)
        }
        for code in [0, 5, 10, 15, -1, .max] as [Int64] {
            #expect(throws: NodeError.self) { _ = try GrantKind(code: code, device: device.bytes) }
        }
        #expect(throws: NodeError.self) { _ = try GrantKind(code: 1, device: nil) }
    }

    @Test func countersOnlyGrow() throws {
        let access = NodeAccess()
        let key = X25519.PrivateKey(random: random).publicKey
        let grant = AccessGrant(id: 7, preSharedKey: random.secret(32))
        #expect(access.grant(for: key) == nil)
        #expect(!access.admit(grant, counter: 1))
        access.apply(AccessChange(inserted: [entry(grant, key, counter: 10)]))
        #expect(access.contacts == 1)
        #expect(access.grant(for: key) == grant)
        #expect(!access.admit(grant, counter: 10))
        #expect(access.admit(grant, counter: 11))
        #expect(!access.admit(grant, counter: 11))
        // The store's integers end before the wire's: beyond is nothing.
        #expect(!access.admit(grant, counter: .max))
        #expect(access.admit(grant, counter: UInt64(Int64.max)))
        #expect(access.dirtyCounters == [7: UInt64(Int64.max)])
        access.apply(AccessChange(removed: [7]))
        #expect(access.grant(for: key) == nil && access.contacts == 0 && access.dirtyCounters.isEmpty)
    }

    private func entry(
        _ grant: AccessGrant, _ key: X25519.PublicKey, kind: GrantKind = .contact, party: Int64 = 2, counter: UInt64 = 0
    ) -> NodeAccess.Entry {
        NodeAccess.Entry(grant: grant, initiatorKey: key.bytes, kind: kind, party: party, counter: counter)
    }

    private func entry(_ id: Int64, kind: GrantKind, party: Int64) -> NodeAccess.Entry {
        entry(
            AccessGrant(id: id, preSharedKey: random.secret(32)), X25519.PrivateKey(random: random).publicKey,
            kind: kind, party: party)
    }

    @Test func whatIsGoneDoesNotComeBackByHearingOfItLate() throws {
        let access = NodeAccess()
        let late = entry(7, kind: .contact, party: 2)
        // Made in one transaction, deleted in the next, and heard of the other way round.
        access.apply(AccessChange(removed: [7]))
        access.apply(AccessChange(inserted: [late, entry(8, kind: .contact, party: 2)]))
        #expect(access.entry(for: late.initiatorKey) == nil && access.entry(of: late.grant) == nil)
        #expect(access.contacts == 1 && access.grants(of: 2) == [8])
    }

    @Test func aContactIsCountedOnce() {
        let access = NodeAccess()
        let own = GrantKind.ownDevice(DeviceKeys(random: random).entry.id)
        access.apply(
            AccessChange(inserted: [
                entry(1, kind: own, party: 1), entry(2, kind: .contact, party: 2), entry(3, kind: .contact, party: 2),
                entry(4, kind: .route, party: 2), entry(5, kind: .route, party: 3),
                entry(6, kind: .invite(.contact), party: 4), entry(7, kind: .recovery, party: 1),
            ]))
        #expect(access.contacts == 2)
        #expect(access.contacts(with: 2) == 2 && access.contacts(with: 4) == 3)
        access.apply(AccessChange(removed: [5]))
        #expect(access.contacts == 1)
    }

    @Test func aDigestIsForgottenWithAChange() {
        let access = NodeAccess()
        access.remember(digest: [1], of: access.version)
        #expect(access.digest(of: access.version) == [1])
        access.apply(AccessChange(inserted: [entry(1, kind: .contact, party: 2)]))
        #expect(access.digest(of: access.version) == nil)
    }

    @Test func aCounterThatGrewWhileItWasWrittenIsWrittenAgain() throws {
        let access = NodeAccess()
        let grant = AccessGrant(id: 7, preSharedKey: random.secret(32))
        let key = X25519.PrivateKey(random: random).publicKey
        access.apply(AccessChange(inserted: [entry(grant, key)]))
        #expect(access.admit(grant, counter: 1))
        let written = access.dirtyCounters
        #expect(access.admit(grant, counter: 2))
        access.countersWritten(written)
        #expect(access.dirtyCounters == [7: 2])
        access.countersWritten([7: 2])
        #expect(access.dirtyCounters.isEmpty)
    }

    @Test func connectionsMustFitTheFileLimit() throws {
        try FileLimit.check(100, allowed: 100 + ControlLimits.connections + FileLimit.others)
        let error = #expect(throws: NodeError.self) { try FileLimit.check(1000, allowed: 1024) }
        #expect(error == .tooFewFiles(needed: 1096, allowed: 1024))
        #expect(error?.description.contains("'connections'") == true)
        try FileLimit.raise(for: 16)
        #expect(throws: NodeError.self) { try FileLimit.check(.max / 2, allowed: 1_000_000) }
    }

    @Test func refusalsAreCutToTheirLimit() {
        let refused = Refused(.internal, String(repeating: "👨‍👩‍👧‍👦", count: 200))
        #expect(refused.refusal.detail.utf8.count <= Limits.detailBytes)
        #expect(refused.refusal.detail.utf8.count > Limits.detailBytes - 4)
    }

    @Test func ownAddresses() {
        #expect(OwnAddresses.list(bound: ["127.0.0.1:5", "127.0.0.1:5"]) == ["127.0.0.1:5"])
        let wildcard = OwnAddresses.list(bound: ["0.0.0.0:7"])
        #expect(!wildcard.isEmpty && wildcard.allSatisfy { $0.hasSuffix(":7") && !$0.hasPrefix("0.0.0.0") })
        #expect(OwnAddresses.list(bound: (0..<20).map { "10.0.0.\($0):1" }).count == 8)
    }
}
