import Foundation
import NIOCore
import NIOPosix
import ServiceLifecycle
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf
import Synchronization
import Testing

@testable import SpeemNode

/// A node that a test stops and starts.
final class RunningNode: Sendable {
    let service: NodeService
    private let services: ServiceGroup
    private let task: Task<Void, any Error>

    var address: String { service.announcement.addresses[0] }
    var port: Int { Int(address.split(separator: ":").last ?? "") ?? 0 }

    init(_ node: TestNode, port: Int = 0, _ lines: String = "", patience: TimeAmount = .seconds(60)) async throws {
        // Chance is not part of these tests; nor are time-outs, where they are not the subject.
        let service = try await node.start(
            lines, port: port,
            forwarding: Forwarder.Settings(timeout: patience, answerTimeout: patience, jitter: { 0 }))
        let services = ServiceGroup(services: [service], logger: quietLogger)
        self.service = service
        self.services = services
        task = Task { try await services.run() }
    }

    func stop() async throws {
        await services.triggerGracefulShutdown()
        try await task.value
    }
}

/// What leads to a node: for a route.
struct Way: Sendable {
    let node: X25519.PublicKey
    let addresses: [String]
    let key: X25519.PrivateKey
    let preSharedKey: SecretBytes

    func at(_ addresses: String...) -> Way {
        Way(node: node, addresses: addresses, key: key, preSharedKey: preSharedKey)
    }
}

/// The node at the other end, whose owner's device reads what comes.
final class FarSide: Sendable {
    let node = TestNode()
    let owner = TestOwner()
    let way: Way
    private let running: Mutex<RunningNode>
    private let port: Int
    private let lines: String

    init(_ lines: String = "") async throws {
        let running = try await RunningNode(node, lines)
        let announcement = running.service.announcement
        let device = try await own(announcement, owner)
        let nodeKey = try #require(announcement.claim).node.noise
        let keys = InviteKeys(secret: random.secret(16))
        _ = try await device.request(register(keys))
        let oneTime = try await connect(
            running.address, node: nodeKey, key: keys.initiatorKey, preSharedKey: keys.preSharedKey)
        let key = X25519.PrivateKey(random: random)
        _ = try await oneTime.request(redeem(key, nil))
        await oneTime.close()
        await device.close()
        way = Way(node: nodeKey, addresses: [running.address], key: key, preSharedKey: keys.grantPreSharedKey)
        self.running = Mutex(running)
        port = running.port
        self.lines = lines
    }

    func stop() async throws { try await running.withLock { $0 }.stop() }

    func start() async throws {
        let new = try await RunningNode(node, port: port, lines)
        running.withLock { $0 = new }
    }

    func device() async throws -> ClientConnection {
        try await connect(
            way.addresses[0], node: way.node, key: owner.key, preSharedKey: owner.preSharedKey)
    }

    /// The first bytes of the bodies that are there once there are `count`.
    func bodies(_ count: Int) async throws -> [UInt8] {
        let device = try await device()
        var envelopes: [WireEnvelope] = []
        while true {
            let after = envelopes.last?.sequence ?? 0
            let drained = try await device.request(
                .with {
                    $0.drain.after = after
                    $0.drain.subscribe = true
                }
            ).drained
            envelopes += drained.envelopes
            if !drained.more { break }
        }
        var pushes = device.pushes.makeAsyncIterator()
        while envelopes.count < count { envelopes.append(try #require(await pushes.next()).envelope) }
        await device.close()
        return envelopes.compactMap(\.body.first)
    }

    func readAll() async throws {
        let device = try await device()
        var sequences: [UInt64] = []
        repeat {
            sequences = try await device.request(.with { $0.drain = WireDrain() }).drained.envelopes.map(\.sequence)
            let read = sequences
            _ = try await device.request(.with { $0.acknowledge.sequences = read })
        } while !sequences.isEmpty
        await device.close()
    }
}

let subscribeRequest = WireRequest.with { $0.drain = .with { $0.subscribe = true } }

/// The node of the one who sends, and its owner's device.
final class NearSide: Sendable {
    let node = TestNode()
    let owner = TestOwner()
    let key: X25519.PublicKey
    private let running: Mutex<RunningNode>
    private let patience: TimeAmount

    init(patience: TimeAmount = .seconds(60), _ lines: String = "") async throws {
        let running = try await RunningNode(node, lines, patience: patience)
        key = try #require(running.service.announcement.claim).node.noise
        try await own(running.service.announcement, owner).close()
        self.running = Mutex(running)
        self.patience = patience
    }

    var service: NodeService { running.withLock { $0 }.service }

    func stop() async throws { try await running.withLock { $0 }.stop() }

    func start() async throws {
        let new = try await RunningNode(node, patience: patience)
        running.withLock { $0 = new }
    }

    func restart() async throws {
        try await stop()
        try await start()
    }

    /// Time passes.
    func advance(_ seconds: Int64) {
        node.clock.advance(seconds)
        service.requests.forwarder.wake()
    }

    func device() async throws -> NearDevice {
        NearDevice(
            connection: try await connect(
                service.announcement.addresses[0], node: key, key: owner.key, preSharedKey: owner.preSharedKey))
    }

    func subscribed() async throws -> NearDevice {
        let device = try await device()
        _ = try await device.connection.request(subscribeRequest)
        return device
    }
}

func name(_ number: UInt8) -> Data { Data(repeating: number, count: 16) }

/// What a device asks of its own node.
struct NearDevice: Sendable {
    let connection: ClientConnection

    func lead(_ route: UInt8 = 1, to ways: Way...) async throws -> WireResponse {
        try await connection.request(
            .with {
                $0.routeAdd = .with {
                    $0.route = name(route)
                    $0.initiatorSecret = Data(ways[0].key.secret.exposedCopy())
                    $0.preSharedKey = Data(ways[0].preSharedKey.exposedCopy())
                    $0.nodes = ways.map { way in
                        .with {
                            $0.nodeKey = Data(way.node.bytes)
                            $0.addresses = way.addresses
                        }
                    }
                }
            })
    }

    /// Item, envelope id and body are made of `number`.
    func put(
        _ number: UInt8, to mailbox: Data, over route: UInt8 = 1, body: Int = 100, lifetime: UInt64 = 0
    ) async throws -> WireResponse {
        try await connection.request(Self.put(number, to: mailbox, over: route, body: body, lifetime: lifetime))
    }

    static func put(
        _ number: UInt8, to mailbox: Data, over route: UInt8 = 1, body: Int = 100, lifetime: UInt64 = 0
    ) -> WireRequest {
        .with {
            $0.outboxPut = .with {
                $0.item = name(number)
                $0.route = name(route)
                $0.deposit = deposit(number, mailbox)
                $0.deposit.body = Data(repeating: number, count: body)
                $0.lifetimeSeconds = lifetime
            }
        }
    }

    func list(after: Data = Data()) async throws -> WireOutboxPage {
        try await connection.request(.with { $0.outboxList = .with { $0.after = after } }).outboxPage
    }

    /// Asks until the list says this: where it is unknown whether a report still comes.
    func list(until condition: @Sendable ([WireOutboxItem]) -> Bool) async throws {
        while !condition(try await list().items) { try await Task.sleep(for: .milliseconds(10)) }
    }

    func acknowledge(_ numbers: UInt8...) async throws {
        _ = try await connection.request(.with { $0.outboxAcknowledge = .with { $0.items = numbers.map { name($0) } } })
    }

    /// Waits for a report of an item that says this.
    @discardableResult
    func report(
        of number: UInt8, _ condition: @Sendable (WireOutboxItem) -> Bool
    ) async throws -> WireOutboxItem {
        for await push in connection.pushes {
            guard case .outboxReport(let item) = push.kind, item.item == name(number) else { continue }
            if condition(item) { return item }
        }
        throw TransportError.disconnected
    }
}

/// A node at the other end that says what a test wants it to.
final class FakeNode: PeerHandler, AccessTable {
    typealias Answer = @Sendable (WireDeposit, Peer) async -> WireResponse

    let way: Way
    private let grant: AccessGrant
    private let answer: Answer
    private let server: TransportServer
    private let log = Mutex<[WireDeposit]>([])
    private let task = Mutex<Task<Void, any Error>?>(nil)

    /// What it was asked to keep.
    var deposits: [WireDeposit] { log.withLock { $0 } }

    private final class Late: Sendable, PeerHandler, AccessTable {
        let node = Mutex<FakeNode?>(nil)
        func opened(_ peer: Peer) async {}
        func closed(_ peer: Peer) async {}
        func handle(_ request: WireRequest, from peer: Peer) async -> WireResponse {
            await node.withLock { $0 }?.handle(request, from: peer) ?? .refusal(.internal)
        }
        func grant(for initiatorKey: X25519.PublicKey) -> AccessGrant? {
            node.withLock { $0 }?.grant(for: initiatorKey)
        }
        func admit(_ grant: AccessGrant, counter: UInt64) -> Bool { true }
    }

    init(like way: Way? = nil, _ answer: @escaping Answer) async throws {
        let late = Late()
        let key = X25519.PrivateKey(random: random)
        server = try await TransportServer.bind(
            addresses: [("127.0.0.1", 0)], staticKey: key, access: late, handler: late, limits: TransportLimits(),
            group: MultiThreadedEventLoopGroup.singleton, logger: quietLogger)
        self.way = Way(
            node: key.publicKey, addresses: server.addresses, key: way?.key ?? X25519.PrivateKey(random: random),
            preSharedKey: way?.preSharedKey ?? random.secret(32))
        grant = AccessGrant(id: 1, preSharedKey: self.way.preSharedKey)
        self.answer = answer
        late.node.withLock { $0 = self }
        task.withLock { [server] in $0 = Task { try await server.run() } }
    }

    func stop() async {
        task.withLock { $0 }?.cancel()
        await server.stop()
    }

    func opened(_ peer: Peer) async {}
    func closed(_ peer: Peer) async {}

    func handle(_ request: WireRequest, from peer: Peer) async -> WireResponse {
        guard case .deposit(let deposit) = request.kind else { return .refusal(.notAllowed) }
        log.withLock { $0.append(deposit) }
        return await answer(deposit, peer)
    }

    func grant(for initiatorKey: X25519.PublicKey) -> AccessGrant? {
        initiatorKey == way.key.publicKey ? grant : nil
    }

    func admit(_ grant: AccessGrant, counter: UInt64) -> Bool { true }
}

extension WireResponse {
    static func outcomes(_ states: WireDeposited.Outcome.State...) -> WireResponse {
        .with { $0.deposited = .with { $0.outcomes = states.map { state in .with { $0.state = state } } } }
    }

    static func refusedTarget(_ code: WireRefusal.Code, _ words: String = "") -> WireResponse {
        .with {
            $0.deposited = .with {
                $0.outcomes = [
                    .with {
                        $0.state = .refused
                        $0.refusal = WireRefusal(code, words)
                    }
                ]
            }
        }
    }
}
