import Synchronization
import Testing

@testable import SpeemDevice

struct CourierQueueTests {
    /// Many callers, and rounds that end at once: whoever waits for a round must never keep its end from being seen.
    @Test(.timeLimit(.minutes(1))) func manyCallersAtOnce() async throws {
        let rounds = Atomic<Int>(0)
        let queue = CourierQueue(news: Signal()) {
            rounds.add(1, ordering: .relaxed)
            await Task.yield()
            return Courier.Outcome(stored: 1)
        }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<2000 { group.addTask { try await queue.deliver().stored } }
            for try await stored in group { #expect(stored == 1) }
        }
        #expect((1...2000).contains(rounds.load(ordering: .relaxed)))
    }

    /// What was queued before a call is seen by the round that the call waits for.
    @Test func aRoundThatHasBegunIsNotShared() async throws {
        let queued = Mutex(1)
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let isFirst = Atomic<Bool>(true)
        let queue = CourierQueue(news: Signal()) {
            let seen = queued.withLock { $0 }
            if isFirst.exchange(false, ordering: .relaxed) {
                begin.yield()
                for await _ in gate { break }
            }
            return Courier.Outcome(stored: seen)
        }
        async let first = queue.deliver()
        for await _ in begun { break }
        queued.withLock { $0 = 2 }
        async let second = queue.deliver()
        open.yield()
        #expect(try await first.stored == 1)
        #expect(try await second.stored == 2)
    }

    @Test func aFailureReachesThoseWhoWaitedAndNobodyElse() async throws {
        struct Failed: Error {}
        let fails = Atomic<Bool>(true)
        let queue = CourierQueue(news: Signal()) {
            if fails.exchange(false, ordering: .relaxed) { throw Failed() }
            return Courier.Outcome()
        }
        await #expect(throws: Failed.self) { try await queue.deliver() }
        #expect(try await queue.deliver().stored == 0)
    }

    @Test func storedEnvelopesAreNews() async throws {
        let news = Signal()
        let stream = news.subscribe()
        let queue = CourierQueue(news: news) { Courier.Outcome(stored: 1) }
        _ = try await queue.deliver()
        for await _ in stream { break }
    }
}
