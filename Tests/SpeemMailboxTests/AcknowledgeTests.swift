import SpeemStore
import Testing

@testable import SpeemMailbox

struct AcknowledgeTests {
    @Test func deletesOnlyWhatIsNamed() async throws {
        try await withBench { (bench) throws in
            for number in 1...4 { _ = try bench.deposit(envelope(number)) }
            #expect(try bench.acknowledge([2, 4, 99, -1, .max, .min, 0, 2]) == 2)
            #expect(try bench.sequences() == [1, 3])
            #expect(try bench.acknowledge([]) == 0)
        }
    }

    @Test func twiceDoesNothingMore() async throws {
        try await withBench { (bench) throws in
            for number in 1...4 { _ = try bench.deposit(envelope(number)) }
            #expect(try bench.acknowledge([2, 4]) == 2)
            let used = try bench.used()
            #expect(try bench.acknowledge([2, 4]) == 0)
            #expect(try bench.used() == used)
            #expect(try bench.tombstones() == 2)
        }
    }

    @Test func inAnotherMailboxDoesNothing() async throws {
        try await withBench { (bench) throws in
            for number in 1...2 { _ = try bench.deposit(envelope(number)) }
            #expect(try bench.acknowledge([1, 2], of: bob) == 0)
            #expect(try bench.acknowledge([1, 2], of: [UInt8](repeating: 0, count: 16)) == 0)
            #expect(try bench.acknowledge([1, 2], of: []) == 0)
            #expect(try bench.sequences() == [1, 2])
            #expect(try bench.tombstones() == 0)
        }
    }

    @Test func leavesATombstone() async throws {
        try await withBench { (bench) throws in
            _ = try bench.deposit(envelope(1))
            #expect(try bench.acknowledge([1]) == 1)
            #expect(try bench.deposit(envelope(1)) == .duplicate)
            #expect(try bench.deposit(envelope(1, body: 11)) == .refused(.conflict))
            #expect(try bench.sequences() == [])
            // It costs no share, and is of one party and one mailbox.
            #expect(try bench.used() == 0)
            #expect(try bench.deposit(envelope(1), from: 2).isStored)
            #expect(try bench.deposit(envelope(1), for: bob).isStored)
        }
    }

    /// A party that deposits without end, read by a device as fast.
    @Test func theMemoryOfAGrantIsBounded() async throws {
        try await withBench { (bench) throws in
            let count = 5000
            // Another party's memory stays.
            guard case .stored(let first) = try bench.deposit(envelope(-1, body: 0), from: 2) else { return }
            try bench.acknowledge([first])
            var most: Int64 = 0
            for number in 0..<count {
                guard case .stored(let sequence) = try bench.deposit(envelope(number, body: 0)) else { continue }
                bench.clock.running += 1
                try bench.acknowledge([sequence])
                if number % 100 == 0 || number > 4300 { most = max(most, try bench.tombstones()) }
            }
            // All of both: 4,096 with some slack, and one.
            #expect(most == 4096 + 256 + 1)
            let left = Int(try bench.tombstones()) - 1
            #expect(left >= 4096)
            // The newest are remembered, the oldest forgotten: then the device recognises them.
            #expect(try bench.deposit(envelope(count - 1, body: 0)) == .duplicate)
            #expect(try bench.deposit(envelope(count - left, body: 0)) == .duplicate)
            #expect(try bench.deposit(envelope(count - left - 1, body: 0)).isStored)
            #expect(try bench.deposit(envelope(0, body: 0)).isStored)
            #expect(try bench.deposit(envelope(-1, body: 0), from: 2) == .duplicate)
        }
    }

    /// What waits is not forgotten, however many tombstones there are.
    @Test func onlyTombstonesAreForgotten() async throws {
        try await withBench { (bench) throws in
            _ = try bench.deposit(envelope(-1, body: 0))
            for number in 0..<4400 {
                guard case .stored(let sequence) = try bench.deposit(envelope(number, body: 0)) else { continue }
                try bench.acknowledge([sequence])
            }
            #expect(try bench.deposit(envelope(-1, body: 0)) == .duplicate)
            #expect(try bench.sequences() == [1])
        }
    }

    @Test func aClockThatGoesBackHarmsNothing() async throws {
        try await withBench { (bench) throws in
            for number in 1...3 { _ = try bench.deposit(envelope(number)) }
            bench.clock = NodeClock(running: .min, wall: .min)
            #expect(try bench.acknowledge([1]) == 1)
            bench.clock = NodeClock(running: .max, wall: .max)
            #expect(try bench.acknowledge([2]) == 1)
            bench.clock = start
            try bench.expireAll()
            #expect(try bench.sequences() == [3])
            #expect(try bench.deposit(envelope(2)) == .duplicate)
        }
    }
}
