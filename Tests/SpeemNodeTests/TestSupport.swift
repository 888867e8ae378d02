import Foundation
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import SpeemConfig
import SpeemCrypto
import SpeemIdentity
import SpeemMailbox
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf
import Synchronization
import Testing

@testable import SpeemNode

let random = SystemRandomSource()

let quietLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Clocks that a test sets.
final class TestClock: ClockSource {
    private let state = Mutex<(monotonic: Int64, wall: Int64?)>((1000, 1_700_000_000))
    private let sleepers = Mutex<[(until: Int64, wake: AsyncStream<Never>.Continuation)]>([])

    func monotonic() -> Int64 { state.withLock { $0.monotonic } }
    func wall() -> Int64? { state.withLock { $0.wall } }

    func advance(_ seconds: Int64) {
        state.withLock {
            $0.monotonic += seconds
            $0.wall = $0.wall.map { $0 + seconds }
        }
        wakeSleepers()
    }

    func sleep(seconds: Int64) async {
        let (signal, wake) = AsyncStream.makeStream(of: Never.self)
        sleepers.withLock { $0.append((monotonic() + seconds, wake)) }
        wakeSleepers()
        for await _ in signal {}
    }

    private func wakeSleepers() {
        let now = monotonic()
        let over = sleepers.withLock { sleepers in
            defer { sleepers.removeAll { $0.until <= now } }
            return sleepers.filter { $0.until <= now }
        }
        for sleeper in over { sleeper.wake.finish() }
    }
}

/// A node in a folder of its own, on a free port.
final class TestNode: Sendable {
    let folder = "/tmp/speem-node-\(UInt64.random(in: 0 ... .max))"
    let clock = TestClock()

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Runs the node for the time of `body`, which gets where it listens and its claim invite.
    func run(
        _ lines: String = "", _ body: @Sendable @escaping (NodeService.Announcement) async throws -> Void
    ) async throws {
        try await serve(lines) { try await body($0.announcement) }
    }

    func start(
        _ lines: String = "", port: Int = 0, fileSystem: any FileSystem = PosixFileSystem(),
        forwarding: Forwarder.Settings = Forwarder.Settings(), logger: Logger = quietLogger
    ) async throws -> NodeService {
        let text =
            "role = \"node\"\ndata = \"\(folder)\"\n[listen]\naddresses = [\"127.0.0.1:\(port)\"]\n"
            + "[limits]\nhandshake_timeout = \"60s\"\n" + lines
        let config = try Config.parse(Array(text.utf8), file: folder + ".toml", home: nil)
        return try await NodeService.start(
            config, logger: logger, clock: clock, fileSystem: fileSystem,
            forwarding: forwarding)
    }

    /// Runs the node for the time of `body`, which gets all of it.
    func serve(
        _ lines: String = "", fileSystem: any FileSystem = PosixFileSystem(), logger: Logger = quietLogger,
        _ body: @Sendable @escaping (NodeService) async throws -> Void
    ) async throws {
        let service = try await start(lines, fileSystem: fileSystem, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            let services = ServiceGroup(services: [service], logger: quietLogger)
            group.addTask { try await services.run() }
            do {
                try await body(service)
            } catch {
                await services.triggerGracefulShutdown()
                throw error
            }
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
        }
    }
}

/// An owner: what a device would know.
struct TestOwner: Sendable {
    let account = AccountKey(random: random)
    let device = DeviceKeys(random: random)
    let key = X25519.PrivateKey(random: random)
    let preSharedKey = random.secret(32)

    var id: Data { Data(device.entry.id.bytes) }

    func roster(_ node: NodeEntry) throws -> Roster {
        try Roster(genesis: try RosterEntry.genesis(account: account, devices: [device.entry], nodes: [node]))
    }
}

/// Counters that only grow, for all tests.
let counters = Atomic<UInt64>(1)

func connect(
    _ address: String, node: X25519.PublicKey, key: X25519.PrivateKey, preSharedKey: SecretBytes
) async throws -> ClientConnection {
    try await TransportClient(group: MultiThreadedEventLoopGroup.singleton, timeout: .seconds(60)).connect(
        to: address,
        credentials: NodeCredentials(initiatorKey: key, preSharedKey: preSharedKey, nodeKey: node),
        counter: counters.add(1, ordering: .relaxed).newValue)
}

/// A claim of a node; the chain is one entry that lists it, where none is given.
///
/// - Parameter signer: another device than the owner's.
func claim(
    _ owner: TestOwner, _ node: NodeEntry, chain: [RosterEntry]? = nil, key: X25519.PrivateKey? = nil,
    recovery: WireGrant? = nil, signer: DeviceKeys? = nil
) throws -> WireRequest {
    let entries = try chain ?? owner.roster(node).entries
    let key = (key ?? owner.key).publicKey.bytes
    let head = entries.last?.head
    let proof = try ClaimProof(
        node: node.noise, head: head ?? RosterHead([UInt8](repeating: 0, count: RosterHead.length)),
        device: owner.device.entry.id, initiatorKey: key, preSharedKey: owner.preSharedKey,
        recovery: recovery.map { ([UInt8]($0.initiatorKey), SecretBytes($0.preSharedKey)) })
    return .with {
        $0.claim = .with {
            $0.signature = Data(proof.signed(by: signer ?? owner.device))
            $0.initiatorKey = Data(key)
            $0.roster = entries.map { Data($0.encoded) }
            $0.device = owner.id
            $0.preSharedKey = Data(owner.preSharedKey.exposedCopy())
            if let recovery { $0.recovery = recovery }
        }
    }
}

/// Claims the node and returns the owner's connection.
func own(_ announcement: NodeService.Announcement, _ owner: TestOwner) async throws -> ClientConnection {
    guard let invite = announcement.claim else { throw TransportError.disconnected }
    let keys = InviteKeys(secret: invite.secret)
    let oneTime = try await connect(
        announcement.addresses[0], node: invite.node.noise, key: keys.initiatorKey, preSharedKey: keys.preSharedKey)
    let response = try await oneTime.request(try claim(owner, invite.node))
    guard case .claimed = response.kind else { throw TransportError.violation("\(response)") }
    await oneTime.close()
    return try await connect(
        announcement.addresses[0], node: invite.node.noise, key: owner.key, preSharedKey: owner.preSharedKey)
}

/// A contact of the owner, connected.
func contact(
    _ device: ClientConnection, _ announcement: NodeService.Announcement, node: X25519.PublicKey
) async throws -> ClientConnection {
    let keys = InviteKeys(secret: random.secret(16))
    _ = try await device.request(register(keys))
    let oneTime = try await connect(
        announcement.addresses[0], node: node, key: keys.initiatorKey, preSharedKey: keys.preSharedKey)
    let key = X25519.PrivateKey(random: random)
    _ = try await oneTime.request(redeem(key, nil))
    await oneTime.close()
    return try await connect(
        announcement.addresses[0], node: node, key: key, preSharedKey: keys.grantPreSharedKey)
}

func register(
    _ keys: InviteKeys, lifetime: UInt64 = 3600, kind: WireInviteRegister.Kind = .contact
) -> WireRequest {
    .with {
        $0.inviteRegister = .with {
            $0.kind = kind
            $0.initiatorKey = Data(keys.initiatorKey.publicKey.bytes)
            $0.preSharedKey = Data(keys.preSharedKey.exposedCopy())
            $0.grantPreSharedKey = Data(keys.grantPreSharedKey.exposedCopy())
            $0.lifetimeSeconds = lifetime
        }
    }
}

let routePreSharedKey = random.secret(32)

func registerRoute(_ key: X25519.PrivateKey) -> WireRequest {
    .with {
        $0.routeRegister = .with {
            $0.initiatorKey = Data(key.publicKey.bytes)
            $0.preSharedKey = Data(routePreSharedKey.exposedCopy())
        }
    }
}

func deposit(_ number: UInt8, _ devices: Data...) -> WireDeposit {
    .with {
        $0.targets = devices.map { device in
            .with {
                $0.mailbox = device
                $0.envelopeID = Data(repeating: number, count: 32)
                $0.header = Data([1])
            }
        }
        $0.body = Data(repeating: number, count: 100)
    }
}

extension WireResponse {
    /// Of a deposit for one device.
    var outcome: WireDeposited.Outcome { deposited.outcomes.first ?? WireDeposited.Outcome() }
    var isStored: Bool { deposited.outcomes.map(\.state) == [.stored] }
}

func redeem(_ key: X25519.PrivateKey, _ first: WireDeposit?) -> WireRequest {
    .with {
        $0.redeem = .with {
            $0.initiatorKey = Data(key.publicKey.bytes)
            if let first { $0.deposit = first }
        }
    }
}

func upload(pairs: Int, signed: UInt8 = 8) -> WireRequest {
    .with {
        $0.prekeyUpload = .with {
            $0.signedPrekey = Data([signed])
            $0.lastResortKemPrekey = Data([0x0b])
            $0.oneTime = (0..<pairs).map { number in
                .with {
                    $0.oneTimePrekey = Data([9, UInt8(number)])
                    $0.kemPrekey = Data([0x0a, UInt8(number)])
                }
            }
        }
    }
}

/// Waits for what becomes true on its own.
func until(
    _ words: Comment, _ condition: () async throws -> Bool, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(20))
    }
    Issue.record(words, sourceLocation: sourceLocation)
}
