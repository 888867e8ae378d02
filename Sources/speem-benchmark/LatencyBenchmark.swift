import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import SpeemConfig
import SpeemDevice
import SpeemIdentity
import SpeemNode
import SpeemTransport
import Synchronization

/// From "send" to the moment at which the other person's device shows the text: two awake devices, each with a node of its
/// own, all over sockets of this machine. A message goes through both nodes, and is on their disks before it is shown.
enum LatencyBenchmark {
    private static let messages = 200
    private static let logger = Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() }

    static func run(_ folder: String) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        var services: [any Service] = []
        var controls: [String: ControlClient] = [:]
        for person in ["alice", "bob"] {
            let node = try await NodeService.start(try config(folder, person + "-node", node: true), logger: logger)
            let deviceConfig = try config(folder, person, node: false)
            _ = try await Device.initialise(deviceConfig)
            let device = try await DeviceService.start(deviceConfig, logger: logger)
            services += [node, device] as [any Service]
            controls[person] = ControlClient(path: deviceConfig.controlSocket, group: group)
            claims.withLock { $0[person] = node.announcement.claim?.text }
        }
        guard let alice = controls["alice"], let bob = controls["bob"] else { return }
        let running = ServiceGroup(services: services, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await running.run() }
            for (person, control) in controls {
                let invite = claims.withLock { $0[person] ?? nil } ?? ""
                _ = try await control.call("accept", .object(["invite": .string(invite)]))
            }
            let invite = try await bob.call("invite")?["invite"]?.stringValue ?? ""
            _ = try await alice.call("accept", .object(["invite": .string(invite), "name": .string("bob")]))
            try await measure(alice, bob)
            await running.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    private static let claims = Mutex<[String: String?]>([:])

    private static func measure(_ alice: ControlClient, _ bob: ControlClient) async throws {
        let clock = ContinuousClock()
        let (shown, show) = AsyncStream.makeStream(of: ContinuousClock.Instant.self)
        let follow = Task {
            _ = try await bob.call("follow") { _, _ in show.yield(clock.now) }
        }
        var milliseconds: [Double] = []
        var next = shown.makeAsyncIterator()
        for number in 0..<messages {
            let start = clock.now
            async let sent = alice.call(
                "send", .object(["contact": .string("bob"), "text": .string("message \(number)")]))
            guard let end = await next.next() else { break }
            _ = try await sent
            // The first ones begin sessions and routes.
            if number >= 10 { milliseconds.append(start.duration(to: end) / .milliseconds(1)) }
        }
        follow.cancel()
        milliseconds.sort()
        let median = milliseconds[milliseconds.count / 2]
        let late = milliseconds[milliseconds.count * 95 / 100]
        print("from send to display, through both nodes: median \(tenths(median)) ms, 95 % within \(tenths(late)) ms")
    }

    private static func tenths(_ value: Double) -> String { "\(Int(value * 10) / 10).\(Int(value * 10) % 10)" }

    private static func config(_ folder: String, _ name: String, node: Bool) throws -> Config {
        let text =
            node
            ? "role = \"node\"\ndata = \"\(folder)/\(name)\"\n[listen]\naddresses = [\"127.0.0.1:0\"]\n"
            : "role = \"device\"\ndata = \"\(folder)/\(name)\"\nname = \"\(name)\"\n"
        return try Config.parse(Array(text.utf8), file: folder + "/\(name).toml", home: nil)
    }
}
