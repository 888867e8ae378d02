import SpeemCrypto
import SpeemStore
import Testing

@testable import SpeemMailbox

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

let alice = [UInt8](repeating: 0xa1, count: 16)
let bob = [UInt8](repeating: 0xb0, count: 16)
let start = NodeClock(running: 100, wall: 1_700_000_000)
let day: Int64 = 86_400

func envelope(_ number: Int, body: Int = 10) -> Envelope {
    Envelope(
        id: BLAKE2b.hash(BigEndian.bytes(UInt64(bitPattern: Int64(number)))), header: [1, 2, 3],
        body: [UInt8](repeating: 7, count: body))
}

extension Envelope {
    /// What it is charged when it has its body for itself.
    var size: Int64 { Int64(header.count) + Int64(body.count) + 128 }

    /// A deposit for one device.
    func deposit(for device: [UInt8]) -> Deposit {
        Deposit(targets: [.init(device: device, id: id, header: header)], body: body)
    }
}

// MARK: A store on a real disk

/// A folder for the time of `body`.
func withFolder(_ body: (String) async throws -> Void) async throws {
    let folder = "/tmp/speem-mailbox-\(UInt64.random(in: 0 ... .max))"
    defer {
        for name in ["store.db", "store.db-wal", "store.key", "store.lock", "initialised", "store.ballast"] {
            unlink("\(folder)/\(name)")
        }
        rmdir(folder)
    }
    try await body(folder)
}

func openStore(_ folder: String) async throws -> Store {
    try await Store.open(
        Store.Options(
            folder: folder, key: .file(folder + "/store.key"),
            migrations: [Migration(number: 1, name: "mailboxes") { try MailboxSchema.create($0) }], mayCreate: true))
}

/// A node's mailboxes, of alice and bob, for the time of `body`.
func withMailboxes(
    quota: Quota = Quota(total: 1_000_000, perContact: 400_000, own: 100_000), maxAge: Int64 = 1000,
    _ body: (Store, Mailboxes) async throws -> Void
) async throws {
    try await withFolder { folder in
        let store = try await openStore(folder)
        let mailboxes = Mailboxes(quota: quota, maxAge: maxAge)
        do {
            try await store.write { connection in
                for device in [alice, bob] { try mailboxes.open(device: device, in: connection) }
            }
            try await body(store, mailboxes)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }
}

// MARK: Inside one transaction

/// Mailboxes inside one transaction, with the clock and the number of contacts of the moment.
struct Bench {
    let connection: Connection
    var mailboxes: Mailboxes
    var clock = start
    var contacts: Int64 = 1

    func deposit(
        _ envelope: Envelope, for device: [UInt8] = alice, from party: Int64 = 1,
        as depositor: Quota.Depositor = .contact
    ) throws -> DepositOutcome {
        let outcomes = try mailboxes.deposit(
            envelope.deposit(for: device), from: party, as: depositor, contacts: contacts, clock: clock,
            in: connection)
        return try #require(outcomes.first)
    }

    func drain(_ device: [UInt8] = alice, after: Int64 = 0, count: Int = 1000, bytes: Int = .max) throws -> Drain? {
        try mailboxes.drain(device: device, after: after, count: count, bytes: bytes, in: connection)
    }

    func sequences(_ device: [UInt8] = alice) throws -> [Int64]? { try drain(device)?.envelopes.map(\.sequence) }

    @discardableResult
    func acknowledge(_ sequences: [Int64], of device: [UInt8] = alice) throws -> Int {
        try mailboxes.acknowledge(device: device, sequences: sequences, clock: clock, in: connection)
    }

    func open(_ device: [UInt8] = alice) throws { try mailboxes.open(device: device, in: connection) }

    func remove(_ device: [UInt8] = alice) throws {
        try mailboxes.remove(device: device, clock: clock, in: connection)
    }

    /// One call; returns how many envelopes were deleted.
    @discardableResult
    func expire() throws -> Int { try mailboxes.expire(clock: clock, in: connection) }

    /// Calls until there is nothing more to clean up; returns how many envelopes were deleted.
    @discardableResult
    func expireAll() throws -> Int {
        var deleted = 0
        while true {
            let rows = try count("deposit")
            let step = try expire()
            deleted += step
            if step == 0, try count("deposit") == rows { return deleted }
        }
    }

    func states() throws -> [MailboxState] { try mailboxes.states(clock: clock, in: connection) }

    func used() throws -> Int64 { try mailboxes.bytesUsed(in: connection) }

    func integer(_ sql: String, _ values: Value...) throws -> Int64 {
        let value: Int64? =
            switch values.count {
            case 0: try connection.first(sql) { row throws(StoreError) in try row.integer(0) }
            default: try connection.first(sql, values[0]) { row throws(StoreError) in try row.integer(0) }
            }
        return try #require(value)
    }

    func count(_ table: String) throws -> Int64 { try integer("SELECT count(*) FROM \(table)") }

    func tombstones() throws -> Int64 { try integer("SELECT count(*) FROM deposit WHERE sequence IS NULL") }
}

/// Runs `body` in one transaction on a real store, and checks the books at its end.
func withBench(
    quota: Quota = Quota(total: 1_000_000, perContact: 400_000, own: 100_000), maxAge: Int64 = 1000,
    _ body: @escaping @Sendable (inout Bench) throws -> Void
) async throws {
    try await withMailboxes(quota: quota, maxAge: maxAge) { (store, mailboxes) async throws in
        try await store.write { connection in
            var bench = Bench(connection: connection, mailboxes: mailboxes)
            try body(&bench)
            try bench.checkBooks()
        }
    }
}

extension DepositOutcome {
    /// Whether it was written just now.
    var isStored: Bool {
        if case .stored = self { true } else { false }
    }
}

extension Store {
    func deposit(
        _ envelope: Envelope, for device: [UInt8] = alice, from party: Int64 = 1,
        as depositor: Quota.Depositor = .contact, contacts: Int64 = 1, clock: NodeClock = start,
        _ mailboxes: Mailboxes
    ) async throws -> DepositOutcome {
        try await write { connection in
            try #require(
                try mailboxes.deposit(
                    envelope.deposit(for: device), from: party, as: depositor, contacts: contacts, clock: clock,
                    in: connection
                ).first)
        }
    }

    func drain(of device: [UInt8] = alice, after: Int64 = 0, _ mailboxes: Mailboxes) async throws -> Drain? {
        try await read { try mailboxes.drain(device: device, after: after, count: 1000, bytes: .max, in: $0) }
    }

    func acknowledge(
        _ sequences: [Int64], of device: [UInt8] = alice, clock: NodeClock = start, _ mailboxes: Mailboxes
    ) async throws -> Int {
        try await write { try mailboxes.acknowledge(device: device, sequences: sequences, clock: clock, in: $0) }
    }
}

/// A generator with a seed, so that a failure can be repeated (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// True once in `odds` times.
    mutating func once(in odds: Int) -> Bool { Int.random(in: 0..<odds, using: &self) == 0 }
}
