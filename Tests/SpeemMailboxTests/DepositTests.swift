import SpeemStore
import Testing

@testable import SpeemMailbox

struct DepositTests {
    @Test func inOrderAndOnce() async throws {
        try await withBench { (bench) throws in
            for number in 1...5 { #expect(try bench.deposit(envelope(number)) == .stored(sequence: Int64(number))) }
            let drain = try #require(try bench.drain())
            #expect(drain.envelopes.map(\.sequence) == [1, 2, 3, 4, 5])
            #expect(drain.envelopes.map(\.envelope) == (1...5).map { envelope($0) })
            #expect(!drain.more)
            #expect(try bench.deposit(envelope(3)) == .duplicate)
            #expect(try bench.sequences() == [1, 2, 3, 4, 5])
        }
    }

    @Test func theSameIDWithOtherBytesIsAConflict() async throws {
        try await withBench { (bench) throws in
            _ = try bench.deposit(envelope(1))
            for index in 0..<envelope(1).body.count {
                var other = envelope(1)
                other.body[index] ^= 1
                #expect(try bench.deposit(other) == .refused(.conflict))
            }
            var other = envelope(1)
            other.header.append(0)
            #expect(try bench.deposit(other) == .refused(.conflict))
            other = envelope(1)
            other.body.removeLast()
            #expect(try bench.deposit(other) == .refused(.conflict))
            #expect(try bench.drain()?.envelopes.map(\.envelope) == [envelope(1)])
        }
    }

    /// Nobody can suppress another's message by using its id first.
    @Test func partiesAndMailboxesDoNotDisturbEachOther() async throws {
        try await withBench { (bench) throws in
            bench.contacts = 2
            let other = envelope(1, body: 11)
            #expect(try bench.deposit(envelope(1), from: 1) == .stored(sequence: 1))
            #expect(try bench.deposit(other, from: 2) == .stored(sequence: 2))
            #expect(try bench.deposit(other, for: bob, from: 1) == .stored(sequence: 3))
            #expect(try bench.deposit(envelope(1), from: 3, as: .ownDevice) == .stored(sequence: 4))
            // Each is still told what it did itself.
            #expect(try bench.deposit(envelope(1), from: 1) == .duplicate)
            #expect(try bench.deposit(other, from: 1) == .refused(.conflict))
            #expect(try bench.deposit(other, from: 2) == .duplicate)
            #expect(try bench.deposit(envelope(1), for: bob, from: 1) == .refused(.conflict))
            try bench.acknowledge([1, 4])
            #expect(try bench.deposit(other, from: 2) == .duplicate)
            #expect(try bench.sequences(alice) == [2])
            #expect(try bench.sequences(bob) == [3])
        }
    }

    /// A device id and an envelope id that run into each other are not one key.
    @Test func theKeyOfIdempotencyIsUnambiguous() async throws {
        try await withBench { (bench) throws in
            try bench.open([1, 2])
            try bench.open([1])
            #expect(try bench.deposit(Envelope(id: [3], header: [], body: []), for: [1, 2]).isStored)
            #expect(try bench.deposit(Envelope(id: [2, 3], header: [], body: []), for: [1]).isStored)
            #expect(try bench.deposit(Envelope(id: [], header: [], body: []), for: [1]).isStored)
        }
    }

    @Test func anUnknownMailbox() async throws {
        try await withBench { (bench) throws in
            #expect(try bench.deposit(envelope(1), for: [UInt8](repeating: 0, count: 16)) == .refused(.unknownMailbox))
            #expect(try bench.deposit(envelope(1), for: []) == .refused(.unknownMailbox))
            #expect(try bench.count("deposit") == 0)
        }
    }

    @Test func sequenceNumbersAreNeverUsedAgain() async throws {
        try await withBench { (bench) throws in
            for number in 1...3 { _ = try bench.deposit(envelope(number)) }
            #expect(try bench.acknowledge([1, 2, 3]) == 3)
            #expect(try bench.deposit(envelope(4)) == .stored(sequence: 4))
            #expect(try bench.acknowledge([4]) == 1)
            #expect(try bench.deposit(envelope(5), for: bob) == .stored(sequence: 5))
            try bench.remove(bob)
            try bench.expireAll()
            #expect(try bench.deposit(envelope(6)) == .stored(sequence: 6))
        }
    }

    @Test func norAfterTheNewestWasDeletedAndTheStoreOpenedAgain() async throws {
        try await withFolder { folder in
            let mailboxes = Mailboxes(
                quota: Quota(total: 1_000_000, perContact: 400_000, own: 100_000), maxAge: 1000)
            for round in 0..<4 {
                let store = try await openStore(folder)
                try await store.write { try mailboxes.open(device: alice, in: $0) }
                let first = Int64(round * 2 + 1)
                #expect(try await store.deposit(envelope(round * 2), mailboxes) == .stored(sequence: first))
                #expect(try await store.deposit(envelope(round * 2 + 1), mailboxes) == .stored(sequence: first + 1))
                #expect(try await store.acknowledge([first, first + 1], mailboxes) == 2)
                // The memory of what was acknowledged is on disk as well.
                #expect(try await store.deposit(envelope(0), mailboxes) == .duplicate)
                await store.close()
            }
        }
    }

    /// A transaction that fails takes its deposit with it, and the next one may say so truthfully.
    @Test func nothingIsKeptOfATransactionThatFails() async throws {
        struct Failure: Error {}
        try await withMailboxes { (store, mailboxes) async throws in
            #expect(try await store.deposit(envelope(1), mailboxes) == .stored(sequence: 1))
            await #expect(throws: Failure.self) {
                try await store.write { connection in
                    let bench = Bench(connection: connection, mailboxes: mailboxes)
                    #expect(try bench.deposit(envelope(2)).isStored)
                    #expect(try bench.acknowledge([1]) == 1)
                    throw Failure()
                }
            }
            #expect(try await store.drain(mailboxes)?.envelopes.map(\.envelope) == [envelope(1)])
            #expect(try await store.deposit(envelope(1), mailboxes) == .duplicate)
            guard case .stored(let sequence) = try await store.deposit(envelope(2), mailboxes) else {
                Issue.record("refused")
                return
            }
            #expect(sequence > 1)
            try await store.write { try Bench(connection: $0, mailboxes: mailboxes).checkBooks() }
        }
    }

    /// Many senders at once: the store puts them into few transactions, each gets its own answer.
    @Test func manyAtOnce() async throws {
        try await withMailboxes { (store, mailboxes) async throws in
            let outcomes = try await withThrowingTaskGroup(of: DepositOutcome.self) { group in
                for number in 0..<400 {
                    // Each envelope twice: one of the two is a duplicate.
                    group.addTask { try await store.deposit(envelope(number / 2), mailboxes) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count { $0 == .duplicate } == 200)
            let sequences = outcomes.compactMap { outcome -> Int64? in
                if case .stored(let sequence) = outcome { sequence } else { nil }
            }
            #expect(sequences.sorted() == (1...200).map { $0 })
            #expect(try await store.drain(mailboxes)?.envelopes.count == 200)
            try await store.write { try Bench(connection: $0, mailboxes: mailboxes).checkBooks() }
        }
    }
}
