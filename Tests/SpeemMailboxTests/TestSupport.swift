import SpeemCrypto
import SpeemStore
import Testing

@testable import SpeemMailbox

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A node's mailboxes on a real disk, for the time of `body`.
func withMailboxes(
    quota: Quota = Quota(total: 1_000_000, perContact: 400_000, own: 100_000), maxAge: Int64 = 1000,
    _ body: (Store, Mailboxes) async throws -> Void
) async throws {
    let folder = "/tmp/speem-mailbox-\(UInt64.random(in: 0 ... .max))"
    let store = try await Store.open(
        Store.Options(
            folder: folder, keyPath: folder + "/store.key",
            migrations: [Migration(number: 1, name: "mailboxes") { try MailboxSchema.create($0) }], mayCreate: true))
    defer {
        for name in ["store.db", "store.db-wal", "store.key", "store.lock", "initialised"] {
            unlink("\(folder)/\(name)")
        }
        rmdir(folder)
    }
    let mailboxes = Mailboxes(quota: quota, maxAge: maxAge)
    try await store.write { connection in
        for device in [alice, bob] { try mailboxes.open(device: device, in: connection) }
    }
    do {
        try await body(store, mailboxes)
    } catch {
        await store.close()
        throw error
    }
    await store.close()
}

let alice = [UInt8](repeating: 0xa1, count: 16)
let bob = [UInt8](repeating: 0xb0, count: 16)
let start = NodeClock(running: 100, wall: 1_700_000_000)

func envelope(_ number: Int, body: Int = 10) -> Envelope {
    Envelope(
        id: BLAKE2b.hash(BigEndian.bytes(UInt64(number))), header: [1, 2, 3], body: [UInt8](repeating: 7, count: body))
}

extension Store {
    func deposit(
        _ envelope: Envelope, for device: [UInt8] = alice, from grant: Int64 = 1,
        as depositor: Quota.Depositor = .contact,
        contacts: Int64 = 1, clock: NodeClock = start, _ mailboxes: Mailboxes
    ) async throws -> DepositOutcome {
        try await write { connection in
            try mailboxes.deposit(
                envelope, for: device, from: grant, as: depositor, contacts: contacts, clock: clock, in: connection)
        }
    }

    func drain(
        of device: [UInt8] = alice, after: Int64 = 0, count: Int = 1000, bytes: Int = .max, _ mailboxes: Mailboxes
    )
        async throws -> Drain?
    {
        try await read { try mailboxes.drain(device: device, after: after, count: count, bytes: bytes, in: $0) }
    }

    func acknowledge(_ sequences: [Int64], of device: [UInt8] = alice, clock: NodeClock = start, _ mailboxes: Mailboxes)
        async throws -> Int
    {
        try await write { try mailboxes.acknowledge(device: device, sequences: sequences, clock: clock, in: $0) }
    }

    func used(_ mailboxes: Mailboxes) async throws -> Int64 { try await read { try mailboxes.bytesUsed(in: $0) } }
}
