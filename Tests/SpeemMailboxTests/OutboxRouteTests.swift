import SpeemCrypto
import SpeemStore
import Testing

@testable import SpeemMailbox

/// The nodes of a route, their keys and counters.
struct OutboxRouteTests {
    private static func hops(_ bench: OutboxBench) throws -> [Outbox.Hop] {
        try bench.outbox.hops(of: bench.route, in: bench.connection)
    }

    private static func reserve(_ count: Int64, _ node: UInt8, least: Int64 = 1, _ bench: OutboxBench) throws -> Int64 {
        let hop = try #require(try hops(bench).first { $0.nodeKey[0] == node })
        return try bench.outbox.reserveCounters(count, hop: hop.id, least: least, in: bench.connection)
    }

    @Test func itsNodesKeepTheirOrder() async throws {
        try await withOutbox { (bench) throws in
            #expect(try bench.lead([2, 1]))
            #expect(try Self.hops(bench).map { $0.nodeKey[0] } == [2, 1])
            #expect(try Self.hops(bench).first?.addresses == ["a:1", "b:1"])
            #expect(try bench.lead([1, 3, 2]))
            #expect(try Self.hops(bench).map { $0.nodeKey[0] } == [1, 3, 2])
            // Those that are not named are gone.
            #expect(try bench.lead([3]))
            #expect(try Self.hops(bench).map { $0.nodeKey[0] } == [3])
            try bench.outbox.removeHops(
                route: bench.route, nodeKey: [UInt8](repeating: 3, count: 32), in: bench.connection)
            #expect(try Self.hops(bench).isEmpty)
        }
    }

    @Test func whatIsNewIsTriedAtOnceAndWhatIsNotIsNot() async throws {
        try await withOutbox { (bench) throws in
            try bench.put(1)
            try bench.keep(try #require(try bench.due().first), .failed(.unreachable, advice: nil))
            #expect(try !bench.isDue())
            #expect(try !bench.lead() && !bench.isDue())
            #expect(try bench.lead(addresses: ["c:1"]) && bench.isDue())
            try bench.keep(try #require(try bench.due().first), .failed(.unreachable, advice: nil))
            #expect(try !bench.isDue())
            // Nor does it stay unsaid that there is no route any more.
            try bench.outbox.removeHops(route: bench.route, nodeKey: nil, in: bench.connection)
            #expect(try bench.isDue())
        }
    }

    @Test func countersAreNeverUsedTwice() async throws {
        try await withOutbox { (bench) throws in
            let secret = SystemRandomSource().secret(32)
            try bench.lead([1], secret: secret)
            #expect(try Self.reserve(10, 1, bench) == 1)
            #expect(try Self.reserve(10, 1, bench) == 11)
            // New addresses keep the counter, and so does a node that comes back while another was there.
            try bench.lead([1], addresses: ["c:1"], secret: secret)
            #expect(try Self.reserve(10, 1, bench) == 21)
            try bench.lead([2], secret: secret)
            try bench.lead([1], secret: secret)
            #expect(try Self.reserve(10, 1, bench) == 31)
            // A new key begins anew.
            try bench.lead([1], secret: SystemRandomSource().secret(32))
            #expect(try Self.reserve(10, 1, bench) == 1)
        }
    }

    @Test func countersCanBeginLater() async throws {
        try await withOutbox { (bench) throws in
            #expect(try Self.reserve(10, 1, least: 1000, bench) == 1000)
            #expect(try Self.reserve(10, 1, least: 1000, bench) == 1010)
            #expect(try Self.reserve(10, 1, least: 5000, bench) == 5000)
        }
    }

    @Test func thereIsABoundAndWhatIsThereCanChange() async throws {
        try await withOutbox { (bench) throws in
            for index in 0..<(Int(Outbox.maxHops) - 1) / 8 {
                try bench.lead(Array(0..<8), of: BigEndian.bytes(UInt64(index)) + [UInt8](repeating: 0, count: 8))
            }
            try bench.lead(Array(1...8))
            #expect(throws: Outbox.Refusal.tooManyRoutes) { try bench.lead(Array(2...9)) }
            #expect(try bench.lead(Array(1...8), addresses: ["d:1"]))
        }
    }
}
