import SpeemStore
import Testing

@testable import SpeemMailbox

struct DrainTests {
    @Test func behindACursor() async throws {
        try await withMailboxes { (store, mailboxes) async throws in
            for number in 1...10 { _ = try await store.deposit(envelope(number), mailboxes) }
            let first = try #require(try await store.drain(count: 4, mailboxes))
            #expect(first.envelopes.map(\.sequence) == [1, 2, 3, 4] && first.more)
            let second = try #require(try await store.drain(after: 4, count: 6, mailboxes))
            #expect(second.envelopes.map(\.sequence) == [5, 6, 7, 8, 9, 10] && !second.more)
            #expect(try await store.drain(after: 10, mailboxes)?.envelopes.isEmpty == true)
            #expect(try await store.drain(after: .max, mailboxes)?.envelopes.isEmpty == true)
            #expect(try await store.drain(after: .min, mailboxes)?.envelopes.count == 10)
        }
    }

    @Test func atLeastOneWhateverItsSize() async throws {
        try await withMailboxes { (store, mailboxes) async throws in
            for number in 1...3 { _ = try await store.deposit(envelope(number, body: 50_000), mailboxes) }
            for bytes in [0, 1, 60_000] {
                let drain = try #require(try await store.drain(bytes: bytes, mailboxes))
                #expect(drain.envelopes.count == 1 && drain.more)
            }
            #expect(try await store.drain(bytes: 110_000, mailboxes)?.envelopes.count == 2)
        }
    }

    @Test func acknowledgingDeletesOnlyWhatIsNamedAndOnlyHere() async throws {
        try await withMailboxes { (store, mailboxes) async throws in
            for number in 1...4 { _ = try await store.deposit(envelope(number), mailboxes) }
            // Another device's acknowledgement does nothing.
            #expect(try await store.acknowledge([1, 2], of: bob, mailboxes) == 0)
            #expect(try await store.acknowledge([2, 4, 99, -1, .max, 2], mailboxes) == 2)
            #expect(try await store.drain(mailboxes)?.envelopes.map(\.sequence) == [1, 3])
            #expect(try await store.acknowledge([2, 4], mailboxes) == 0)
        }
    }

    @Test func removingAMailboxFreesItsSpace() async throws {
        try await withMailboxes { (store, mailboxes) async throws in
            for number in 1...4 { _ = try await store.deposit(envelope(number), mailboxes) }
            _ = try await store.deposit(envelope(9), for: bob, mailboxes)
            try await store.write { try mailboxes.remove(device: alice, clock: start, in: $0) }
            #expect(try await store.drain(of: alice, mailboxes) == nil)
            #expect(try await store.drain(of: bob, mailboxes)?.envelopes.count == 1)
            #expect(try await store.used(mailboxes) == envelope(9).size)
            try await store.write { try mailboxes.remove(device: alice, clock: start, in: $0) }
        }
    }

    @Test func states() async throws {
        try await withMailboxes { (store, mailboxes) async throws in
            _ = try await store.deposit(envelope(1), mailboxes)
            let later = NodeClock(running: 160, wall: nil)
            _ = try await store.deposit(envelope(2), clock: later, mailboxes)
            let states = try await store.read { try mailboxes.states(clock: later, in: $0) }
            #expect(
                states == [
                    MailboxState(device: alice, envelopes: 2, bytes: 2 * envelope(1).size, oldestAge: 60),
                    MailboxState(device: bob, envelopes: 0, bytes: 0, oldestAge: 0),
                ])
        }
    }
}
