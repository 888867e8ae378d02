import SpeemStore
import Testing

@testable import SpeemMailbox

extension Bench {
    private func pairs(_ sql: String) throws -> [Int64: Int64] {
        var result: [Int64: Int64] = [:]
        try connection.forEach(sql) { row throws(StoreError) in
            result[try row.integer(0)] = try row.integer(1)
            return .next
        }
        return result
    }

    /// Counts everything again and compares it with the books: the tables that are kept so that nobody must count.
    func checkBooks() throws {
        // Headers for each envelope, bodies once for each depositor.
        func charged(own: Int) -> String {
            """
            (SELECT party, length(header) + 96 AS size FROM envelope WHERE own = \(own) UNION ALL
            SELECT party, length(content) + 32 FROM body
            JOIN (SELECT DISTINCT body, party FROM envelope WHERE own = \(own)) ON body = id)
            """
        }
        var bytes = try pairs("SELECT party, sum(size) FROM \(charged(own: 0)) GROUP BY party")
        bytes[Account.contacts] = try integer("SELECT coalesce(sum(size), 0) FROM \(charged(own: 0))")
        bytes[Account.ownDevices] = try integer("SELECT coalesce(sum(size), 0) FROM \(charged(own: 1))")
        let booked = try pairs("SELECT party, bytes FROM usage")
        for account in Set(bytes.keys).union(booked.keys) {
            #expect(booked[account, default: 0] == bytes[account, default: 0], "bytes of account \(account)")
        }
        #expect(try used() == bytes[Account.contacts, default: 0] + bytes[Account.ownDevices, default: 0])
        // A body is there as long as an envelope refers to it, and no longer.
        let bodies = try pairs("SELECT DISTINCT body, body FROM envelope")
        #expect(try pairs("SELECT id, id FROM body") == bodies)

        let tombstones = try pairs("SELECT party, count(*) FROM deposit WHERE sequence IS NULL GROUP BY party")
        let bookedTombstones = try pairs("SELECT party, tombstones FROM usage")
        for account in Set(tombstones.keys).union(bookedTombstones.keys) {
            #expect(
                bookedTombstones[account, default: 0] == tombstones[account, default: 0], "tombstones of \(account)")
        }

        let inside = try pairs("SELECT mailbox, count(*) FROM envelope GROUP BY mailbox")
        let insideBytes = try pairs(
            """
            SELECT mailbox, sum(length(header) + length(content) + 128)
            FROM envelope JOIN body ON body.id = envelope.body GROUP BY mailbox
            """)
        let boxes = try pairs("SELECT id, envelopes FROM mailbox")
        let boxesBytes = try pairs("SELECT id, bytes FROM mailbox")
        #expect(Set(inside.keys).isSubset(of: boxes.keys), "an envelope without a mailbox")
        for box in boxes.keys {
            #expect(boxes[box] == inside[box, default: 0], "envelopes of mailbox \(box)")
            #expect(boxesBytes[box] == insideBytes[box, default: 0], "bytes of mailbox \(box)")
        }

        // Each envelope is remembered once, and each memory without a tombstone is of an envelope.
        #expect(try integer("SELECT count(*) FROM deposit WHERE sequence IS NOT NULL") == count("envelope"))
        #expect(
            try integer(
                """
                SELECT count(*) FROM envelope JOIN deposit
                ON deposit.sequence = envelope.sequence AND deposit.party = envelope.party
                """) == count("envelope"))
        #expect(try integer("SELECT count(*) FROM deposit WHERE (sequence IS NULL) = (deleted_running IS NULL)") == 0)
    }
}

struct UsageTests {
    @Test func startsAtNothing() async throws {
        try await withBench { (bench) throws in
            #expect(try bench.used() == 0)
            #expect(
                try bench.states() == [
                    MailboxState(device: alice, envelopes: 0, bytes: 0, oldestAge: 0),
                    MailboxState(device: bob, envelopes: 0, bytes: 0, oldestAge: 0),
                ])
        }
    }

    @Test func everyStepIsBooked() async throws {
        try await withBench { (bench) throws in
            let size = envelope(1).size
            #expect(try bench.deposit(envelope(1), from: 1).isStored)
            try bench.checkBooks()
            #expect(try bench.deposit(envelope(1), from: 1) == .duplicate)
            #expect(try bench.deposit(envelope(1, body: 11), from: 1) == .refused(.conflict))
            #expect(try bench.used() == size)
            #expect(try bench.deposit(envelope(2), from: 2, as: .ownDevice).isStored)
            #expect(try bench.deposit(envelope(2), from: 3, as: .ownDevice).isStored)
            #expect(try bench.deposit(envelope(2), for: bob, from: 1).isStored)
            #expect(try bench.used() == 4 * size)
            try bench.checkBooks()
            #expect(try bench.mailboxes.bytesUsed(by: 1, in: bench.connection) == 2 * size)
            #expect(try bench.mailboxes.bytesUsed(by: 2, in: bench.connection) == 0)
            #expect(try bench.mailboxes.bytesUsed(by: Account.ownDevices, in: bench.connection) == 2 * size)
            try bench.acknowledge([1, 2])
            #expect(try bench.used() == 2 * size)
            try bench.checkBooks()
            // The tombstone of an own device is counted on its party, its bytes on all of them.
            #expect(try bench.mailboxes.tombstones(of: 2, in: bench.connection) == 1)
            #expect(try bench.mailboxes.tombstones(of: Account.ownDevices, in: bench.connection) == 0)
        }
    }

    @Test func states() async throws {
        try await withBench { (bench) throws in
            _ = try bench.deposit(envelope(1))
            bench.clock.running += 60
            _ = try bench.deposit(envelope(2))
            _ = try bench.deposit(envelope(3, body: 0), for: bob)
            bench.clock.running += 5
            #expect(
                try bench.states() == [
                    MailboxState(device: alice, envelopes: 2, bytes: 2 * envelope(1).size, oldestAge: 65),
                    MailboxState(device: bob, envelopes: 1, bytes: 131, oldestAge: 5),
                ])
            try bench.acknowledge([1])
            #expect(try bench.states().first?.oldestAge == 5)
            bench.clock.running = .min
            #expect(try bench.states().first?.oldestAge == 0)
        }
    }

    /// Grants come and go for years; a row stays only while it says something.
    @Test func rowsOfGrantsWithNothingLeftAreDeleted() async throws {
        try await withBench { (bench) throws in
            for party in 1...50 as ClosedRange<Int64> { _ = try bench.deposit(envelope(1), from: party) }
            try bench.acknowledge((1...49).map { $0 })
            try bench.expireAll()
            #expect(try bench.count("usage") == 51)
            bench.clock.running += 61 * day
            bench.clock.wall = nil
            try bench.expireAll()
            #expect(try bench.count("usage") == 2)
            #expect(try bench.used() == envelope(1).size)
        }
    }

    @Test func theBooksSurviveTheStoreBeingOpenedAgain() async throws {
        try await withFolder { folder in
            let mailboxes = Mailboxes(quota: Quota(total: 2000, perContact: 1000, own: 500), maxAge: 1000)
            var store = try await openStore(folder)
            try await store.write { try mailboxes.open(device: alice, in: $0) }
            for number in 0..<20 { _ = try await store.deposit(envelope(number), mailboxes) }
            #expect(try await store.deposit(envelope(99), mailboxes) == .refused(.mailboxFull))
            await store.close()
            store = try await openStore(folder)
            #expect(try await store.deposit(envelope(99), mailboxes) == .refused(.mailboxFull))
            #expect(try await store.acknowledge([1], mailboxes) == 1)
            #expect(try await store.deposit(envelope(99), mailboxes) == .stored(sequence: 8))
            try await store.write { try Bench(connection: $0, mailboxes: mailboxes).checkBooks() }
            await store.close()
        }
    }
}
