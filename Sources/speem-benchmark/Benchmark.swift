import CSQLite
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import SpeemConfig
import SpeemCrypto
import SpeemIdentity
import SpeemNode
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Durable deposits per second of 1 KiB envelopes over one connection, beside what the disk itself can do, in one run on
/// one folder, and what it costs two devices to compare their histories: `speem-benchmark FOLDER`. deploy/benchmark.sh builds and runs it.
/// With another first word it is the other side of a test (``Backlog``).
@main
enum Benchmark {
    /// Seconds for each measurement.
    private static let duration = 5.0
    private static let bodyLength = 1024

    static func main() async throws {
        switch CommandLine.arguments.dropFirst().first {
        case "fill" where CommandLine.arguments.count == 5:
            guard let megabytes = Int(CommandLine.arguments[4]), (1...100_000).contains(megabytes) else { break }
            return try await Backlog.fill(
                keys: CommandLine.arguments[2], invite: CommandLine.arguments[3], megabytes: megabytes)
        case "drain" where CommandLine.arguments.count == 4:
            guard let round = UInt64(CommandLine.arguments[3]) else { break }
            return try await Backlog.drain(keys: CommandLine.arguments[2], round: round)
        default: break
        }
        guard CommandLine.arguments.count == 2 else {
            print(
                "speem-benchmark FOLDER\nspeem-benchmark fill KEYS INVITE MEGABYTES\nspeem-benchmark drain KEYS ROUND")
            exit(64)
        }
        let folder = CommandLine.arguments[1]
        try? PosixFileSystem().makeFolder(folder)
        let syncs = try syncRate(folder)
        report("fdatasync of 4 KiB", syncs, "a second")
        let rows = try sqliteRate(folder)
        report("plain SQLite, 1 KiB rows, 1,000 a transaction", rows, "rows a second")
        try await withNode(folder) { node in
            let (connection, device) = (node.connection, node.devices[0].entry.id)
            var number: UInt64 = 0
            let one = try await rate(window: 1, connection, device, &number)
            report("deposits, one at a time", one, "a second")
            let many = try await rate(window: 1000, connection, device, &number)
            report("deposits, 1,000 in flight", many, "a second")
            print("one at a time: \(ratio(one, syncs)) of the disk's syncs")
            print("1,000 in flight: \(ratio(many, rows)) of plain SQLite's rows")
            try await FanOutBenchmark.run(node)
        }
        try await LatencyBenchmark.run(folder)
        try ReconciliationBenchmark.run()
    }

    private static func report(_ words: String, _ rate: Double, _ unit: String) {
        print("\(words): \(Int(rate)) \(unit)")
    }

    private static func ratio(_ one: Double, _ other: Double) -> String { "\(Int(one / other * 1000)) ‰" }

    /// Runs `body` over and over for ``duration``; returns how often a second, `weight` counted for each.
    private static func measure(weight: Int = 1, _ body: () throws -> Void) rethrows -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        var count = 0
        while start.duration(to: clock.now) < .seconds(duration) {
            try body()
            count += weight
        }
        return Double(count) / (start.duration(to: clock.now) / .seconds(1))
    }

    // MARK: The disk

    /// Overwrites and syncs one block of a file that is there, as a log does.
    private static func syncRate(_ folder: String) throws -> Double {
        let path = folder + "/sync"
        defer { unlink(path) }
        let file = try PosixFileSystem().open(path, create: true)
        defer { file.close() }
        let block = [UInt8](repeating: 7, count: 4096)
        try block.withUnsafeBytes { try file.write($0, at: 0) }
        try file.sync()
        return try measure {
            try block.withUnsafeBytes { try file.write($0, at: 0) }
            try file.sync()
        }
    }

    private struct SQLiteFailed: Error {}

    /// SQLite as it comes, in WAL mode with synchronous=FULL.
    private static func sqliteRate(_ folder: String) throws -> Double {
        let path = folder + "/plain.db"
        defer { for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) } }
        var database: OpaquePointer?
        var insert: OpaquePointer?
        let setUp = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB)"
        guard sqlite3_open(path, &database) == SQLITE_OK, sqlite3_exec(database, setUp, nil, nil, nil) == SQLITE_OK,
            sqlite3_prepare_v2(database, "INSERT INTO t (b) VALUES (randomblob(1024))", -1, &insert, nil) == SQLITE_OK
        else { throw SQLiteFailed() }
        defer {
            sqlite3_finalize(insert)
            sqlite3_close(database)
        }
        return try measure(weight: 1000) {
            guard sqlite3_exec(database, "BEGIN", nil, nil, nil) == SQLITE_OK else { throw SQLiteFailed() }
            for _ in 0..<1000 {
                guard sqlite3_step(insert) == SQLITE_DONE else { throw SQLiteFailed() }
                sqlite3_reset(insert)
            }
            guard sqlite3_exec(database, "COMMIT", nil, nil, nil) == SQLITE_OK else { throw SQLiteFailed() }
        }
    }

    // MARK: The node

    /// Keeps `window` deposits in flight and acknowledges nothing before all of a round are answered.
    private static func rate(
        window: Int, _ connection: ClientConnection, _ device: DeviceID, _ number: inout UInt64
    ) async throws -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        var count = 0
        while start.duration(to: clock.now) < .seconds(duration) {
            let requests = (0..<window).map { _ in
                number += 1
                return deposit(number, device)
            }
            for response in try await connection.request(all: requests) {
                guard response.deposited.outcomes.map(\.state) == [.stored] else {
                    throw TransportError.violation("\(response)")
                }
                count += 1
            }
        }
        return Double(count) / (start.duration(to: clock.now) / .seconds(1))
    }

    private static func deposit(_ number: UInt64, _ device: DeviceID) -> WireRequest {
        .with {
            $0.deposit = .with {
                $0.targets = [
                    .with {
                        $0.mailbox = Data(device.bytes)
                        $0.envelopeID = Data(BLAKE2b.hash(BigEndian.bytes(number)))
                    }
                ]
                $0.body = Data(SystemRandomSource().bytes(bodyLength))
            }
        }
    }

    /// A node in `folder` that this process owns, and a connection to it.
    private static func withNode(
        _ folder: String, _ body: @escaping @Sendable (OwnedNode) async throws -> Void
    ) async throws {
        let text = """
            role = "node"
            data = "\(folder)/node"
            [listen]
            addresses = ["127.0.0.1:0"]
            [mailbox]
            quota = "100GB"
            quota_per_contact = "50GB"
            quota_own = "50GB"
            """
        let logger = Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() }
        let config = try Config.parse(Array(text.utf8), file: folder + "/node.toml", home: nil)
        let service = try await NodeService.start(config, logger: logger)
        let services = ServiceGroup(services: [service], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            let node = try await own(service.announcement)
            try await body(node)
            await node.connection.close()
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
        }
    }

    private static func own(_ announcement: NodeService.Announcement) async throws -> OwnedNode {
        guard let invite = announcement.claim else { throw TransportError.violation("the folder was used before") }
        let random = SystemRandomSource()
        let keys = InviteKeys(secret: invite.secret)
        let devices = (0..<10).map { _ in DeviceKeys(random: random) }
        let permanent = X25519.PrivateKey(random: random)
        let account = AccountKey(random: random)
        let genesis = try RosterEntry.genesis(account: account, devices: devices.map(\.entry), nodes: [invite.node])
        let client = TransportClient(group: MultiThreadedEventLoopGroup.singleton)
        let preSharedKey = SystemRandomSource().secret(32)
        let claiming = try await client.connect(
            to: announcement.addresses[0],
            credentials: NodeCredentials(
                initiatorKey: keys.initiatorKey, preSharedKey: keys.preSharedKey, nodeKey: invite.node.noise),
            counter: 1)
        let proof = ClaimProof(
            node: invite.node.noise, head: genesis.head, device: devices[0].entry.id,
            initiatorKey: permanent.publicKey.bytes, preSharedKey: preSharedKey, recovery: nil)
        _ = try await claiming.request(
            .with {
                $0.claim = .with {
                    $0.signature = Data(proof.signed(by: devices[0]))
                    $0.initiatorKey = Data(permanent.publicKey.bytes)
                    $0.roster = [Data(genesis.encoded)]
                    $0.device = Data(devices[0].entry.id.bytes)
                    $0.preSharedKey = Data(preSharedKey.exposedCopy())
                }
            })
        await claiming.close()
        let credentials = NodeCredentials(
            initiatorKey: permanent, preSharedKey: preSharedKey, nodeKey: invite.node.noise)
        return OwnedNode(
            connection: try await client.connect(to: announcement.addresses[0], credentials: credentials, counter: 1),
            address: announcement.addresses[0], credentials: credentials, account: account.publicKey,
            head: genesis.head, devices: devices)
    }
}

/// A node that this process owns.
struct OwnedNode: Sendable {
    let connection: ClientConnection
    /// "host:port"
    let address: String
    let credentials: NodeCredentials
    let account: AccountPublicKey
    let head: RosterHead
    let devices: [DeviceKeys]
}
