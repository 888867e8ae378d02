import Logging
import NIOCore
import NIOPosix
import SpeemCrypto
import SpeemProtocol
import SwiftProtobuf
import Synchronization
import Testing

@testable import SpeemTransport

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Grants in memory.
final class TestAccess: AccessTable {
    private struct State {
        var grants: [[UInt8]: AccessGrant] = [:]
        var counters: [Int64: UInt64] = [:]
        var lookups = 0
        var temporaryStaticKey: X25519.PrivateKey?
    }

    private let state = Mutex(State())

    func add(_ key: X25519.PublicKey, _ preSharedKey: SecretBytes, id: Int64) {
        state.withLock { $0.grants[key.bytes] = AccessGrant(id: id, preSharedKey: preSharedKey) }
    }

    var temporaryStaticKey: X25519.PrivateKey? {
        get { state.withLock { $0.temporaryStaticKey } }
        set { state.withLock { $0.temporaryStaticKey = newValue } }
    }

    /// How many handshakes came as far as the access table.
    var lookups: Int { state.withLock { $0.lookups } }

    func grant(for initiatorKey: X25519.PublicKey) -> AccessGrant? {
        state.withLock { state in
            state.lookups += 1
            return state.grants[initiatorKey.bytes]
        }
    }

    func admit(_ grant: AccessGrant, counter: UInt64) -> Bool {
        state.withLock { state in
            guard counter > state.counters[grant.id] ?? 0 else { return false }
            state.counters[grant.id] = counter
            return true
        }
    }
}

/// Answers pings at once, status requests and lists after a while, and deposits with what they brought.
final class TestHandler: PeerHandler {
    struct State {
        var opened = 0
        var closed = 0
        var peers: [Peer] = []
        var running = 0
        var mostRunning = 0
    }

    let state = Mutex(State())
    let delay: Duration

    init(delay: Duration = .milliseconds(300)) { self.delay = delay }

    func opened(_ peer: Peer) async {
        state.withLock {
            $0.opened += 1
            $0.peers.append(peer)
        }
    }

    func closed(_ peer: Peer) async { state.withLock { $0.closed += 1 } }

    func handle(_ request: WireRequest, from peer: Peer) async -> WireResponse {
        state.withLock {
            $0.running += 1
            $0.mostRunning = max($0.mostRunning, $0.running)
        }
        defer { state.withLock { $0.running -= 1 } }
        switch request.kind {
        case .ping: return .with { $0.pong = WirePong() }
        case .nodeStatus:
            try? await Task.sleep(for: delay)
            return .with {
                $0.nodeState = .with {
                    $0.version = "slow"
                    $0.nodeEpoch = Data(count: 16)
                    $0.grantsDigest = Data(count: 32)
                }
            }
        case .grantList:
            try? await Task.sleep(for: delay)
            return .with { $0.grantPage = WireGrantPage() }
        case .deposit(let deposit):
            return .with {
                $0.deposited = .with { $0.outcomes = deposit.targets.map { _ in .with { $0.state = .stored } } }
            }
        case .rosterFetch:
            return .with {
                $0.rosterChain = .with { $0.entries = [Data](repeating: Data(repeating: 7, count: 32_768), count: 6) }
            }
        case .drain(let drain):
            if drain.subscribe { peer.stayOpen() }
            return .with { $0.drained = .with { $0.nodeEpoch = Data(count: 16) } }
        default: return .refusal(.notAllowed, "a test")
        }
    }
}

/// A server on a free port, with one grant.
struct TestServer: Sendable {
    let access = TestAccess()
    let handler: TestHandler
    let nodeKey = X25519.PrivateKey(random: SystemRandomSource())
    let initiatorKey = X25519.PrivateKey(random: SystemRandomSource())
    let preSharedKey = SystemRandomSource().secret(32)
    let server: TransportServer
    let group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton

    /// The handshake's time is long where it is not what is tested: the tests run side by side on slow machines.
    init(
        handler: TestHandler = TestHandler(), limits: TransportLimits = TransportLimits(handshakeTimeout: .seconds(60)),
        logger: Logger = quietLogger
    ) async throws {
        self.handler = handler
        access.add(initiatorKey.publicKey, preSharedKey, id: 1)
        server = try await TransportServer.bind(
            addresses: [("127.0.0.1", 0)], staticKey: nodeKey, access: access, handler: handler, limits: limits,
            group: group, logger: logger)
    }

    var address: String { server.addresses[0] }

    var credentials: NodeCredentials {
        NodeCredentials(initiatorKey: initiatorKey, preSharedKey: preSharedKey, nodeKey: nodeKey.publicKey)
    }

    func client(timeout: TimeAmount = .seconds(60)) -> TransportClient {
        TransportClient(group: group, timeout: timeout)
    }

    func connect(counter: UInt64) async throws -> ClientConnection {
        try await client().connect(to: address, credentials: credentials, counter: counter)
    }

    /// Runs the server for as long as `body` takes.
    func run(_ body: @Sendable @escaping (TestServer) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await server.run() }
            do {
                try await body(self)
            } catch {
                tasks.cancelAll()
                throw error
            }
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
    }

    /// Tells when a connection waits to be served.
    func arrivals() -> AsyncStream<Void> {
        let (stream, arrived) = AsyncStream.makeStream(of: Void.self)
        let places = server.listener.places
        Task {
            while places.count == 0 { await Task.yield() }
            arrived.yield()
        }
        return stream
    }

    /// An engine that speaks to this server.
    func engine(
        counter: UInt64, key: X25519.PrivateKey? = nil, preSharedKey other: SecretBytes? = nil
    ) throws -> InitiatorEngine {
        try InitiatorEngine(
            staticKey: key ?? initiatorKey, remoteStatic: nodeKey.publicKey, preSharedKey: other ?? preSharedKey,
            counter: counter, random: SystemRandomSource())
    }
}

let quietLogger: Logger = {
    var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    logger.logLevel = .critical
    return logger
}()

/// Keeps the levels of what is logged.
final class LevelRecorder: Sendable {
    private let levels = Mutex<[Logger.Level]>([])

    var seen: [Logger.Level] { levels.withLock { $0 } }

    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(recorder: self) }
        logger.logLevel = .trace
        return logger
    }

    private struct Handler: LogHandler {
        let recorder: LevelRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { recorder.levels.withLock { $0.append(event.level) } }
    }
}

let subscribe = WireRequest.with { $0.drain = .with { $0.subscribe = true } }
let ping = WireRequest.with { $0.ping = WirePing() }
let slow = WireRequest.with { $0.nodeStatus = WireNodeStatus() }

func deposit(body: Int) -> WireRequest {
    .with {
        $0.deposit = .with {
            $0.targets = [
                .with {
                    $0.mailbox = Data(count: 16)
                    $0.envelopeID = Data(count: 32)
                }
            ]
            $0.body = Data(repeating: 1, count: body)
        }
    }
}

/// A socket that takes and gives raw bytes.
struct RawSocket: Sendable {
    let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>

    init(_ address: String) async throws {
        let (host, port) = try #require(TransportClient.split(address))
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel(wrappingChannelSynchronously: channel)
                }
            }
    }

    /// Sends `bytes`, and returns all that comes back until the peer closes, or `count` bytes of it.
    func answer(to bytes: [UInt8], upTo count: Int = .max) async throws -> [UInt8] {
        try await channel.executeThenClose { inbound, outbound in
            try? await outbound.write(ByteBuffer(bytes: bytes))
            var answer: [UInt8] = []
            do {
                for try await buffer in inbound {
                    answer += Array(buffer.readableBytesView)
                    if answer.count >= count { break }
                }
            } catch {}
            return answer
        }
    }
}

func framed(_ message: [UInt8]) -> [UInt8] { BigEndian.bytes(UInt16(message.count)) + message }
