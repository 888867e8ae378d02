import SpeemStore
import Testing

@testable import SpeemMailbox

struct DepositTests {
    @Test func inOrderAndOnce() async throws {
        try await withMailboxes { (store, mailboxes) async throws in
            for number in 1...5 {
                #expect(try await store.deposit(envelope(number), mailboxes) == .stored(sequence: Int64(number)))
            }
            let drain = try #require(try await store.drain(mailboxes))
            #expect(drain.envelopes.map(\.sequence) == [1, 2, 3, 4, 5])
            #expect(drain.envelopes.map(\.envelope) == (1...5).map { envelope($0) })
            #expect(!drain.more)
            #expect(try await store.deposit(envelope(3), mailboxes) == .duplicate)
            #expect(try await store.drain(mailboxes)?.envelopes.count == 5)
        }
    }

    @Test func theSameIDWithOtherBytesIsAConflict() async throws {
        try await withMailboxes { (store, mailboxes) async throws in
            _ = try await store.deposit(envelope(1), mailboxes)
            var other = envelope(1)
            other.body[0] ^= 1
            #expect(try await store.deposit(other, mailboxes) == .refused(.conflict))
            other = envelope(1)
            other.header.append(0)
            #expect(try await store.deposit(other, mailboxes) == .refused(.conflict))
            #expect(try await store.drain(mailboxes)?.envelopes.map(\.envelope) == [envelope(1)])
        }
    }

    @Test func grantsAndMailboxesDoNotDisturbEachOther() async throws {
        try await withMailboxes { (store, mailboxes) async throws in
            var other = envelope(1)
            other.body[0] ^= 1
            #expect(try await store.deposit(envelope(1), from: 1, mailboxes) == .stored(sequence: 1))
            // Nobody can suppress another's message by using its id first.
            #expect(try await store.deposit(other, from: 2, contacts: 2, mailboxes) == .stored(sequence: 2))
            #expect(try await store.deposit(other, for: bob, from: 1, mailboxes) == .stored(sequence: 3))
            #expect(try await store.drain(of: alice, mailboxes)?.envelopes.count == 2)
            #expect(try await store.drain(of: bob, mailboxes)?.envelopes.count == 1)
        }
    }

    @Test func anUnknownMailbox() async throws {
        try await withMailboxes { (store, mailboxes) async throws in
            let nobody = [UInt8](repeating: 0, count: 16)
            #expect(try await store.deposit(envelope(1), for: nobody, mailboxes) == .refused(.unknownMailbox))
            #expect(try await store.drain(of: nobody, mailboxes) == nil)
            #expect(try await store.acknowledge([1], of: nobody, mailboxes) == 0)
        }
    }

    @Test func isRememberedAfterItWasAcknowledged() async throws {
        try await withMailboxes { (store, mailboxes) async throws in
            _ = try await store.deposit(envelope(1), mailboxes)
            #expect(try await store.acknowledge([1], mailboxes) == 1)
            #expect(try await store.deposit(envelope(1), mailboxes) == .duplicate)
            var other = envelope(1)
            other.body.append(1)
            #expect(try await store.deposit(other, mailboxes) == .refused(.conflict))
            #expect(try await store.drain(mailboxes)?.envelopes.isEmpty == true)
        }
    }

    @Test func sequenceNumbersAreNeverUsedAgain() async throws {
        try await withMailboxes { (store, mailboxes) async throws in
            for number in 1...3 { _ = try await store.deposit(envelope(number), mailboxes) }
            #expect(try await store.acknowledge([1, 2, 3], mailboxes) == 3)
            #expect(try await store.deposit(envelope(4), mailboxes) == .stored(sequence: 4))
            #expect(try await store.acknowledge([4], mailboxes) == 1)
            #expect(try await store.deposit(envelope(5), for: bob, mailboxes) == .stored(sequence: 5))
        }
    }

    @Test func theMemoryOfAGrantIsBounded() async throws {
        try await withMailboxes { (store, mailboxes) async throws in
            let count = 5000
            try await store.write { connection in
                for number in 0..<count {
                    let outcome = try mailboxes.deposit(
                        envelope(number, body: 0), for: alice, from: 1, as: .contact, contacts: 1, clock: start,
                        in: connection)
                    guard case .stored(let sequence) = outcome else { continue }
                    _ = try mailboxes.acknowledge(
                        device: alice, sequences: [sequence],
                        clock: NodeClock(running: start.running + Int64(number), wall: nil), in: connection)
                }
            }
            let remembered = try await store.read { connection in
                try connection.first("SELECT count(*) FROM deposit") { row throws(StoreError) in try row.integer(0) }
                    ?? 0
            }
            #expect(remembered >= 4096 && remembered <= 4096 + 256)
            // The newest are remembered, the oldest forgotten: then the device recognises them.
            #expect(try await store.deposit(envelope(count - 1, body: 0), mailboxes) == .duplicate)
            guard case .stored = try await store.deposit(envelope(0, body: 0), mailboxes) else {
                Issue.record("the oldest is still remembered")
                return
            }
        }
    }

    @Test func noStatementScansATable() async throws {
        try await withMailboxes { (store, _) async throws in
            for sql in [
                "SELECT content FROM deposit WHERE grant_id = 1 AND key = x'00'",
                "SELECT sequence, id, header, body FROM envelope WHERE mailbox = 1 AND sequence > 0 ORDER BY sequence",
                "SELECT grant_id FROM envelope WHERE sequence = 1 AND mailbox = 1",
                "SELECT id FROM mailbox WHERE device = x'00'",
                "SELECT key FROM deposit WHERE grant_id = 1 AND sequence IS NULL ORDER BY deleted_running LIMIT 5",
            ] {
                let plan = try await store.read { connection in
                    try connection.query("EXPLAIN QUERY PLAN " + sql) { row throws(StoreError) in try row.text(3) }
                }
                #expect(plan.allSatisfy { $0.hasPrefix("SEARCH") }, "\(sql): \(plan)")
            }
        }
    }
}
