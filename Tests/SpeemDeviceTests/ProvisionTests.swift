import Foundation
import NIOCore
import NIOPosix
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf
import Synchronization
import Testing

@testable import SpeemDevice

/// What a device has written for a node.
private struct File: Sendable {
    let tables: String
    let secret: SecretBytes

    init(_ answer: JSON) throws {
        let account = try #require(answer["account"]?.stringValue)
        let secret = try #require(answer["secret"]?.stringValue)
        let expires = try #require(answer["expires"]?.integerValue)
        tables = "[provision]\naccount = \"\(account)\"\nsecret = \"\(secret)\"\nexpires = \(expires)\n"
        self.secret = SecretBytes(try #require(Hex.decode(secret)))
    }
}

struct ProvisionTests {
    private func write(
        _ device: TestDevice, _ name: String, at address: String, _ more: [String: JSON] = [:]
    ) async throws -> File {
        var parameters = more
        parameters["name"] = .string(name)
        parameters["advertise"] = .array([.string(address)])
        return try File(try await device.call("node.config", parameters))
    }

    /// A board that has got its file.
    private func board(advertise: String? = nil) async throws -> TestNode { try await TestNode(advertise: advertise) }

    private func attempt(_ device: TestDevice) async throws -> ProvisionFlow.Outcome {
        try await device.open { try await $0.takeProvisioned() }
    }

    private func waiting(_ device: TestDevice) async throws -> [PendingProvision] {
        try await device.open { device in try await device.state.store.read { try ProvisionRows.all(in: $0) } }
    }

    private func names(_ device: TestDevice) async throws -> [String?] {
        try await device.call("nodes").arrayValue?.map { $0["name"]?.stringValue } ?? []
    }

    private func notices(_ device: TestDevice) async throws -> [String] {
        try await device.call("notices").arrayValue?.compactMap { $0["text"]?.stringValue } ?? []
    }

    @Test func theNodeIsFoundAndTaken() async throws {
        let alice = try await TestDevice("alice")
        let node = try await board()
        let file = try await write(alice, "attic", at: node.name)
        await node.configure(file.tables)
        // Nobody is there yet: that is no problem.
        #expect(try await attempt(alice).isWaiting)
        #expect(try await waiting(alice).map(\.problem) == [nil])
        try await node.start()
        #expect(await node.claim == nil)
        #expect(await node.networkClaim == nil)
        #expect(try await attempt(alice).taken == 1)
        #expect(try await names(alice) == ["attic"])
        #expect(try await alice.call("status")["node"]?["reachable"] == .bool(true))
        #expect(try await notices(alice).contains { $0.contains("\"attic\"") })
        // The secret has done its work.
        #expect(try await waiting(alice).isEmpty)
        #expect(try await node.call("status")?["owned"] == .bool(true))
        #expect(try await node.call("status")?["provision"] == nil)
        let left = try await alice.open { device in
            try await device.state.store.read { connection in
                try connection.query("SELECT 1 FROM initiator WHERE one_time = 1") { row throws(StoreError) in
                    try row.integer(0)
                }
            }
        }
        #expect(left.isEmpty)
        try await node.stop()
    }

    /// Mail comes and goes over it as over any other, and further devices know its name.
    @Test func itServesAsAnyOtherDoes() async throws {
        let alice = try await TestDevice("alice")
        let bob = try await TestDevice("bob")
        let nodes = [try await board(), try await board()]
        for (device, node) in [(alice, nodes[0]), (bob, nodes[1])] {
            await node.configure(try await write(device, "attic", at: node.name).tables)
            try await node.start()
            // What a person does who has no daemon.
            #expect(try await device.call("node.provisions").arrayValue?.isEmpty == true)
        }
        _ = try await alice.accept(try await bob.invite(), name: "bob")
        _ = try await bob.contacts()
        _ = try await alice.contacts()
        #expect(try await alice.send("bob", "hello") == "stored")
        #expect(try await bob.inbox() == ["alice: hello"])
        let phone = try await alice.linked("phone")
        try await TestDevice.sync([alice, phone])
        #expect(try await names(phone) == ["attic"])
        for node in nodes { try await node.stop() }
    }

    /// The connection breaks after any number of bytes; the next attempt goes on, and the node is taken once.
    @Test(arguments: [0, 1, 49, 50, 51, 60, 70, 90, 100, 110, 120, 130, 140, 150, 160, 170, 180, 200, 250, 300, 400])
    func lostAnswers(cut: Int) async throws {
        let alice = try await TestDevice("alice")
        let target = Target()
        let proxy = try await CuttingProxy.start { await target.address }
        let node = try await board(advertise: proxy.address)
        await target.set(await node.address)
        await node.configure(try await write(alice, "attic", at: proxy.address).tables)
        try await node.start()
        proxy.allow(cut)
        _ = try? await attempt(alice)
        proxy.allow(nil)
        try await until("it is taken") {
            _ = try await attempt(alice)
            return try await waiting(alice).isEmpty
        }
        #expect(try await names(alice) == ["attic"])
        #expect(try await alice.call("status")["node"]?["reachable"] == .bool(true))
        #expect(try await alice.open { try await $0.state.roster().nodes.count } == 1)
        try await node.stop()
    }

    /// A daemon does it of its own accord, as soon as the node is there.
    @Test func aDaemonWaitsForIt() async throws {
        let alice = try await TestDevice("alice")
        let node = try await board()
        await node.configure(try await write(alice, "attic", at: node.name).tables)
        try await alice.open { device in
            let work = Task { await BackgroundWork(device: device).run() }
            try await node.start()
            try await until("it is taken") {
                try await device.state.store.read { try ProvisionRows.all(in: $0) }.isEmpty
            }
            work.cancel()
            await work.value
        }
        #expect(try await names(alice) == ["attic"])
        try await node.stop()
    }

    /// A board with a file that was used, or that was taken back, waits in vain: nobody else gets it either.
    @Test func aFileIsGoodForOneNode() async throws {
        let alice = try await TestDevice("alice")
        let node = try await board()
        let file = try await write(alice, "attic", at: node.name)
        await node.configure(file.tables)
        try await node.start()
        #expect(try await attempt(alice).taken == 1)
        try await node.stop()
        // A copy of the file, in a board of its own at the same place.
        try await node.erase()
        try await node.start()
        #expect(await node.claim == nil)
        #expect(try await attempt(alice).taken == 0)
        #expect(try await node.call("status")?["owned"] == .bool(false))
        // Nor can anybody who has the file name another account's roster.
        let mallory = try await TestDevice("mallory")
        try await forge(mallory, file, node)
        #expect(try await attempt(mallory).taken == 0)
        // It is not asked again and again.
        #expect(try await waiting(mallory).isEmpty)
        #expect(try await notices(mallory).contains { $0.contains("another account") })
        #expect(try await node.call("status")?["owned"] == .bool(false))
        try await node.stop()
    }

    /// A thief of the card, with a device of their own that waits with the same secret.
    private func forge(_ device: TestDevice, _ file: File, _ node: TestNode) async throws {
        let entry = try NodeEntry(
            noise: ProvisionKeys(secret: file.secret).node.publicKey, addresses: [await node.name])
        try await device.open { device in
            let expires = device.clock.seconds() + 1000
            try await device.state.store.write { connection in
                try ProvisionRows.insert(
                    PendingProvision(
                        name: "loot", secret: file.secret, node: entry, expires: expires, oneTime: nil, replaces: nil,
                        isLost: false, problem: nil), in: connection)
            }
        }
    }

    /// Nothing is left of a claim that the node has refused: the thief's roster does not list it either.
    @Test func aRefusedClaimLeavesNothing() async throws {
        let alice = try await TestDevice("alice")
        let node = try await board()
        let file = try await write(alice, "attic", at: node.name)
        await node.configure(file.tables)
        try await node.start()
        let mallory = try await TestDevice("mallory")
        try await forge(mallory, file, node)
        #expect(try await attempt(mallory).taken == 0)
        #expect(try await names(mallory).isEmpty)
        #expect(try await mallory.open { try await $0.state.roster().nodes.isEmpty })
        // It has cost the owner nothing.
        #expect(try await attempt(alice).taken == 1)
        try await node.stop()
    }

    /// Whoever else has the file answers in the node's place, and names the home node as their own: it stays home.
    @Test func nobodyCanNameANodeOfTheAccount() async throws {
        let alice = try await TestDevice("alice")
        let home = try await board()
        await home.configure(try await write(alice, "attic", at: home.name).tables)
        try await home.start()
        #expect(try await attempt(alice).taken == 1)
        let known = try #require(try await alice.open { try await $0.state.roster() })
        let liar = try await Liar.start(naming: known.nodes[0])
        let file = try await write(alice, "cellar", at: liar.address)
        liar.learn(file.secret)
        for _ in 0..<2 { #expect(try await attempt(alice).taken == 0) }
        #expect(try await waiting(alice).first?.problem?.contains("is the account's already") == true)
        #expect(liar.asked > 0)
        let roster = try await alice.open { try await $0.state.roster() }
        #expect(roster.head == known.head)
        #expect(try await names(alice) == ["attic"])
        await liar.stop()
        try await home.stop()
    }

    @Test func aNewCardBeforeTheClaimIsTakenAsItIs() async throws {
        let alice = try await TestDevice("alice")
        let node = try await board()
        await node.configure(try await write(alice, "attic", at: node.name).tables)
        try await node.start()
        try await node.stop()
        try await node.erase()
        try await node.start()
        #expect(try await attempt(alice).taken == 1)
        try await node.stop()
    }

    @Test func itCanBeTakenBack() async throws {
        let alice = try await TestDevice("alice")
        let node = try await board()
        await node.configure(try await write(alice, "attic", at: node.name).tables)
        #expect(try await attempt(alice).isWaiting)
        try await alice.call("node.cancel", ["name": .string("attic")])
        #expect(try await waiting(alice).isEmpty)
        try await node.start()
        #expect(try await attempt(alice).taken == 0)
        #expect(try await node.call("status")?["provision"] == .string("waiting"))
        await #expect(throws: ControlError.self) { try await alice.call("node.cancel", ["name": .string("attic")]) }
        // The name is free again.
        _ = try await write(alice, "attic", at: node.name)
        try await node.stop()
    }

    /// The claim may have been sent when the person takes it back.
    @Test func whatWasTakenMeanwhileIsNotTakenBack() async throws {
        let alice = try await TestDevice("alice")
        let target = Target()
        let proxy = try await CuttingProxy.start { await target.address }
        let node = try await board(advertise: proxy.address)
        await target.set(await node.address)
        await node.configure(try await write(alice, "attic", at: proxy.address).tables)
        try await node.start()
        try await alice.open { device in
            let work = Task { try? await device.takeProvisioned() }
            // Or already over.
            try await until("the claim is on its way") {
                try await device.state.store.read {
                    try ClaimFlow.claimed(in: $0) != nil || ProvisionRows.all(in: $0).isEmpty
                }
            }
            _ = await work.value
        }
        do {
            try await alice.call("node.cancel", ["name": .string("attic")])
        } catch let error as ControlError {
            #expect(error.message.contains("is waited for") || error.message.contains("already"))
        }
        #expect(try await names(alice) == ["attic"])
        try await node.stop()
    }

    @Test func itExpires() async throws {
        let alice = try await TestDevice("alice")
        let node = try await board()
        await node.configure(try await write(alice, "attic", at: node.name).tables)
        try await node.start()
        let late = WallClock { WallClock.system.milliseconds() + (Provision.lifetime + 10) * 1000 }
        try await alice.open(clock: late) { device in
            let outcome = try await device.takeProvisioned()
            #expect(outcome.taken == 0 && !outcome.isWaiting)
        }
        #expect(try await waiting(alice).isEmpty)
        #expect(try await notices(alice).contains { $0.contains("not found in time") })
        #expect(try await node.call("status")?["owned"] == .bool(false))
        try await node.stop()
    }

    @Test func namesAreGoodForOneNode() async throws {
        let alice = try await TestDevice("alice")
        let node = try await board()
        await node.configure(try await write(alice, "attic", at: node.name).tables)
        await #expect(throws: ControlError.self) { try await write(alice, "attic", at: "x:1") }
        try await node.start()
        #expect(try await attempt(alice).taken == 1)
        let error = await #expect(throws: ControlError.self) { try await write(alice, "attic", at: "x:1") }
        #expect(error?.message.contains("\"attic\"") == true)
        for bad in ["", "a\nb", String(repeating: "x", count: 65)] {
            await #expect(throws: ControlError.self) { try await write(alice, bad, at: "x:1") }
        }
        await #expect(throws: ControlError.self) { try await write(alice, "b", at: String(repeating: "x", count: 300)) }
        for number in 0..<ProvisionRows.maxCount { _ = try await write(alice, "n\(number)", at: "x:1") }
        await #expect(throws: ControlError.self) { try await write(alice, "more", at: "x:1") }
        try await node.stop()
    }

    /// A new board in the place of an old one, which is named as the person calls it.
    @Test(arguments: [false, true])
    func itTakesAnothersPlace(isLost: Bool) async throws {
        let alice = try await TestDevice("alice")
        let old = try await board()
        await old.configure(try await write(alice, "attic", at: old.name).tables)
        try await old.start()
        #expect(try await attempt(alice).taken == 1)
        let new = try await board()
        await new.configure(
            try await write(alice, "attic", at: new.name, ["replaces": .string("attic"), "lost": .bool(isLost)]).tables)
        if isLost { try await old.stop() }
        try await new.start()
        #expect(try await attempt(alice).taken == 1)
        let listed = try await alice.open { try await $0.state.roster().nodes.flatMap(\.addresses) }
        #expect(listed == [await new.name])
        try await new.stop()
        if !isLost { try await old.stop() }
    }

    /// The secret lies in the file, and not in what is told of the node.
    @Test func listingsShowNoSecret() async throws {
        let alice = try await TestDevice("alice")
        let file = try await write(alice, "attic", at: "127.0.0.1:1")
        let text = try await alice.call("node.provisions").line + (try await alice.call("nodes").line)
        #expect(text.contains("attic"))
        #expect(!text.contains(Hex.encode(file.secret.exposedCopy())))
    }
}

/// Where a proxy leads.
private actor Target {
    private(set) var address: (host: String, port: Int) = ("127.0.0.1", 1)
    func set(_ address: (host: String, port: Int)) { self.address = address }
}

/// Answers under a file's key, and says to be another node.
private final class Liar: PeerHandler, AccessTable {
    private let node: NodeEntry
    private let keys = Mutex<ProvisionKeys?>(nil)
    private let count = Mutex(0)
    private let running = Mutex<(server: TransportServer, task: Task<Void, any Error>)?>(nil)

    private init(_ node: NodeEntry) { self.node = node }

    static func start(naming node: NodeEntry) async throws -> Liar {
        let liar = Liar(node)
        let server = try await TransportServer.bind(
            addresses: [("127.0.0.1", 0)], staticKey: X25519.PrivateKey(random: SystemRandomSource()), access: liar,
            handler: liar, limits: TransportLimits(handshakeTimeout: .seconds(60)),
            group: MultiThreadedEventLoopGroup.singleton, logger: quietLogger)
        liar.running.withLock { $0 = (server, Task { try await server.run() }) }
        return liar
    }

    func stop() async {
        let running = running.withLock { $0 }
        running?.task.cancel()
        _ = await running?.task.result
    }

    var address: String { running.withLock { $0?.server.addresses.first } ?? "" }
    func learn(_ secret: SecretBytes) { keys.withLock { $0 = ProvisionKeys(secret: secret) } }
    var asked: Int { count.withLock { $0 } }

    func grant(for initiatorKey: X25519.PublicKey) -> AccessGrant? {
        keys.withLock { $0 }.flatMap { keys in
            keys.invite.initiatorKey.publicKey == initiatorKey
                ? AccessGrant(id: 1, preSharedKey: keys.invite.preSharedKey) : nil
        }
    }
    func admit(_ grant: AccessGrant, counter: UInt64) -> Bool { true }
    var temporaryStaticKey: X25519.PrivateKey? { keys.withLock { $0?.node } }

    func opened(_ peer: Peer) async {}
    func closed(_ peer: Peer) async {}
    func handle(_ request: WireRequest, from peer: Peer) async -> WireResponse {
        count.withLock { $0 += 1 }
        return .with { $0.nodeIdentity = .with { $0.node = Data(node.encoded) } }
    }
}
