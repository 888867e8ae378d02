import SpeemCrypto
import SpeemStore
import Testing

@testable import SpeemMailbox

/// An outbox inside one transaction.
private struct OutboxBench {
    let connection: Connection
    var outbox = Outbox(quota: Quota(total: 1_000_000, perContact: 400_000, own: 100_000))
    var clock = start
    let route = [UInt8](repeating: 1, count: 16)
    let device = [UInt8](repeating: 2, count: 16)

    func name(_ number: Int) -> [UInt8] { BLAKE2b.hash(BigEndian.bytes(UInt64(number))) }

    func deposit(_ number: Int, body: Int = 100) -> Deposit {
        Deposit(
            targets: [alice, bob].enumerated().map { index, device in
                .init(device: device, id: name(number * 10 + index), header: [UInt8(index)])
            }, body: [UInt8](repeating: 7, count: body))
    }

    func put(_ number: Int, body: Int = 100, lifetime: Int64 = 1000, route: [UInt8]? = nil) throws {
        try outbox.put(
            item: name(number), route: route ?? self.route, deposit: deposit(number, body: body), lifetime: lifetime,
            device: device, clock: clock, in: connection)
    }

    func due(bytes: Int = .max) throws -> [Outbox.Due] {
        try outbox.due(route: route, bytes: bytes, in: connection)
    }

    func keep(_ due: Outbox.Due, _ attempt: OutboxItem.Attempt) throws {
        try outbox.keep(
            due.item.after(attempt, now: clock.running, jitter: 0), id: due.id, clock: clock, in: connection)
    }

    func reports() throws -> [Outbox.Report] {
        try outbox.reports(of: device, after: [], limit: 100, clock: clock, in: connection)
    }

    func used() throws -> Int64 {
        try connection.first("SELECT bytes FROM usage WHERE party = 0") { row throws(StoreError) in
            try row.integer(0)
        } ?? 0
    }
}

private func withOutbox(_ body: @escaping @Sendable (inout OutboxBench) throws -> Void) async throws {
    try await withFolder { folder in
        let store = try await Store.open(
            Store.Options(
                folder: folder, keyPath: folder + "/store.key",
                migrations: [
                    Migration(number: 1, name: "outbox") {
                        try MailboxSchema.create($0)
                        try OutboxSchema.create($0)
                    }
                ], mayCreate: true))
        do {
            try await store.write { connection in
                var bench = OutboxBench(connection: connection)
                try body(&bench)
            }
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }
}

struct OutboxTests {
    @Test func whatWasPutIsDueInItsOrderAndPaidFor() async throws {
        try await withOutbox { (bench) throws in
            for number in 1...3 { try bench.put(number) }
            #expect(try bench.used() == 3 * (100 + 32 + 2 * 97))
            #expect(try bench.outbox.dueRoutes(clock: bench.clock, in: bench.connection) == [bench.route])
            #expect(try bench.outbox.nextTry(in: bench.connection) == bench.clock.running)
            #expect(try bench.due().map(\.deposit) == [bench.deposit(1), bench.deposit(2), bench.deposit(3)])
            #expect(try bench.due(bytes: 1).count == 1)
        }
    }

    @Test func theSameAgainIsTheSameAndOtherBytesAreAConflict() async throws {
        try await withOutbox { (bench) throws in
            try bench.put(1)
            try bench.put(1)
            #expect(try bench.due().count == 1)
            #expect(throws: Outbox.Refusal.conflict) { try bench.put(1, body: 101) }
        }
    }

    @Test func theShareOfOwnDevicesBoundsIt() async throws {
        try await withOutbox { (bench) throws in
            #expect(throws: Outbox.Refusal.full) { try bench.put(1, body: 100_000) }
            #expect(try bench.used() == 0)
            try bench.put(1, body: 60_000)
            #expect(throws: Outbox.Refusal.full) { try bench.put(2, body: 60_000) }
            // What is over gives its space back.
            try bench.keep(try #require(try bench.due().first), .answered([.stored, .stored]))
            #expect(try bench.used() == 0)
            try bench.put(2, body: 60_000)
        }
    }

    @Test func aTryIsKeptWithWhatIsLeftToAsk() async throws {
        try await withOutbox { (bench) throws in
            try bench.put(1)
            try bench.keep(
                try #require(try bench.due().first), .answered([.stored, .later(.farTrouble, advice: nil)]))
            let again = try #require(try bench.due().first)
            #expect(again.deposit.targets == [bench.deposit(1).targets[1]])
            #expect(again.item.targets == [.stored, .waiting] && again.item.trouble == .farTrouble)
            #expect(try bench.outbox.dueRoutes(clock: bench.clock, in: bench.connection) == [])
            bench.clock.running = again.item.nextTry
            #expect(try bench.outbox.dueRoutes(clock: bench.clock, in: bench.connection) == [bench.route])
            try bench.keep(again, .answered([.refused(code: 7, detail: "no such device")]))
            let report = try #require(try bench.reports().first)
            #expect(report.item.state == .stored)
            #expect(report.item.targets == [.stored, .refused(code: 7, detail: "no such device")])
            #expect(try bench.due().isEmpty)
        }
    }

    @Test func endsStayUntilTheirDeviceHasThem() async throws {
        try await withOutbox { (bench) throws in
            try bench.put(1)
            try bench.put(2)
            try bench.keep(try #require(try bench.due().first), .answered([.stored, .stored]))
            #expect(try bench.reports().map(\.item.state).sorted { $0.rawValue < $1.rawValue } == [.waiting, .stored])
            // Another device cannot, nor can one that still waits be forgotten.
            try bench.outbox.acknowledge(items: [bench.name(1)], device: alice, in: bench.connection)
            try bench.outbox.acknowledge(items: [bench.name(2)], device: bench.device, in: bench.connection)
            #expect(try bench.reports().count == 2)
            try bench.outbox.acknowledge(items: [bench.name(1)], device: bench.device, in: bench.connection)
            #expect(try bench.reports().map(\.name) == [bench.name(2)])
            bench.clock.running += Outbox.memory
        }
    }

    @Test func bothClocksMustCallItTooOld() async throws {
        try await withOutbox { (bench) throws in
            try bench.put(1, lifetime: 1000)
            bench.clock.running += 2000
            #expect(try bench.outbox.expire(clock: bench.clock, in: bench.connection).isEmpty)
            bench.clock.wall = bench.clock.wall.map { $0 + 500 }
            #expect(try bench.outbox.expire(clock: bench.clock, in: bench.connection).isEmpty)
            bench.clock.wall = bench.clock.wall.map { $0 + 500 }
            #expect(try bench.outbox.expire(clock: bench.clock, in: bench.connection).count == 1)
            #expect(try bench.reports().first?.item.state == .expired)
            #expect(try bench.used() == 0)
            // Nobody asks for a long time.
            bench.clock.running += Outbox.memory + 1
            _ = try bench.outbox.expire(clock: bench.clock, in: bench.connection)
            #expect(try bench.reports().isEmpty)
        }
    }

    @Test func routesHaveNodesInAnOrder() async throws {
        try await withOutbox { (bench) throws in
            let secret = SystemRandomSource().secret(32)
            func add(_ node: UInt8, place: Int64, secret: SecretBytes) throws {
                try bench.outbox.addHop(
                    route: bench.route, nodeKey: [UInt8](repeating: node, count: 32), addresses: ["a:\(node)", "b:1"],
                    initiatorSecret: secret, preSharedKey: secret, place: place, in: bench.connection)
            }
            func hops() throws -> [Outbox.Hop] { try bench.outbox.hops(of: bench.route, in: bench.connection) }
            try add(1, place: 2, secret: secret)
            try add(2, place: 1, secret: secret)
            #expect(try hops().map { $0.nodeKey[0] } == [2, 1])
            #expect(try hops().first?.addresses == ["a:2", "b:1"])
            let hop = try #require(try hops().first?.id)
            #expect(try bench.outbox.reserveCounters(10, hop: hop, in: bench.connection) == 1)
            #expect(try bench.outbox.reserveCounters(10, hop: hop, in: bench.connection) == 11)
            // New addresses keep the counter; a new key begins anew, and what waits is tried at once.
            try bench.put(1)
            try bench.keep(try #require(try bench.due().first), .failed(.unreachable, advice: nil))
            #expect(try bench.outbox.dueRoutes(clock: bench.clock, in: bench.connection) == [])
            try add(2, place: 1, secret: secret)
            #expect(try bench.outbox.dueRoutes(clock: bench.clock, in: bench.connection) == [bench.route])
            #expect(try bench.outbox.reserveCounters(1, hop: hop, in: bench.connection) == 21)
            try add(2, place: 1, secret: SystemRandomSource().secret(32))
            #expect(try bench.outbox.reserveCounters(1, hop: hop, in: bench.connection) == 1)
            try bench.outbox.removeHops(
                route: bench.route, nodeKey: [UInt8](repeating: 2, count: 32), in: bench.connection)
            #expect(try hops().map { $0.nodeKey[0] } == [1])
            try bench.outbox.removeHops(route: bench.route, nodeKey: nil, in: bench.connection)
            #expect(try hops().isEmpty)
        }
    }
}
