import Foundation
import Logging
import ServiceLifecycle
import SpeemConfig
import SpeemCrypto
import SpeemIdentity
import SpeemMailbox
import SpeemProtocol
import SpeemSpool
import SpeemStore
import SpeemTransport
import SwiftProtobuf

@testable import SpeemNode

/// A node whose store has a passphrase, in a folder of its own, on a free port.
final class LockedTestNode: Sendable {
    let folder: String
    let clock = TestClock()
    let key: StoreKey

    private init(folder: String, key: StoreKey) {
        self.folder = folder
        self.key = key
    }

    /// With a wrapped key that costs little.
    convenience init() throws {
        let folder = "/tmp/speem-locked-\(UInt64.random(in: 0 ... .max))"
        let key = StoreKey(secret: random.secret(StoreKey.length), path: "test")
        let wrapped = try WrappedKey(
            wrapping: key, passphrase: Passphrase(SecretBytes(Array("one two".utf8))),
            cost: Argon2id.Cost(passes: 1, memory: 8 << 10), random: random)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(wrapped.encoded).write(to: URL(filePath: WrappedKey.path(folder: folder)))
        self.init(folder: folder, key: key)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// What a power cut at this moment leaves, for a start of its own.
    func afterPowerCut() throws -> LockedTestNode {
        let copy = folder + "-\(UInt64.random(in: 0 ... .max))"
        let files = FileManager.default
        try files.createDirectory(atPath: copy, withIntermediateDirectories: true)
        for name in try files.contentsOfDirectory(atPath: folder) where name != "control.sock" {
            try files.copyItem(atPath: folder + "/" + name, toPath: copy + "/" + name)
        }
        return LockedTestNode(folder: copy, key: key)
    }

    func config(_ lines: String = "", store: String = "") throws -> Config {
        let text =
            "role = \"node\"\ndata = \"\(folder)\"\nname = \"attic\"\n[listen]\naddresses = [\"127.0.0.1:0\"]\n"
            + "[discovery]\nmode = \"off\"\n[limits]\nhandshake_timeout = \"60s\"\n[store]\nkey = \"passphrase\"\n"
            + store + lines
        return try Config.parse(Array(text.utf8), file: folder + ".toml", home: nil)
    }

    /// Runs it unlocked for the time of `body`.
    func unlocked<T: Sendable>(
        _ lines: String = "", _ body: @Sendable @escaping (NodeService) async throws -> T
    ) async throws -> T {
        let service = try await NodeService.start(
            try config(lines), key: .key(key), logger: quietLogger, clock: clock)
        return try await Self.run(service) { try await body(service) }
    }

    /// Starts it locked, for the time of `body`, which may unlock it.
    func locked<T: Sendable>(
        store: String = "", _ body: @Sendable @escaping (LockedRun) async throws -> T
    ) async throws -> T {
        let (announcements, announced) = AsyncStream.makeStream(of: NodeService.Announcement.self)
        let node = try await PassphraseNode.start(
            try config(store: store), logger: quietLogger, clock: clock, fileSystem: PosixFileSystem()
        ) { announced.yield($0) }
        return try await Self.run(node) {
            try await body(LockedRun(node: node, test: self, announcements: announcements))
        }
    }

    private static func run<T: Sendable>(
        _ service: any Service, _ body: @Sendable @escaping () async throws -> T
    ) async throws -> T {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let services = ServiceGroup(services: [service], logger: quietLogger)
            group.addTask { try await services.run() }
            do {
                let result = try await body()
                await services.triggerGracefulShutdown()
                try await group.waitForAll()
                return result
            } catch {
                await services.triggerGracefulShutdown()
                throw error
            }
        }
    }

    /// The files of the spool.
    func spoolFiles() throws -> [SpoolFolder.File] {
        try SpoolFolder(NodeState.spoolFolder(folder), fileSystem: PosixFileSystem()).files()
    }

    func record() throws -> MachineRecord? {
        try MachineFile(folder: folder, fileSystem: PosixFileSystem()).read()
    }
}

/// A node that was started locked.
struct LockedRun: Sendable {
    let node: PassphraseNode
    let test: LockedTestNode
    let announcements: AsyncStream<NodeService.Announcement>

    var address: String { node.addresses.first ?? "" }

    func connect(_ key: X25519.PrivateKey, _ preSharedKey: SecretBytes, _ people: People) async throws
        -> ClientConnection
    {
        try await SpeemNodeTests.connect(address, node: people.node, key: key, preSharedKey: preSharedKey)
    }

    func device(_ people: People) async throws -> ClientConnection {
        try await connect(people.owner.key, people.owner.preSharedKey, people)
    }

    func contact(_ people: People) async throws -> ClientConnection {
        try await connect(people.contact, people.contactPreSharedKey, people)
    }

    func route(_ people: People) async throws -> ClientConnection {
        try await connect(people.route, routePreSharedKey, people)
    }

    /// Unlocks it over `device`, and waits until it is a whole node.
    func unlock(over device: ClientConnection) async throws -> NodeService.Announcement {
        let answer = try await device.request(unlockRequest(test.key))
        guard case .unlocked = answer.kind else { throw TransportError.violation("\(answer)") }
        for await announcement in announcements { return announcement }
        throw TransportError.disconnected
    }
}

func unlockRequest(_ key: StoreKey) -> WireRequest {
    .with { $0.unlock = .with { $0.dataKey = Data(key.secret.exposedCopy()) } }
}

/// Who has a grant at the node of a test.
struct People: Sendable {
    let node: X25519.PublicKey
    let owner: TestOwner
    let contact: X25519.PrivateKey
    let contactPreSharedKey: SecretBytes
    let invite: InviteKeys
    let route: X25519.PrivateKey
    /// Never redeemed.
    let open: InviteKeys

    /// Claims the node, and lets a contact and its route in.
    init(_ service: NodeService) async throws {
        let home = try await Home(service)
        let guest = try await home.contact()
        route = X25519.PrivateKey(random: random)
        _ = try await guest.connection.request(registerRoute(route))
        open = try await home.invite(.contact)
        node = home.node.noise
        owner = home.owner
        contact = guest.key
        contactPreSharedKey = guest.preSharedKey
        invite = guest.invite
        await guest.connection.close()
        await home.device.close()
    }
}

/// The bodies in the owner's mailbox, by their first bytes.
func drained(_ device: ClientConnection) async throws -> [UInt8] {
    var after: UInt64 = 0
    var all: [UInt8] = []
    while true {
        let answer = try await device.request(.with { $0.drain = .with { $0.after = after } }).drained
        all += answer.envelopes.map { $0.body.first ?? 0 }
        guard answer.more, let last = answer.envelopes.last else { return all }
        after = last.sequence
    }
}
