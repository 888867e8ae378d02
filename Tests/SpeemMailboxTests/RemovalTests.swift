import SpeemStore
import Testing

@testable import SpeemMailbox

struct RemovalTests {
    @Test func theMailboxIsGoneAtOnceAndItsSpaceAfterTheCleanUp() async throws {
        try await withBench { (bench) throws in
            for number in 1...4 { _ = try bench.deposit(envelope(number)) }
            _ = try bench.deposit(envelope(9), for: bob)
            try bench.remove()
            #expect(try bench.drain() == nil)
            #expect(try bench.acknowledge([1, 2]) == 0)
            #expect(try bench.deposit(envelope(1)) == .refused(.unknownMailbox))
            #expect(try bench.states().map(\.device) == [bob])
            try bench.expireAll()
            #expect(try bench.used() == envelope(9).size)
            #expect(try bench.sequences(bob) == [5])
        }
    }

    @Test func whatIsNotThereCanBeRemoved() async throws {
        try await withBench { (bench) throws in
            try bench.remove([UInt8](repeating: 9, count: 16))
            try bench.remove()
            try bench.remove()
            #expect(try bench.states().map(\.device) == [bob])
        }
    }

    @Test func openingTwiceKeepsWhatIsInside() async throws {
        try await withBench { (bench) throws in
            _ = try bench.deposit(envelope(1))
            try bench.open()
            #expect(try bench.sequences() == [1])
            #expect(try bench.states().count == 2)
        }
    }

    /// The device never had the envelope: a sender that is told "duplicate" would think it is kept.
    @Test(arguments: [false, true])
    func aMailboxOpenedAgainIsANewOne(cleanedUp: Bool) async throws {
        try await withBench { (bench) throws in
            for number in 1...3 { _ = try bench.deposit(envelope(number)) }
            _ = try bench.acknowledge([2])
            try bench.remove()
            if cleanedUp { try bench.expireAll() }
            try bench.open()
            #expect(try bench.sequences() == [])
            #expect(try bench.deposit(envelope(1)) == .stored(sequence: 4))
            var other = envelope(2)
            other.body[0] ^= 1
            #expect(try bench.deposit(other) == .stored(sequence: 5))
            try bench.expireAll()
            #expect(try bench.sequences() == [4, 5])
        }
    }

    /// Removing a device must not fail on a full disk, nor hold a mailbox of a gigabyte in memory.
    @Test func costsTheSameHoweverMuchIsInside() async throws {
        try await withBench(quota: Quota(total: .max, perContact: .max, own: 0)) { (bench) throws in
            for number in 0..<1000 { _ = try bench.deposit(envelope(number, body: 0)) }
            let before = try bench.integer("SELECT total_changes()")
            try bench.remove()
            #expect(try bench.integer("SELECT total_changes()") - before == 1)
            // Each clean-up takes a bounded piece.
            var steps: [Int] = []
            while let step = Optional(try bench.expire()), step > 0 { steps.append(step) }
            #expect(steps == [256, 256, 256, 232])
            #expect(try bench.used() == 0)
            #expect(try bench.count("mailbox") == 1)
        }
    }

    /// The memory of one mailbox does not push out that of another.
    @Test func leavesNoTombstones() async throws {
        try await withBench { (bench) throws in
            for number in 1...5 { _ = try bench.deposit(envelope(number)) }
            _ = try bench.deposit(envelope(1), for: bob)
            try bench.acknowledge([6], of: bob)
            try bench.remove()
            try bench.expireAll()
            #expect(try bench.tombstones() == 1)
            #expect(try bench.deposit(envelope(1), for: bob) == .duplicate)
        }
    }

    @Test func countsAgainstTheQuotaUntilItIsCleanedUp() async throws {
        let size = envelope(0, body: 1000).size
        try await withBench(quota: Quota(total: 2 * size, perContact: 2 * size, own: 0)) { (bench) throws in
            for number in 1...2 { #expect(try bench.deposit(envelope(number, body: 1000)).isStored) }
            try bench.remove()
            #expect(try bench.deposit(envelope(3, body: 1000), for: bob) == .refused(.mailboxFull))
            try bench.expireAll()
            #expect(try bench.deposit(envelope(3, body: 1000), for: bob).isStored)
        }
    }

    @Test func manyTimesOver() async throws {
        try await withBench { (bench) throws in
            for round in 0..<20 {
                for number in 0..<round { #expect(try bench.deposit(envelope(number)).isStored) }
                try bench.remove()
                try bench.open()
            }
            #expect(try bench.expireAll() == (0..<20).reduce(0, +))
            #expect(try bench.used() == 0)
            #expect(try bench.count("deposit") == 0)
            #expect(try bench.count("mailbox") == 2)
        }
    }
}
