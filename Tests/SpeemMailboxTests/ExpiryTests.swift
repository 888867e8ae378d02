import SpeemStore
import Testing

@testable import SpeemMailbox

struct ExpiryTests {
    private func clock(_ running: Int64, _ wall: Int64?) -> NodeClock { NodeClock(running: running, wall: wall) }

    @Test func anEnvelopeGoesOnlyWhenBothClocksSaySo() {
        let made = clock(100, 1000)
        #expect(Expiry.bothSay(made: made, now: clock(200, 1100), age: 100))
        #expect(!Expiry.bothSay(made: made, now: clock(199, 5000), age: 100))
        #expect(!Expiry.bothSay(made: made, now: clock(5000, 1099), age: 100))
        // The clock jumped back, is not set, or was not set then.
        #expect(!Expiry.bothSay(made: made, now: clock(5000, 0), age: 100))
        #expect(!Expiry.bothSay(made: made, now: clock(5000, nil), age: 100))
        #expect(!Expiry.bothSay(made: clock(100, nil), now: clock(5000, 9000), age: 100))
        #expect(!Expiry.bothSay(made: clock(.min, .min), now: clock(.min, .max), age: 1))
        #expect(Expiry.bothSay(made: clock(.min, .min), now: clock(.max, .max), age: .max))
    }

    @Test func anInviteDiesWhenEitherDoes() {
        func dead(_ running: Int64, _ wall: Int64?) -> Bool {
            Expiry.eitherSays(madeRunning: 100, lifetime: 50, deadline: 2000, now: clock(running, wall))
        }
        #expect(!dead(149, 1999))
        #expect(dead(150, 0))
        #expect(dead(150, nil))
        #expect(dead(100, 2000))
        #expect(!dead(0, nil))
        #expect(!Expiry.eitherSays(madeRunning: .max, lifetime: 1, deadline: .max, now: clock(.min, nil)))
    }

    @Test func inTheStore() async throws {
        try await withMailboxes(maxAge: 1000) { (store, mailboxes) async throws in
            let unset = clock(100, nil)
            _ = try await store.deposit(envelope(1), clock: clock(100, 1_000_000), mailboxes)
            _ = try await store.deposit(envelope(2), clock: unset, mailboxes)
            func expire(_ now: NodeClock) async throws -> Int {
                try await store.write { try mailboxes.expire(clock: now, in: $0) }
            }
            // A clock that jumps a year forward deletes nothing, nor does a board that ran a year in 1970.
            #expect(try await expire(clock(101, 40_000_000)) == 0)
            #expect(try await expire(clock(40_000_000, nil)) == 0)
            #expect(try await expire(clock(2000, 1_000_500)) == 0)
            #expect(try await store.drain(mailboxes)?.envelopes.count == 2)
            #expect(try await expire(clock(2000, 1_001_000)) == 1)
            // The second began to age by the wall clock when that was first known.
            #expect(try await store.drain(mailboxes)?.envelopes.map(\.sequence) == [2])
            #expect(try await expire(clock(3000, 50_000_000)) == 1)
            #expect(try await store.used(mailboxes) == 0)
        }
    }

    @Test func tombstonesGoAfterAWhile() async throws {
        try await withMailboxes { (store, mailboxes) async throws in
            _ = try await store.deposit(envelope(1), mailboxes)
            _ = try await store.acknowledge([1], mailboxes)
            func remembered() async throws -> Bool {
                try await store.deposit(envelope(1), mailboxes) == .duplicate
            }
            #expect(try await remembered())
            _ = try await store.write { try mailboxes.expire(clock: clock(100 + 59 * 86_400, nil), in: $0) }
            #expect(try await remembered())
            _ = try await store.write { try mailboxes.expire(clock: clock(101 + 60 * 86_400, nil), in: $0) }
            #expect(try await !remembered())
        }
    }
}
