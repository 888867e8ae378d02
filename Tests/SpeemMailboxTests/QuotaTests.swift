import SpeemStore
import Testing

@testable import SpeemMailbox

struct QuotaTests {
    private let quota = Quota(total: 1000, perContact: 300, own: 100)

    @Test func sharesNeverAddUpToMoreThanThereIs() {
        for total in [0, 1, 99, 100, 1000, 12_345] as [Int64] {
            for contacts in [0, 1, 2, 7, 1000] as [Int64] {
                let quota = Quota(total: total, perContact: 300, own: 100)
                let sum =
                    quota.share(of: .ownDevice, contacts: contacts)
                    + max(contacts, 0) * quota.share(of: .contact, contacts: contacts)
                #expect(sum <= total)
            }
        }
        #expect(quota.share(of: .contact, contacts: 1) == 300)
        #expect(quota.share(of: .contact, contacts: 9) == 100)
        #expect(quota.share(of: .ownDevice, contacts: 9) == 100)
        #expect(Quota(total: -5, perContact: -1, own: -1).share(of: .contact, contacts: -3) == 0)
    }

    @Test func exactlyToTheLimit() {
        func decide(_ size: Int64, used: Int64, total: Int64) -> Quota.Verdict {
            quota.decide(
                size: size, depositor: .contact,
                usage: Quota.Usage(depositor: used, total: total, contacts: 1))
        }
        #expect(decide(300, used: 0, total: 0) == .accepted)
        #expect(decide(301, used: 0, total: 0) == .shareFull)
        #expect(decide(1, used: 300, total: 300) == .shareFull)
        #expect(decide(100, used: 0, total: 901) == .nodeFull)
        #expect(decide(.max, used: .max, total: 0) == .shareFull)
        #expect(decide(1, used: 0, total: .max) == .nodeFull)
    }

    @Test func aFullShareIsRefusedAndFreedByReading() async throws {
        let small = Quota(total: 100_000, perContact: 10_000, own: 5_000)
        try await withMailboxes(quota: small) { (store, mailboxes) async throws in
            var stored = 0
            while case .stored = try await store.deposit(envelope(stored, body: 1000), mailboxes) { stored += 1 }
            #expect(stored == Int(10_000 / envelope(0, body: 1000).size))
            #expect(try await store.deposit(envelope(999, body: 1000), mailboxes) == .refused(.mailboxFull))
            // What was stored before is still a duplicate, and others have their own share.
            #expect(try await store.deposit(envelope(0, body: 1000), mailboxes) == .duplicate)
            guard case .stored = try await store.deposit(envelope(1, body: 1000), from: 2, contacts: 2, mailboxes)
            else {
                Issue.record("another contact's share is used up")
                return
            }
            #expect(try await store.acknowledge([1], mailboxes) == 1)
            guard case .stored = try await store.deposit(envelope(999, body: 1000), mailboxes) else {
                Issue.record("reading did not free the share")
                return
            }
        }
    }

    @Test func ownDevicesShareOneReserve() async throws {
        let small = Quota(total: 10_000, perContact: 9_000, own: 3_000)
        try await withMailboxes(quota: small) { (store, mailboxes) async throws in
            guard case .stored = try await store.deposit(envelope(1, body: 2000), from: 5, as: .ownDevice, mailboxes)
            else {
                Issue.record("refused")
                return
            }
            #expect(
                try await store.deposit(envelope(2, body: 2000), from: 6, as: .ownDevice, mailboxes)
                    == .refused(.mailboxFull))
            #expect(try await store.acknowledge([1], mailboxes) == 1)
            guard case .stored = try await store.deposit(envelope(2, body: 2000), from: 6, as: .ownDevice, mailboxes)
            else {
                Issue.record("the reserve was not freed")
                return
            }
        }
    }
}
