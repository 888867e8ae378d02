import Foundation
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import SpeemConfig
import SpeemCrypto
import SpeemIdentity
import SpeemNode
import SpeemStore
import SpeemTransport
import Synchronization
import Testing

@testable import SpeemDevice

let quietLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A folder that goes with its owner.
final class Folder: Sendable {
    let path = "/tmp/speem-device-\(UInt64.random(in: 0 ... .max))"

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Ports that no test of this process uses twice.
enum FreePorts {
    private static let last = Mutex(UInt16.random(in: 20_000...30_000))

    static func next() async throws -> UInt16 {
        while true {
            let port = last.withLock { last in
                last = last < 31_900 ? last + 1 : 20_000
                return last
            }
            guard
                let free = try? await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                    .bind(host: "127.0.0.1", port: Int(port)).get()
            else { continue }
            try await free.close()
            return port
        }
    }
}

/// A running node; its port stays the same over restarts.
actor TestNode {
    private let folder = Folder()
    private let port: UInt16
    private let advertise: String
    private let limits: String
    private var tables = ""
    private var services: ServiceGroup?
    private var running: Task<Void, any Error>?
    private(set) var claim: Invite?
    private(set) var networkClaim: NodeService.Announcement.NetworkClaim?
    /// As the first claim invite names it.
    private(set) var entry: NodeEntry?

    /// - Parameters:
    ///   - advertise: an address for invites other than the node's own.
    ///   - limits: further lines of the configuration's limits.
    init(advertise: String? = nil, limits: String = "") async throws {
        self.limits = limits
        port = try await FreePorts.next()
        self.advertise = advertise ?? "127.0.0.1:\(port)"
    }

    var address: (host: String, port: Int) { ("127.0.0.1", Int(port)) }

    func config() throws -> Config {
        let text = """
            role = "node"
            data = "\(folder.path)"
            [listen]
            addresses = ["127.0.0.1:\(port)"]
            advertise = ["\(advertise)"]
            [limits]
            handshake_timeout = "60s"
            \(limits)
            [discovery]
            mode = "off"
            \(tables)
            """
        return try Config.parse(Array(text.utf8), file: folder.path + ".toml", home: nil)
    }

    /// - Parameter key: of a store with a passphrase.
    func start(key: StoreKey? = nil) async throws {
        let service = try await NodeService.start(
            try config(), key: key.map { .key($0) }, logger: quietLogger)
        claim = service.announcement.claim
        networkClaim = service.announcement.networkClaim
        entry = entry ?? claim?.node
        let group = ServiceGroup(services: [service], logger: quietLogger)
        services = group
        running = Task { try await group.run() }
    }

    /// Further tables of the configuration, from the next start on.
    func configure(_ tables: String) { self.tables = tables }

    /// Another card in the same board.
    func erase() throws { try FileManager.default.removeItem(atPath: folder.path) }

    /// Starts it locked; it is unlocked when `unlocked` is called.
    func startLocked(unlocked: @escaping @Sendable () -> Void = {}) async throws {
        let node = try await PassphraseNode.start(try config(), logger: quietLogger) { _ in unlocked() }
        let group = ServiceGroup(services: [node], logger: quietLogger)
        services = group
        running = Task { try await group.run() }
    }

    /// Puts a wrapped key into the folder of a node that was not started yet.
    func put(_ wrapped: WrappedKey) throws {
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        try Data(wrapped.encoded).write(to: URL(filePath: WrappedKey.path(folder: folder.path)))
    }

    /// How an address of an invite or a roster names it.
    var name: String { advertise }

    /// Copies the data folder of a node that is stopped.
    func copyDisk() throws -> Folder {
        let copy = Folder()
        try FileManager.default.copyItem(atPath: folder.path, toPath: copy.path)
        return copy
    }

    /// Takes an older copy, as a board that was restored from a backup.
    func restore(_ copy: Folder) throws {
        try FileManager.default.removeItem(atPath: folder.path)
        try FileManager.default.copyItem(atPath: copy.path, toPath: folder.path)
    }

    /// A method of the node's control socket.
    func call(_ method: String) async throws -> JSON? {
        try await ControlClient(
            path: folder.path + "/control.sock", group: MultiThreadedEventLoopGroup.singleton
        ).call(method)
    }

    func stop() async throws {
        await services?.triggerGracefulShutdown()
        try await running?.value
        services = nil
        running = nil
    }
}

/// A device's folder, and its methods as commands without a daemon call them.
struct TestDevice: Sendable {
    private let folder = Folder()
    let config: Config
    let name: String
    /// The account's, of its first device.
    let words: RecoveryWords?

    init(_ name: String) async throws {
        self.name = name
        config = try Self.config(folder, name: name, device: "\(name)-1")
        words = try await Device.initialise(config)
    }

    /// Without a store.
    init(empty name: String) throws {
        self.name = name
        config = try Self.config(folder, name: name, device: "\(name)-1")
        words = nil
    }

    /// A device that is to be linked to an account, or signed in.
    init(new name: String) throws {
        self.name = name
        config = try Self.config(folder, name: "", device: name)
        words = nil
    }

    private static func config(_ folder: Folder, name: String, device: String) throws -> Config {
        let text =
            "role = \"device\"\ndata = \"\(folder.path)\"\nname = \"\(name)\"\n[device]\nname = \"\(device)\"\n"
        return try Config.parse(Array(text.utf8), file: folder.path + ".toml", home: nil)
    }

    /// Opens the device for the time of `body`.
    func open<T: Sendable>(
        clock: WallClock = .system, _ body: @Sendable (Device) async throws -> T
    ) async throws -> T {
        let device = try await Device.open(
            config, group: MultiThreadedEventLoopGroup.singleton, clock: clock, logger: quietLogger)
        do {
            let result = try await body(device)
            await device.close()
            return result
        } catch {
            await device.close()
            throw error
        }
    }

    /// One command.
    @discardableResult
    func call(_ method: String, _ parameters: [String: JSON] = [:]) async throws -> JSON {
        try await open { device in
            try await DeviceControl(device: device, isDaemon: false).call(
                method, .object(parameters), session: ControlSession { _, _ in })
        }
    }

    func accept(_ invite: String, name: String? = nil) async throws -> JSON {
        var parameters: [String: JSON] = ["invite": .string(invite)]
        if let name { parameters["name"] = .string(name) }
        return try await call("accept", parameters)
    }

    func invite() async throws -> String {
        try await call("invite")["invite"]?.stringValue ?? ""
    }

    func send(_ contact: String, _ text: String) async throws -> String {
        try await call("send", ["contact": .string(contact), "text": .string(text)])["state"]?.stringValue ?? ""
    }

    /// One page, which then counts as read.
    func inbox(all: Bool = false) async throws -> [String] {
        let messages = try await call("inbox", ["all": .bool(all)])["messages"]?.arrayValue ?? []
        if let last = messages.last?["number"] { try await call("inbox", ["after": last, "read": last]) }
        return messages.map { "\($0["contact"]?.stringValue ?? "?"): \($0["text"]?.stringValue ?? "?")" }
    }

    func sent() async throws -> [String] {
        let messages = try await call("sent")["messages"]?.arrayValue ?? []
        return messages.map { "\($0["state"]?.stringValue ?? "?") \($0["text"]?.stringValue ?? "?")" }
    }

    /// From now on it goes to contacts' nodes itself.
    func useNoRoute() async throws {
        try await open { device in
            try await device.state.store.write {
                try $0.execute("UPDATE contact SET route_state = ?", .integer(Route.State.refused.rawValue))
            }
        }
    }

    func contacts() async throws -> [String] {
        (try await call("contacts").arrayValue ?? []).map {
            "\($0["name"]?.stringValue ?? "?") \($0["state"]?.stringValue ?? "?")"
        }
    }
}

/// Waits until something is so: for a minute at the most, which a busy machine may need.
func until(
    _ words: Comment, _ condition: () async throws -> Bool, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(50))
    }
    Issue.record(words, sourceLocation: sourceLocation)
}

/// Two people, each with a running node and a device that owns it.
struct TestPair: Sendable {
    let alice: TestDevice
    let bob: TestDevice
    let aliceNode: TestNode
    let bobNode: TestNode

    static func with(
        contacts: Bool = true, bobLimits: String = "", _ body: @Sendable (TestPair) async throws -> Void
    ) async throws {
        let pair = TestPair(
            alice: try await TestDevice("alice"), bob: try await TestDevice("bob"), aliceNode: try await TestNode(),
            bobNode: try await TestNode(limits: bobLimits))
        for (node, device) in [(pair.aliceNode, pair.alice), (pair.bobNode, pair.bob)] {
            try await node.start()
            _ = try await device.accept(await node.claim?.text ?? "")
        }
        if contacts {
            _ = try await pair.alice.accept(try await pair.bob.invite(), name: "bob")
            _ = try await pair.bob.contacts()
            _ = try await pair.alice.contacts()
        }
        do {
            try await body(pair)
        } catch {
            try? await pair.aliceNode.stop()
            try? await pair.bobNode.stop()
            throw error
        }
        try await pair.aliceNode.stop()
        try await pair.bobNode.stop()
    }
}
