import Testing

@testable import SpeemMailbox

/// One body for several devices.
struct SharedBodyTests {
    private func deposit(_ number: Int, body: Int = 1000, to devices: [[UInt8]] = [alice, bob]) -> Deposit {
        let one = envelope(number, body: body)
        return Deposit(
            targets: devices.enumerated().map { index, device in
                .init(device: device, id: envelope(number * 100 + index).id, header: [UInt8(index)])
            }, body: one.body)
    }

    private func make(_ deposit: Deposit, from party: Int64 = 1, in bench: Bench) throws -> [DepositOutcome] {
        try bench.mailboxes.deposit(
            deposit, from: party, as: .contact, contacts: 1, clock: bench.clock, in: bench.connection)
    }

    @Test func isKeptOnceAndDeletedAfterTheLastAcknowledgement() async throws {
        try await withBench { (bench) throws in
            #expect(try make(deposit(1), in: bench) == [.stored(sequence: 1), .stored(sequence: 2)])
            #expect(try bench.count("body") == 1)
            #expect(try bench.used() == 2 * (1 + 96) + 1000 + 32)
            try bench.checkBooks()
            let read = try [alice, bob].map { try #require(try bench.drain($0)?.envelopes.first) }
            #expect(read.map(\.envelope.body) == [deposit(1).body, deposit(1).body])
            #expect(read.map(\.envelope.header) == [[0], [1]])
            #expect(try bench.acknowledge([1]) == 1)
            #expect(try bench.count("body") == 1)
            #expect(try bench.used() == 1 + 96 + 1000 + 32)
            try bench.checkBooks()
            #expect(try bench.drain(bob)?.envelopes.first?.envelope.body == deposit(1).body)
            #expect(try bench.acknowledge([2], of: bob) == 1)
            #expect(try bench.count("body") == 0)
            #expect(try bench.used() == 0)
        }
    }

    @Test func theSameAgainIsADuplicateForEach() async throws {
        try await withBench { (bench) throws in
            _ = try make(deposit(1), in: bench)
            #expect(try make(deposit(1), in: bench) == [.duplicate, .duplicate])
            try bench.acknowledge([1])
            #expect(try make(deposit(1), in: bench) == [.duplicate, .duplicate])
            #expect(try bench.count("body") == 1)
        }
    }

    /// What one device had already is not stored again; a device that came later gets its own.
    @Test func targetsAreJudgedOneByOne() async throws {
        try await withBench { (bench) throws in
            let unknown = [UInt8](repeating: 9, count: 16)
            _ = try make(deposit(1, to: [alice]), in: bench)
            #expect(
                try make(deposit(1, to: [alice, bob, unknown]), in: bench)
                    == [.duplicate, .stored(sequence: 2), .refused(.unknownMailbox)])
            try bench.checkBooks()
            // Nothing but unknown mailboxes leaves no body behind.
            #expect(try make(deposit(2, to: [unknown]), in: bench) == [.refused(.unknownMailbox)])
            #expect(try bench.count("body") == 2)
        }
    }

    @Test func aShareThatHoldsOneHeaderLess() async throws {
        let first = 1 + 96 + 1000 + 32 as Int64
        try await withBench(quota: Quota(total: 10_000, perContact: first, own: 0)) { (bench) throws in
            #expect(try make(deposit(1), in: bench) == [.stored(sequence: 1), .refused(.mailboxFull)])
            try bench.checkBooks()
            // When there is room again, the rest of the same deposit is taken.
            try bench.acknowledge([1])
            #expect(try make(deposit(1), in: bench) == [.duplicate, .stored(sequence: 2)])
        }
    }

    @Test func expiryAndRemovalTakeTheirReference() async throws {
        try await withBench { (bench) throws in
            _ = try make(deposit(1), in: bench)
            try bench.remove(alice)
            try bench.expireAll()
            try bench.checkBooks()
            #expect(try bench.count("body") == 1)
            bench.clock = NodeClock(running: start.running + 2000, wall: (start.wall ?? 0) + 2000)
            try bench.expireAll()
            #expect(try bench.count("body") == 0)
            #expect(try bench.used() == 0)
        }
    }
}
