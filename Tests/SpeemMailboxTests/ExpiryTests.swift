import SpeemStore
import Testing

@testable import SpeemMailbox

private func clock(_ running: Int64, _ wall: Int64?) -> NodeClock { NodeClock(running: running, wall: wall) }

struct ExpiryTests {
    // MARK: The rules

    @Test func anEnvelopeGoesOnlyWhenBothClocksSaySo() {
        let made = clock(100, 1000)
        #expect(Expiry.bothSay(made: made, now: clock(200, 1100), age: 100))
        #expect(!Expiry.bothSay(made: made, now: clock(199, 5000), age: 100))
        #expect(!Expiry.bothSay(made: made, now: clock(5000, 1099), age: 100))
        // The clock jumped back, is not set, or was not set then.
        #expect(!Expiry.bothSay(made: made, now: clock(5000, 0), age: 100))
        #expect(!Expiry.bothSay(made: made, now: clock(5000, nil), age: 100))
        #expect(!Expiry.bothSay(made: clock(100, nil), now: clock(5000, 9000), age: 100))
    }

    @Test func noClockIsTooFarOff() {
        let edges: [Int64] = [.min, .min + 1, -1, 0, 1, .max - 1, .max]
        for made in edges {
            for now in edges {
                for age in [1, 1000, .max] as [Int64] {
                    let (difference, overflow) = now.subtractingReportingOverflow(made)
                    // No overflow, or a difference beyond Int64: the result is known without the code under test.
                    let expected = now > made && (overflow || difference >= age)
                    #expect(Expiry.bothSay(made: clock(made, 0), now: clock(now, .max), age: age) == expected)
                    #expect(Expiry.bothSay(made: clock(0, made), now: clock(.max, now), age: age) == expected)
                    #expect(
                        Expiry.eitherSays(madeRunning: made, lifetime: age, deadline: .max, now: clock(now, nil))
                            == expected)
                }
            }
        }
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

    // MARK: In the store

    @Test(arguments: [
        // A clock that jumps a year forward, a board that ran a year in 1970, one that has no clock, a clock that
        // jumped back before the deposit, one second short by each clock.
        clock(101, 40_000_000), clock(40_000_000, 5), clock(40_000_000, nil), clock(5000, 900_000),
        clock(1099, 1_001_000), clock(1100, 1_000_999), clock(0, 0), clock(.min, .min), clock(.max, .min),
        clock(.min, .max),
    ])
    func oneClockAloneDeletesNothing(now: NodeClock) async throws {
        try await withBench(maxAge: 1000) { (bench) throws in
            bench.clock = clock(100, 1_000_000)
            _ = try bench.deposit(envelope(1))
            bench.clock = now
            #expect(try bench.expireAll() == 0)
            #expect(try bench.sequences() == [1])
            bench.clock = clock(1100, 1_001_000)
            #expect(try bench.expireAll() == 1)
            #expect(try bench.sequences() == [])
            #expect(try bench.used() == 0)
        }
    }

    @Test(arguments: [1, 1000, .max] as [Int64])
    func noClockOverflows(age: Int64) async throws {
        try await withBench(maxAge: age) { (bench) throws in
            for running in [.min, -1, 0, .max] as [Int64] {
                for wall in [.min, -1, 0, .max, nil] as [Int64?] {
                    bench.clock = clock(running, wall)
                    try bench.expireAll()
                }
            }
            bench.clock = clock(.min, .min)
            _ = try bench.deposit(envelope(1))
            bench.clock = clock(.max, .max)
            #expect(try bench.expireAll() == 1)
        }
    }

    @Test func theFirstSynchronisationDatesWhatCameBefore() async throws {
        try await withBench(maxAge: 1000) { (bench) throws in
            bench.clock = clock(100, nil)
            _ = try bench.deposit(envelope(1))
            bench.clock = clock(5000, nil)
            #expect(try bench.expireAll() == 0)
            // The clock is set: from now on the envelope ages by it.
            bench.clock = clock(5001, 1_000_000)
            #expect(try bench.expireAll() == 0)
            // A second synchronisation does not make it younger.
            bench.clock = clock(5500, 1_000_999)
            #expect(try bench.expireAll() == 0)
            bench.clock = clock(6001, 1_001_000)
            #expect(try bench.expireAll() == 1)
        }
    }

    /// Several starts without a clock, each with its own first synchronisation.
    @Test func eachStartHasItsOwnSynchronisation() async throws {
        try await withBench(maxAge: 1000) { (bench) throws in
            for start in 0..<4 as Range<Int64> {
                bench.clock = clock(start * 100, nil)
                for number in 0..<3 { _ = try bench.deposit(envelope(Int(start) * 3 + number)) }
                bench.clock = clock(start * 100 + 10, 1_000_000 + start * 100)
                #expect(try bench.expireAll() == 0)
                // One that knows its time, in between.
                _ = try bench.deposit(envelope(100 + Int(start)))
            }
            for start in 0..<4 as Range<Int64> {
                bench.clock = clock(10_000, 1_000_999 + start * 100)
                #expect(try bench.expireAll() == 0)
                bench.clock = clock(10_000, 1_001_000 + start * 100)
                #expect(try bench.expireAll() == 4)
            }
            #expect(try bench.used() == 0)
        }
    }

    /// Envelopes that were dated by a clock in the far future must not hide others from the clean-up.
    @Test func whatStaysDoesNotHideWhatGoes() async throws {
        try await withBench(maxAge: 1000) { (bench) throws in
            bench.clock = clock(100, 2_200_000_000)
            for number in 0..<600 { _ = try bench.deposit(envelope(number, body: 0)) }
            bench.clock = clock(101, 1_000_000)
            for number in 600..<610 { _ = try bench.deposit(envelope(number, body: 0)) }
            bench.clock = clock(5000, 1_500_000)
            #expect(try bench.expireAll() == 10)
            #expect(try bench.sequences()?.count == 600)
        }
    }

    @Test func goesInBoundedPieces() async throws {
        try await withBench(maxAge: 1000) { (bench) throws in
            for number in 0..<600 { _ = try bench.deposit(envelope(number, body: 0), for: number < 300 ? alice : bob) }
            bench.clock = clock(start.running + 1000, start.wall.map { $0 + 1000 })
            #expect(try bench.expire() == 256)
            // The oldest first.
            #expect(try bench.sequences()?.first == 257)
            #expect(try bench.expire() == 256)
            #expect(try bench.expire() == 88)
            #expect(try bench.expire() == 0)
        }
    }

    @Test func freesTheShareOfItsGrant() async throws {
        let size = envelope(0).size
        try await withBench(quota: Quota(total: 10 * size, perContact: size, own: size), maxAge: 1000) {
            (bench) throws in
            #expect(try bench.deposit(envelope(1)).isStored)
            #expect(try bench.deposit(envelope(2), from: 7, as: .ownDevice).isStored)
            #expect(try bench.deposit(envelope(3)) == .refused(.mailboxFull))
            #expect(try bench.deposit(envelope(3), from: 7, as: .ownDevice) == .refused(.mailboxFull))
            bench.clock = clock(start.running + 1000, start.wall.map { $0 + 1000 })
            #expect(try bench.expireAll() == 2)
            #expect(try bench.deposit(envelope(3)).isStored)
            #expect(try bench.deposit(envelope(3), from: 7, as: .ownDevice).isStored)
        }
    }

    /// No device had it: told "duplicate", a sender that tries again would think it is kept.
    @Test func whatExpiredCanBeDepositedAgain() async throws {
        try await withBench(maxAge: 1000) { (bench) throws in
            _ = try bench.deposit(envelope(1))
            bench.clock = clock(start.running + 1000, start.wall.map { $0 + 1000 })
            #expect(try bench.expireAll() == 1)
            #expect(try bench.deposit(envelope(1)) == .stored(sequence: 2))
            #expect(try bench.sequences() == [2])
        }
    }

    // MARK: Tombstones

    @Test func tombstonesGoAfterAWhileOfRunning() async throws {
        try await withBench { (bench) throws in
            _ = try bench.deposit(envelope(1))
            try bench.acknowledge([1])
            #expect(try bench.deposit(envelope(1)) == .duplicate)
            // The wall clock has no say.
            bench.clock = clock(100 + 60 * day, .max)
            try bench.expireAll()
            #expect(try bench.deposit(envelope(1)) == .duplicate)
            bench.clock = clock(101 + 60 * day, nil)
            try bench.expireAll()
            #expect(try bench.deposit(envelope(1)) == .stored(sequence: 2))
        }
    }

    @Test func tombstonesGoInBoundedPieces() async throws {
        try await withBench { (bench) throws in
            for number in 0..<600 {
                _ = try bench.deposit(envelope(number, body: 0), from: Int64(number % 3 + 1))
            }
            #expect(try bench.acknowledge((1...600).map { $0 }) == 600)
            #expect(try bench.tombstones() == 600)
            bench.clock = clock(1000 + 60 * day, nil)
            for left in [344, 88, 0, 0] as [Int64] {
                try bench.expire()
                #expect(try bench.tombstones() == left)
            }
            #expect(try bench.count("usage") == 0)
        }
    }
}
