import NIOCore
import NIOPosix
import SpeemCPace
import SpeemCrypto
import Testing

@testable import SpeemTransport

/// A window in memory.
actor TestClaimHost: ClaimHost {
    static let payload = SecretBytes(Array("speem:the invite".utf8))

    private let random = SystemRandomSource()
    private var window: ClaimWindow
    /// Whether each attempt was confirmed, as it ended.
    private(set) var ends: [Bool] = []
    private let (endings, ended) = AsyncStream.makeStream(of: Bool.self)

    /// The code that holds, or held when the window closed.
    private(set) var code: ClaimCode

    init() {
        var window = ClaimWindow(random: SystemRandomSource())
        code = window.code ?? window.reopen(random: SystemRandomSource())
        self.window = window
    }

    var isClosed: Bool { window.isClosed }

    func begin() throws(ClaimWindow.Refusal) -> ClaimWindow.Attempt { try window.begin() }

    func end(_ attempt: ClaimWindow.Attempt, confirmed: Bool) -> SecretBytes? {
        ends.append(confirmed)
        defer { ended.yield(confirmed) }
        switch window.end(attempt, confirmed: confirmed, random: random) {
        case .newCode(let code):
            self.code = code
            return confirmed ? Self.payload : nil
        case .closed, .superseded: return nil
        }
    }

    /// Waits for the end of an attempt.
    nonisolated func nextEnd() async -> Bool? {
        for await end in endings { return end }
        return nil
    }
}

/// A claim port on the loopback interface.
struct TestClaimServer: Sendable {
    let host = TestClaimHost()
    let server: ClaimServer

    /// Runs a server for as long as `body` takes.
    static func run(
        timeout: TimeAmount = .seconds(60), at address: String = "127.0.0.1",
        networks: @escaping @Sendable () -> LocalNetworks = { .current() },
        _ body: @Sendable @escaping (TestClaimServer) async throws -> Void
    ) async throws {
        let server = try await TestClaimServer(timeout: timeout, at: address, networks: networks)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await server.server.run() }
            do {
                try await body(server)
            } catch {
                tasks.cancelAll()
                throw error
            }
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
    }

    private init(
        timeout: TimeAmount, at address: String, networks: @escaping @Sendable () -> LocalNetworks
    ) async throws {
        server = try await ClaimServer.bind(
            addresses: [(address, 0)], host: host, timeout: timeout, group: MultiThreadedEventLoopGroup.singleton,
            logger: quietLogger, networks: networks)
    }

    var address: String { server.addresses[0] }

    /// As a device does it.
    func fetch(_ code: ClaimCode) async throws -> SecretBytes {
        try await claimClient().fetch(from: address, code: code)
    }

    /// Connects without saying anything.
    func connect() async throws -> any Channel { try await connectClaim(to: address) }

    /// Speaks by hand.
    func speak<T: Sendable>(
        _ body: (inout ClaimConnection, ClaimChannel) async throws -> T
    ) async throws -> T {
        let channel = try await connect()
        let ends = try #require(ClaimChannel(device: channel.localAddress, node: channel.remoteAddress))
        return try await ClaimConnection.run(channel) { try await body(&$0, ends) }
    }

    /// A connection that has sent its share and has the node's: an attempt that goes on until it is closed.
    func attempt() async throws -> any Channel {
        let channel = try await connect()
        let ends = try #require(ClaimChannel(device: channel.localAddress, node: channel.remoteAddress))
        let code = await host.code
        let (ready, arrived) = AsyncStream.makeStream(of: Void.self)
        Task {
            try? await ClaimConnection.run(channel) { connection in
                let random = SystemRandomSource()
                let initiator = ClaimInitiator(code: code, channel: ends, random: random)
                try await connection.write(initiator.message)
                let reply = try await connection.read(ClaimMessage.replyLength)
                let sharing = try initiator.readReply(reply, random: random)
                try await connection.write(sharing.message)
                _ = try await connection.read(ClaimMessage.shareLength)
                arrived.yield()
                _ = try await connection.read(1)
            }
            arrived.finish()
        }
        for await _ in ready { return channel }
        throw ClaimConnection.Ended()
    }
}

func claimClient(timeout: TimeAmount = .seconds(60), patience: Duration = .seconds(60)) -> ClaimClient {
    ClaimClient(group: MultiThreadedEventLoopGroup.singleton, timeout: timeout, patience: patience)
}

func connectClaim(to address: String) async throws -> any Channel {
    let (host, port) = try #require(TransportClient.split(address))
    return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .channelOption(.autoRead, value: false)
        .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        .connect(host: host, port: port).get()
}

/// A program that is no node, or one that a test speaks for: `answer` for each connection.
func withFalseNode(
    _ answer: @Sendable @escaping (inout ClaimConnection, ClaimChannel) async throws -> Void,
    _ body: @Sendable @escaping (String) async throws -> Void
) async throws {
    let listener = try await Listener.bind(
        [.tcp(host: "127.0.0.1", port: 0)], places: ConnectionPlaces(64), group: MultiThreadedEventLoopGroup.singleton,
        logger: quietLogger
    ) { _ in }
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
            try await listener.serve { channel in
                guard let ends = ClaimChannel(device: channel.remoteAddress, node: channel.localAddress) else { return }
                try? await ClaimConnection.run(channel) { try await answer(&$0, ends) }
            }
        }
        do {
            try await body(listener.addresses[0])
        } catch {
            tasks.cancelAll()
            throw error
        }
        tasks.cancelAll()
        try await tasks.waitForAll()
    }
}

/// Another code than `code`.
func wrong(_ code: ClaimCode) throws -> ClaimCode {
    let other = try ClaimCode(text: "0000 0000")
    return try other == code ? ClaimCode(text: "0000 0001") : other
}
