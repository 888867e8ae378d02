import SpeemStore
import Testing

@testable import SpeemMailbox

/// What a long queue costs when it is touched as a whole: its numbers, and not the bodies of its items.
struct LongQueueTests {
    private static let items = 400
    private static let body = 60_000

    /// Bytes that the disk is given for a write.
    private func cost(
        _ store: Store, _ body: @escaping @Sendable (inout OutboxBench) throws -> Void
    ) async throws -> UInt64 {
        let before = try #require(try await store.diskState().written)
        try await store.write { connection in
            var bench = OutboxBench(connection: connection)
            bench.outbox.quota = Quota(total: 1 << 30, perContact: 1 << 20, own: 1 << 29)
            try body(&bench)
        }
        return try #require(try await store.diskState().written) - before
    }

    @Test func oneTimeForAllOfARoute() async throws {
        try await withFolder { folder in
            let store = try await Store.open(
                Store.Options(
                    folder: folder, key: .file(folder + "/store.key"),
                    migrations: [
                        Migration(number: 1, name: "outbox") {
                            try MailboxSchema.create($0)
                            try OutboxSchema.create($0)
                        }
                    ], mayCreate: true))
            _ = try await cost(store) { try $0.lead() }
            for first in stride(from: 0, to: Self.items, by: 20) {
                _ = try await cost(store) { bench in
                    for number in first..<first + 20 { try bench.put(number, body: Self.body, lifetime: 1_000_000) }
                }
            }
            // 24 MB wait. Numbers that get longer and shorter are what makes rows move.
            let limit: UInt64 = 1 << 20
            let failed = try await cost(store) { bench in
                bench.clock.running += 100_000
                let due = try #require(try bench.due(bytes: 1).first)
                try bench.keep(due, .failed(.unreachable, advice: nil))
                try bench.outbox.settle(route: bench.route, last: due.id, clock: bench.clock, in: bench.connection)
            }
            let woken = try await cost(store) { try $0.outbox.wake(in: $0.connection) }
            let lost = try await cost(store) { bench in
                bench.clock.running = .max / 2
                try bench.outbox.settle(route: bench.route, last: 0, clock: bench.clock, in: bench.connection)
            }
            #expect(failed < limit && woken < limit && lost < limit, "\(failed), \(woken), \(lost)")
            // Its body is there when it is its turn, and goes with its end.
            _ = try await cost(store) { bench in
                let due = try #require(try bench.due(bytes: 1).first)
                #expect(due.deposit.body.count == Self.body)
                try bench.keep(due, .answered([.stored, .stored]))
                let bodies = try bench.connection.first("SELECT count(*) FROM outbox_body") { row throws(StoreError) in
                    try row.integer(0)
                }
                #expect(bodies == Int64(Self.items) - 1)
            }
            await store.close()
        }
    }
}
