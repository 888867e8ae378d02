import SpeemCrypto
import SpeemStore
import Testing

@testable import SpeemMailbox

struct OutboxTests {
    @Test func whatWasPutIsDueInItsOrderAndPaidFor() async throws {
        try await withOutbox { (bench) throws in
            for number in 1...3 { try bench.put(number) }
            #expect(try bench.used() == 3 * (100 + 32 + 2 * 97))
            #expect(try bench.outbox.dueRoutes(clock: bench.clock, in: bench.connection) == [bench.route])
            // What is due has no other time.
            #expect(try bench.outbox.nextTry(clock: bench.clock, in: bench.connection) == nil)
            #expect(try bench.due().map(\.deposit) == [bench.deposit(1), bench.deposit(2), bench.deposit(3)])
            #expect(try bench.due(bytes: 1).count == 1)
        }
    }

    @Test func theSameAgainIsTheSameAndOtherBytesAreAConflict() async throws {
        try await withOutbox { (bench) throws in
            try bench.put(1)
            try bench.put(1)
            #expect(try bench.due().count == 1)
            #expect(throws: Outbox.Refusal.conflict) { try bench.put(1, body: 101) }
        }
    }

    @Test func whatIsOverIsSentAgainWhenItIsPutAgain() async throws {
        try await withOutbox { (bench) throws in
            try bench.put(1)
            try bench.put(2)
            try bench.keep(try #require(try bench.due().first), .answered([.stored, .stored]))
            let used = try bench.used()
            #expect(throws: Outbox.Refusal.conflict) { try bench.put(1, body: 101) }
            // Its device has not acknowledged the end, and knows that the far node has lost it.
            try bench.put(1)
            #expect(try bench.used() == 2 * used)
            #expect(try bench.due().map(\.deposit) == [bench.deposit(2), bench.deposit(1)])
            #expect(try bench.reports().map(\.item.state) == [.waiting, .waiting])
            // A late acknowledgement of the first end is none of the second.
            try bench.outbox.acknowledge(items: [bench.name(1)], device: bench.device, in: bench.connection)
            #expect(try bench.due().count == 2)
        }
    }

    @Test func theShareOfOwnDevicesBoundsIt() async throws {
        try await withOutbox { (bench) throws in
            #expect(throws: Outbox.Refusal.full) { try bench.put(1, body: 100_000) }
            #expect(try bench.used() == 0)
            try bench.put(1, body: 60_000)
            #expect(throws: Outbox.Refusal.full) { try bench.put(2, body: 60_000) }
            // What is over gives its space back.
            try bench.keep(try #require(try bench.due().first), .answered([.stored, .stored]))
            #expect(try bench.used() == 0)
            try bench.put(2, body: 60_000)
        }
    }

    @Test func aTryIsKeptWithWhatIsLeftToAsk() async throws {
        try await withOutbox { (bench) throws in
            try bench.put(1)
            try bench.keep(
                try #require(try bench.due().first), .answered([.stored, .later(.farTrouble, advice: nil)]))
            let again = try #require(try bench.due().first)
            #expect(again.deposit.targets == [bench.deposit(1).targets[1]])
            #expect(again.item.targets == [.stored, .waiting] && again.item.trouble == .farTrouble)
            #expect(try bench.outbox.dueRoutes(clock: bench.clock, in: bench.connection) == [])
            bench.clock.running = again.item.nextTry
            #expect(try bench.outbox.dueRoutes(clock: bench.clock, in: bench.connection) == [bench.route])
            try bench.keep(again, .answered([.refused(code: 7, detail: "no such device")]))
            let report = try #require(try bench.reports().first)
            #expect(report.item.state == .stored)
            #expect(report.item.targets == [.stored, .refused(code: 7, detail: "no such device")])
            #expect(try bench.due().isEmpty)
        }
    }

    @Test func endsStayUntilTheirDeviceHasThem() async throws {
        try await withOutbox { (bench) throws in
            try bench.put(1)
            try bench.put(2)
            try bench.keep(try #require(try bench.due().first), .answered([.stored, .stored]))
            #expect(try bench.reports().map(\.item.state).sorted { $0.rawValue < $1.rawValue } == [.waiting, .stored])
            // Another device cannot, nor can one that still waits be forgotten.
            try bench.outbox.acknowledge(items: [bench.name(1)], device: alice, in: bench.connection)
            try bench.outbox.acknowledge(items: [bench.name(2)], device: bench.device, in: bench.connection)
            #expect(try bench.reports().count == 2)
            try bench.outbox.acknowledge(items: [bench.name(1)], device: bench.device, in: bench.connection)
            #expect(try bench.reports().map(\.name) == [bench.name(2)])
        }
    }

    @Test func whatIsOverStaysAsItIs() async throws {
        try await withOutbox { (bench) throws in
            try bench.put(1)
            let due = try #require(try bench.due().first)
            #expect(
                try bench.outbox.keep(
                    due.item.expired(), id: due.id, clock: bench.clock, in: bench.connection) == bench.device)
            // The answer to a try that was under way.
            #expect(
                try bench.outbox.keep(
                    due.item.after(.failed(.unreachable, advice: nil), now: 0, jitter: 0), id: due.id,
                    clock: bench.clock, in: bench.connection) == nil)
            #expect(try bench.reports().map(\.item.state) == [.expired])
            #expect(try bench.used() == 0)
        }
    }

    @Test func withoutARouteNothingIsTaken() async throws {
        try await withOutbox { (bench) throws in
            let other = [UInt8](repeating: 9, count: 16)
            #expect(throws: Outbox.Refusal.noRoute) { try bench.put(1, route: other) }
            try bench.put(2)
            try bench.outbox.removeHops(route: bench.route, nodeKey: nil, in: bench.connection)
            // What was taken is still the same item; nothing new is.
            try bench.put(2)
            #expect(throws: Outbox.Refusal.noRoute) { try bench.put(3) }
        }
    }

    @Test func whatWaitsIsCounted() async throws {
        try await withOutbox { (bench) throws in
            #expect(try bench.outbox.counts(in: bench.connection) == (0, 0))
            for number in 1...3 { try bench.put(number) }
            #expect(try bench.outbox.counts(in: bench.connection) == (3, 0))
            for due in try bench.due() { try bench.keep(due, .failed(.unreachable, advice: nil)) }
            #expect(try bench.outbox.counts(in: bench.connection) == (3, 1))
            try bench.keep(try #require(try bench.due().first), .answered([.stored, .stored]))
            #expect(try bench.outbox.counts(in: bench.connection) == (2, 1))
        }
    }

    @Test func aBoardWithoutTheTimeBeginsToCountWhenItKnowsIt() async throws {
        try await withOutbox { (bench) throws in
            bench.clock.wall = nil
            try bench.put(1, lifetime: 1000)
            bench.clock.running += 5000
            #expect(try bench.outbox.expire(clock: bench.clock, in: bench.connection).isEmpty)
            bench.clock.wall = 1_800_000_000
            #expect(try bench.outbox.expire(clock: bench.clock, in: bench.connection).isEmpty)
            bench.clock.wall = 1_800_001_000
            #expect(try bench.outbox.expire(clock: bench.clock, in: bench.connection).count == 1)
        }
    }

    @Test func bothClocksMustCallItTooOld() async throws {
        try await withOutbox { (bench) throws in
            try bench.put(1, lifetime: 1000)
            bench.clock.running += 2000
            #expect(try bench.outbox.expire(clock: bench.clock, in: bench.connection).isEmpty)
            bench.clock.wall = bench.clock.wall.map { $0 + 500 }
            #expect(try bench.outbox.expire(clock: bench.clock, in: bench.connection).isEmpty)
            bench.clock.wall = bench.clock.wall.map { $0 + 500 }
            #expect(try bench.outbox.expire(clock: bench.clock, in: bench.connection).count == 1)
            #expect(try bench.reports().first?.item.state == .expired)
            #expect(try bench.used() == 0)
            // Nobody asks for a long time.
            bench.clock.running += Outbox.memory + 1
            _ = try bench.outbox.expire(clock: bench.clock, in: bench.connection)
            #expect(try bench.reports().isEmpty)
        }
    }
}
