import Dispatch
import Synchronization
import Testing

@testable import SpeemStore

struct WorkerThreadTests {
    private typealias Worker = WorkerThread<Int>

    /// A worker whose jobs are their own cost, and whose first one, 0, waits for `gate`.
    private func start(
        limit: Worker.Bound, batch: Worker.Bound, gate: DispatchSemaphore, log: EventLog
    ) -> Worker {
        let worker = Worker(limit: limit, cost: { $0 })
        let started = DispatchSemaphore(value: 0)
        worker.start(
            batch: batch, setUp: {},
            work: { _, jobs in
                log.append("\(jobs)")
                guard jobs == [0] else { return }
                started.signal()
                gate.wait()
            }, tearDown: { _ in log.append("tear down") })
        try? worker.submit(0)
        started.wait()
        return worker
    }

    @Test func batchesAreCutByCountAndByBytes() async throws {
        let gate = DispatchSemaphore(value: 0)
        let log = EventLog()
        let worker = start(
            limit: .init(count: 100, cost: 1000), batch: .init(count: 3, cost: 10), gate: gate, log: log)
        for job in [1, 2, 3, 4, 50, 5, 5, 1] { try worker.submit(job) }
        gate.signal()
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in worker.close { done.resume() } }
        #expect(log.events == ["[0]", "[1, 2, 3]", "[4]", "[50]", "[5, 5]", "[1]", "tear down"])
    }

    @Test func theQueueIsBoundedByCountAndByBytes() async throws {
        let gate = DispatchSemaphore(value: 0)
        let log = EventLog()
        let worker = start(limit: .init(count: 3, cost: 20), batch: .init(count: 9, cost: 99), gate: gate, log: log)
        // One that is larger than the whole queue is let through when nothing waits.
        try worker.submit(21)
        #expect(throws: Worker.Refusal.full) { try worker.submit(1) }
        gate.signal()
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in worker.close { done.resume() } }
        #expect(throws: Worker.Refusal.closed) { try worker.submit(1) }
        let second = start(limit: .init(count: 3, cost: 20), batch: .init(count: 9, cost: 99), gate: gate, log: log)
        for job in [1, 18, 1] { try second.submit(job) }
        #expect(throws: Worker.Refusal.full) { try second.submit(0) }
        gate.signal()
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in second.close { done.resume() } }
        #expect(log.events.contains("[1, 18, 1]"))
    }

    /// Even with a full queue, and for everybody who closes.
    @Test func closingEndsAfterTheWork() async throws {
        let gate = DispatchSemaphore(value: 0)
        let log = EventLog()
        let worker = start(limit: .init(count: 1, cost: 9), batch: .init(count: 1, cost: 9), gate: gate, log: log)
        try worker.submit(7)
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            worker.close { log.append("closed") }
            worker.close { done.resume() }
            #expect(log.events == ["[0]"])
            gate.signal()
        }
        #expect(log.events == ["[0]", "[7]", "tear down", "closed"])
        worker.close { log.append("late") }
        #expect(log.events.last == "late")
    }
}

final class EventLog: Sendable {
    private let state = Mutex<[String]>([])

    var events: [String] { state.withLock { $0 } }
    func append(_ event: String) { state.withLock { $0.append(event) } }
}
