import SpeemCrypto
import SpeemStore

@testable import SpeemMailbox

private let zeros = [UInt8](repeating: 0, count: 32)

/// An outbox inside one transaction.
struct OutboxBench {
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

    /// A route to one node, or to several.
    @discardableResult
    func lead(
        _ nodes: [UInt8] = [1], addresses: [String] = ["a:1", "b:1"], secret: SecretBytes = SecretBytes(zeros),
        of route: [UInt8]? = nil
    ) throws -> Bool {
        try outbox.setRoute(
            route ?? self.route, initiatorSecret: secret, preSharedKey: secret,
            nodes: nodes.map { ([UInt8](repeating: $0, count: 32), addresses, nil) }, in: connection)
    }

    func isDue() throws -> Bool {
        try outbox.dueRoutes(clock: clock, in: connection) == [route]
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

func withOutbox(_ body: @escaping @Sendable (inout OutboxBench) throws -> Void) async throws {
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
        do {
            try await store.write { connection in
                var bench = OutboxBench(connection: connection)
                try bench.lead()
                try body(&bench)
            }
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }
}
