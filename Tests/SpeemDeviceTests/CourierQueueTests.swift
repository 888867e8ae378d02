import Synchronization
import Testing

@testable import SpeemDevice

struct CourierQueueTests {
    /// Many callers, and rounds that end at once: whoever waits for a round must never keep its end from being seen.
    @Test(.timeLimit(.minutes(1))) func manyCallersAtOnce() async throws {
        let rounds = Atomic<Int>(0)
        let queue = CourierQueue(news: Signal()) { _ in
            rounds.add(1, ordering: .relaxed)
            await Task.yield()
            return Courier.Outcome(stored: 1)
        }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<2000 { group.addTask { try await queue.deliver(to: 1).stored } }
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
        let queue = CourierQueue(news: Signal()) { _ in
            let seen = queued.withLock { $0 }
            if isFirst.exchange(false, ordering: .relaxed) {
                begin.yield()
                for await _ in gate { break }
            }
            return Courier.Outcome(stored: seen)
        }
        async let first = queue.deliver(to: 1)
        for await _ in begun { break }
        queued.withLock { $0 = 2 }
        async let second = queue.deliver(to: 1)
        open.yield()
        #expect(try await first.stored == 1)
        #expect(try await second.stored == 2)
    }

    @Test func aFailureReachesThoseWhoWaitedAndNobodyElse() async throws {
        struct Failed: Error {}
        let fails = Atomic<Bool>(true)
        let queue = CourierQueue(news: Signal()) { _ in
            if fails.exchange(false, ordering: .relaxed) { throw Failed() }
            return Courier.Outcome()
        }
        await #expect(throws: Failed.self) { try await queue.deliver(to: 1) }
        #expect(try await queue.deliver(to: 1).stored == 0)
    }

    @Test func storedEnvelopesAreNews() async throws {
        let news = Signal()
        let stream = news.subscribe()
        let queue = CourierQueue(news: news) { _ in Courier.Outcome(stored: 1) }
        _ = try await queue.deliver(to: 1)
        for await _ in stream { break }
    }

    /// A contact whose node does not answer holds up nobody else.
    @Test(.timeLimit(.minutes(1))) func contactsDoNotWaitForEachOther() async throws {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let queue = CourierQueue(news: Signal()) { contact in
            if contact == 1 { for await _ in gate { break } }
            return Courier.Outcome(stored: Int(contact))
        }
        async let slow = queue.deliver(to: 1)
        #expect(try await queue.deliver(to: 2).stored == 2)
        open.yield()
        #expect(try await slow.stored == 1)
        let total = await queue.deliver(toAllOf: [2, 3])
        #expect(total.stored == 5 && !total.isWaiting)
    }
}
