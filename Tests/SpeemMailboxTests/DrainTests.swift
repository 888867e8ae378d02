import SpeemStore
import Testing

@testable import SpeemMailbox

struct DrainTests {
    @Test func behindACursor() async throws {
        try await withBench { (bench) throws in
            for number in 1...10 { _ = try bench.deposit(envelope(number)) }
            let first = try #require(try bench.drain(count: 4))
            #expect(first.envelopes.map(\.sequence) == [1, 2, 3, 4] && first.more)
            let second = try #require(try bench.drain(after: 4, count: 6))
            #expect(second.envelopes.map(\.sequence) == [5, 6, 7, 8, 9, 10] && !second.more)
            #expect(try bench.drain(after: 10)?.envelopes.isEmpty == true)
            #expect(try bench.drain(after: 10)?.more == false)
            #expect(try bench.drain(after: .max)?.envelopes.isEmpty == true)
            #expect(try bench.drain(after: .min)?.envelopes.count == 10)
        }
    }

    @Test func readingDeletesNothing() async throws {
        try await withBench { (bench) throws in
            for number in 1...3 { _ = try bench.deposit(envelope(number)) }
            for _ in 0..<3 { #expect(try bench.sequences() == [1, 2, 3]) }
        }
    }

    @Test func atLeastOneWhateverItsSize() async throws {
        try await withBench { (bench) throws in
            for number in 1...3 { _ = try bench.deposit(envelope(number, body: 50_000)) }
            for bytes in [.min, -1, 0, 1, 60_000] {
                let drain = try #require(try bench.drain(bytes: bytes))
                #expect(drain.envelopes.count == 1 && drain.more)
            }
            #expect(try bench.drain(bytes: 110_000)?.envelopes.count == 2)
        }
    }

    /// A device that asks for none would ask again for ever.
    @Test(arguments: [.min, -1, 0, 1])
    func atLeastOneWhateverTheCount(count: Int) async throws {
        try await withBench { (bench) throws in
            #expect(try bench.drain(count: count) == Drain(envelopes: [], more: false))
            for number in 1...2 { _ = try bench.deposit(envelope(number)) }
            let drain = try #require(try bench.drain(count: count))
            #expect(drain.envelopes.map(\.sequence) == [1] && drain.more)
        }
    }

    @Test func exactlyAtTheLimitOfBytes() async throws {
        try await withBench { (bench) throws in
            let size = Int(envelope(0, body: 500).size)
            for number in 1...3 { _ = try bench.deposit(envelope(number, body: 500)) }
            for (bytes, count) in [(2 * size - 1, 1), (2 * size, 2), (3 * size - 1, 2), (3 * size, 3), (.max, 3)] {
                let drain = try #require(try bench.drain(bytes: bytes))
                #expect(drain.envelopes.count == count)
                #expect(drain.more == (count < 3))
            }
        }
    }

    /// A large envelope behind small ones waits for the next drain; it does not let smaller ones pass.
    @Test func theOrderIsKeptAroundALargeOne() async throws {
        try await withBench { (bench) throws in
            for (number, body) in [(1, 10), (2, 50_000), (3, 10)] {
                _ = try bench.deposit(envelope(number, body: body))
            }
            var cursor: Int64 = 0
            var seen: [[Int64]] = []
            while let drain = try bench.drain(after: cursor, bytes: 1000), let last = drain.envelopes.last {
                seen.append(drain.envelopes.map(\.sequence))
                cursor = last.sequence
            }
            #expect(seen == [[1], [2], [3]])
        }
    }

    @Test func eachMailboxHasItsOwn() async throws {
        try await withBench { (bench) throws in
            for number in 1...6 { _ = try bench.deposit(envelope(number), for: number % 2 == 0 ? alice : bob) }
            #expect(try bench.sequences(alice) == [2, 4, 6])
            #expect(try bench.sequences(bob) == [1, 3, 5])
            let drain = try #require(try bench.drain(alice, count: 3))
            #expect(!drain.more)
        }
    }

    @Test func anUnknownMailboxIsNotAnEmptyOne() async throws {
        try await withBench { (bench) throws in
            #expect(try bench.drain([UInt8](repeating: 0, count: 16)) == nil)
            #expect(try bench.drain([]) == nil)
            #expect(try bench.drain(alice) == Drain(envelopes: [], more: false))
        }
    }

    /// Whatever the limits, walking the cursor gives each envelope once, in order.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func walkingGivesEachOnce(seed: UInt64) async throws {
        try await withBench { (bench) throws in
            var generator = SeededGenerator(seed: seed)
            var expected: [Int64] = []
            for number in 0..<200 {
                let device = Bool.random(using: &generator) ? alice : bob
                let body = Int.random(in: 0..<2000, using: &generator)
                guard case .stored(let sequence) = try bench.deposit(envelope(number, body: body), for: device) else {
                    continue
                }
                if generator.once(in: 3) {
                    try bench.acknowledge([sequence], of: device)
                } else if device == alice {
                    expected.append(sequence)
                }
            }
            var seen: [Int64] = []
            while true {
                let count = Int.random(in: 0..<10, using: &generator)
                let bytes = Int.random(in: 0..<8000, using: &generator)
                let drain = try #require(try bench.drain(after: seen.last ?? 0, count: count, bytes: bytes))
                seen += drain.envelopes.map(\.sequence)
                let size = drain.envelopes.reduce(0) { $0 + Int($1.envelope.size) }
                #expect(drain.envelopes.count <= max(count, 1))
                #expect(size <= bytes || drain.envelopes.count == 1)
                guard drain.more else { break }
            }
            #expect(!expected.isEmpty && seen == expected)
        }
    }
}
