import SpeemCrypto
import SpeemStore
import Testing

@testable import SpeemMailbox

/// When a route is tried: one time for all that waits for it.
struct OutboxTimesTests {
    /// More than one window.
    private static let many = Outbox.window + 8

    private static func failAll(_ bench: OutboxBench, _ trouble: OutboxSchedule.Trouble, jitter: Double = 1) throws {
        let window = try bench.due()
        let next = OutboxItem.after(trouble, items: window.map(\.item), now: bench.clock.running, jitter: jitter)
        for (due, item) in zip(window, next) {
            try bench.outbox.keep(item, id: due.id, clock: bench.clock, in: bench.connection)
        }
        try settle(bench, window)
    }

    private static func settle(_ bench: OutboxBench, _ window: [Outbox.Due]) throws {
        try bench.outbox.settle(
            route: bench.route, last: try #require(window.last).id, clock: bench.clock, in: bench.connection)
    }

    private static func nextTry(_ bench: OutboxBench) throws -> Int64? {
        try bench.outbox.nextTry(clock: bench.clock, in: bench.connection)
    }

    @Test func whatIsBehindTheWindowWaitsWithIt() async throws {
        try await withOutbox { (bench) throws in
            for number in 1...Self.many { try bench.put(number) }
            try Self.failAll(bench, .unreachable)
            #expect(try !bench.isDue())
            #expect(try Self.nextTry(bench) == bench.clock.running + 2)
            bench.clock.running += 2
            #expect(try bench.isDue())
        }
    }

    @Test func whatIsPutLaterDoesNotBeginTheBackOffAnew() async throws {
        try await withOutbox { (bench) throws in
            try bench.put(1)
            for _ in 0..<9 { try Self.failAll(bench, .unreachable) }
            #expect(try Self.nextTry(bench) == bench.clock.running + 512)
            // A new one is worth a try.
            try bench.put(2)
            #expect(try bench.isDue())
            try Self.failAll(bench, .unreachable)
            #expect(try !bench.isDue())
            #expect(try Self.nextTry(bench) == bench.clock.running + 1024)
        }
    }

    @Test func aWindowThatWentThroughFreesWhatIsBehindIt() async throws {
        try await withOutbox { (bench) throws in
            for number in 1...Self.many { try bench.put(number) }
            for _ in 0..<9 { try Self.failAll(bench, .unreachable) }
            bench.clock.running += 1
            let window = try bench.due()
            for due in window { try bench.keep(due, .answered([.stored, .stored])) }
            #expect(try !bench.isDue())
            try Self.settle(bench, window)
            #expect(try bench.isDue())
            #expect(try bench.due().count == 8)
        }
    }

    @Test func behindAFullMailboxNobodyAsks() async throws {
        try await withOutbox { (bench) throws in
            try bench.put(1)
            try Self.failAll(bench, .mailboxFull)
            try bench.put(2)
            #expect(try !bench.isDue())
            #expect(try bench.due().map(\.item.trouble) == [.mailboxFull, .mailboxFull])
            #expect(try bench.outbox.waitsForRoom(route: bench.route, in: bench.connection))
            #expect(try bench.outbox.isHastened(route: bench.route, clock: bench.clock, in: bench.connection))
            try bench.outbox.allClear(route: bench.route, clock: bench.clock, in: bench.connection)
            #expect(try bench.isDue())
            #expect(try !bench.outbox.isHastened(route: bench.route, clock: bench.clock, in: bench.connection))
        }
    }

    @Test func aNodeThatIsFullAndNotFullByTurnsIsNotBelieved() async throws {
        try await withOutbox { (bench) throws in
            try bench.put(1)
            var waits: [Int64] = []
            for _ in 0..<10 {
                try Self.failAll(bench, .mailboxFull)
                try bench.outbox.allClear(route: bench.route, clock: bench.clock, in: bench.connection)
                waits.append((try Self.nextTry(bench) ?? bench.clock.running) - bench.clock.running)
                // Again and again changes nothing.
                #expect(try !bench.outbox.isHastened(route: bench.route, clock: bench.clock, in: bench.connection))
            }
            #expect(waits == [0, 2, 4, 8, 16, 32, 60, 60, 60, 60])
        }
    }

    @Test func aLostWordIsAskedForBeforeLong() async throws {
        try await withOutbox { (bench) throws in
            try bench.put(1)
            try bench.outbox.lostWord(route: bench.route, jitter: 1, clock: bench.clock, in: bench.connection)
            #expect(try bench.isDue())
            try Self.failAll(bench, .mailboxFull)
            #expect(try Self.nextTry(bench) == bench.clock.running + OutboxSchedule.whenFull)
            try bench.outbox.lostWord(route: bench.route, jitter: 1, clock: bench.clock, in: bench.connection)
            #expect(try Self.nextTry(bench) == bench.clock.running + OutboxSchedule.longest)
        }
    }

    @Test func anAllClearForNothingChangesNothing() async throws {
        try await withOutbox { (bench) throws in
            try bench.put(1)
            try Self.failAll(bench, .unreachable)
            #expect(try !bench.outbox.isHastened(route: bench.route, clock: bench.clock, in: bench.connection))
            try bench.outbox.allClear(route: bench.route, clock: bench.clock, in: bench.connection)
            #expect(try !bench.isDue())
        }
    }

    @Test func aStartMakesAllDue() async throws {
        try await withOutbox { (bench) throws in
            let other = [UInt8](repeating: 8, count: 16)
            try bench.lead(of: other)
            try bench.put(1)
            try bench.put(2, route: other)
            for route in [bench.route, other] {
                for due in try bench.outbox.due(route: route, bytes: .max, in: bench.connection) {
                    try bench.keep(due, .failed(.mailboxFull, advice: nil))
                }
            }
            #expect(try bench.outbox.dueRoutes(clock: bench.clock, in: bench.connection).isEmpty)
            try bench.outbox.wake(in: bench.connection)
            #expect(try bench.outbox.dueRoutes(clock: bench.clock, in: bench.connection).count == 2)
            #expect(try bench.outbox.isDue(route: other, clock: bench.clock, in: bench.connection))
        }
    }
}
