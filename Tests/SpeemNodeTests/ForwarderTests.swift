import Foundation
import NIOCore
import NIOPosix
import SpeemCrypto
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf
import Synchronization
import Testing

@testable import SpeemNode

/// From a device over its own node to the other one, over real sockets.
struct ForwarderTests {
    @Test(.timeLimit(.minutes(2))) func anItemReachesTheFarMailbox() async throws {
        let far = try await FarSide()
        let near = try await NearSide()
        let device = try await near.subscribed()
        #expect(try await device.lead(to: far.way).kind == .routeAdded(WireRouteAdded()))
        #expect(try await device.put(7, to: far.owner.id).kind == .outboxTaken(WireOutboxTaken()))
        #expect(try await far.bodies(1) == [7])
        let report = try await device.report(of: 7) { $0.state == .stored }
        #expect(report.targets.map(\.state) == [.stored] && report.trouble == .unspecified)
        // Listed until it is acknowledged.
        #expect(try await device.list().items.map(\.state) == [.stored])
        try await device.acknowledge(7)
        #expect(try await device.list().items.isEmpty)
        try await near.stop()
        try await far.stop()
    }

    @Test(.timeLimit(.minutes(2))) func manyArriveInTheirOrder() async throws {
        let far = try await FarSide()
        let near = try await NearSide()
        let device = try await near.subscribed()
        _ = try await device.lead(to: far.way)
        // More than a window.
        let numbers = [UInt8](1...100)
        let answers = try await device.connection.request(
            all: numbers.map { NearDevice.put($0, to: far.owner.id, body: 10_000) })
        #expect(answers.allSatisfy { $0.kind == .outboxTaken(WireOutboxTaken()) })
        #expect(try await far.bodies(100) == numbers)
        let state = try await device.connection.request(.with { $0.nodeStatus = WireNodeStatus() }).nodeState
        #expect(state.outboxWaiting <= 100)
        try await near.stop()
        try await far.stop()
    }

    @Test(.timeLimit(.minutes(2))) func aFarNodeThatIsDownIsTriedAgain() async throws {
        let far = try await FarSide()
        try await far.stop()
        let near = try await NearSide()
        let device = try await near.subscribed()
        _ = try await device.lead(to: far.way)
        _ = try await device.put(7, to: far.owner.id)
        let report = try await device.report(of: 7) { $0.trouble == .unreachable }
        #expect(report.state == .waiting && report.attempts == 1 && report.targets.map(\.state) == [.unspecified])
        let state = try await device.connection.request(.with { $0.nodeStatus = WireNodeStatus() }).nodeState
        #expect(state.outboxWaiting == 1)
        try await far.start()
        near.advance(5)
        try await device.report(of: 7) { $0.state == .stored }
        #expect(try await far.bodies(1) == [7])
        try await near.stop()
        try await far.stop()
    }

    /// Each step with a stop and a start of the sender's node, and of the other one, behind it.
    @Test(.timeLimit(.minutes(3))) func bothNodesStopBetweenAllSteps() async throws {
        let far = try await FarSide()
        let near = try await NearSide()
        _ = try await near.device().lead(to: far.way)
        try await near.restart()
        try await far.stop()
        _ = try await near.device().put(1, to: far.owner.id)
        try await near.restart()
        // The same again is the same.
        _ = try await near.device().put(1, to: far.owner.id)
        try await near.restart()
        var device = try await near.device()
        try await device.list { $0.map(\.trouble) == [.unreachable] }
        try await near.stop()
        try await far.start()
        // No time passes: a start is a new chance.
        try await near.start()
        #expect(try await far.bodies(1) == [1])
        try await near.restart()
        // Whether or not it was told before.
        device = try await near.device()
        try await device.list { $0.map(\.state) == [.stored] }
        try await far.stop()
        try await far.start()
        #expect(try await far.bodies(1) == [1])
        try await near.restart()
        device = try await near.device()
        #expect(try await device.list().items.map(\.state) == [.stored])
        try await device.acknowledge(1)
        try await near.restart()
        #expect(try await near.device().list().items.isEmpty)
        try await near.stop()
        try await far.stop()
    }

    /// The answer gets lost with the connection: the same deposit again is a duplicate, which is stored.
    @Test(.timeLimit(.minutes(2))) func aLostAnswerCostsNothing() async throws {
        let near = try await NearSide()
        let asked = Mutex(0)
        let fake = try await FakeNode { _, peer in
            let count = asked.withLock { count in
                count += 1
                return count
            }
            if count == 1 { peer.close(.shuttingDown) }
            return .outcomes(count == 1 ? .stored : .duplicate)
        }
        let device = try await near.subscribed()
        _ = try await device.lead(to: fake.way)
        _ = try await device.put(7, to: name(9))
        try await device.report(of: 7) { $0.trouble == .unreachable || $0.state == .stored }
        near.advance(5)
        try await device.list { $0.map(\.state) == [.stored] }
        #expect(Set(fake.deposits.map { $0.targets[0].envelopeID }).count == 1)
        await fake.stop()
        try await near.stop()
    }

    @Test(.timeLimit(.minutes(2))) func theSecondNodeIsTriedWhenTheFirstIsDead() async throws {
        let far = try await FarSide()
        let near = try await NearSide()
        let device = try await near.subscribed()
        let gone = Way(
            node: X25519.PrivateKey(random: random).publicKey, addresses: ["127.0.0.1:1", "[::1]:1"], key: far.way.key,
            preSharedKey: far.way.preSharedKey)
        _ = try await device.lead(to: gone, far.way)
        _ = try await device.put(7, to: far.owner.id)
        try await device.report(of: 7) { $0.state == .stored }
        #expect(try await far.bodies(1) == [7])
        try await near.stop()
        try await far.stop()
    }

    @Test(.timeLimit(.minutes(2))) func theSecondNodeIsTriedWhenTheFirstIsSilentOrRetired() async throws {
        let far = try await FarSide()
        let near = try await NearSide()
        let device = try await near.subscribed()
        // One that does not know the key, and one that is not the account's any more.
        let silent = try await FakeNode { _, _ in .outcomes(.stored) }
        let retired = try await FakeNode(like: far.way) { _, _ in .refusal(.nodeRetired, "fetch the roster") }
        let unknown = Way(
            node: silent.way.node, addresses: silent.way.addresses, key: far.way.key,
            preSharedKey: far.way.preSharedKey)
        _ = try await device.lead(to: far.way.at("127.0.0.1:1"), unknown, retired.way)
        _ = try await device.put(6, to: far.owner.id)
        try await device.report(of: 6) { $0.trouble == .unknownKey }
        // Told anew, it is tried at once.
        _ = try await device.lead(to: unknown, retired.way, far.way)
        try await device.report(of: 6) { $0.state == .stored }
        #expect(try await far.bodies(1) == [6])
        #expect(retired.deposits.count >= 1 && silent.deposits.isEmpty)
        await silent.stop()
        await retired.stop()
        try await near.stop()
        try await far.stop()
    }

    @Test(.timeLimit(.minutes(2))) func whatIsRefusedForGoodIsOver() async throws {
        let far = try await FarSide()
        let near = try await NearSide()
        let device = try await near.subscribed()
        _ = try await device.lead(to: far.way)
        _ = try await device.put(7, to: name(9))
        let report = try await device.report(of: 7) { $0.state == .refused }
        #expect(report.targets.map(\.refusal.code) == [.unknownMailbox] && !report.targets[0].refusal.detail.isEmpty)
        try await near.stop()
        try await far.stop()
    }

    @Test(.timeLimit(.minutes(2))) func aRemovedRouteIsSaidAndANewOneIsTaken() async throws {
        let far = try await FarSide()
        let near = try await NearSide()
        let device = try await near.subscribed()
        _ = try await device.lead(to: far.way.at("127.0.0.1:1"))
        _ = try await device.put(7, to: far.owner.id)
        try await device.report(of: 7) { $0.trouble == .unreachable }
        _ = try await device.connection.request(.with { $0.routeRemove = .with { $0.route = name(1) } })
        try await device.report(of: 7) { $0.trouble == .noRoute }
        _ = try await device.lead(to: far.way)
        try await device.report(of: 7) { $0.state == .stored }
        try await near.stop()
        try await far.stop()
    }

    @Test(.timeLimit(.minutes(2))) func whatIsTooOldIsGivenUp() async throws {
        let near = try await NearSide()
        let device = try await near.subscribed()
        let nobody = Way(
            node: X25519.PrivateKey(random: random).publicKey, addresses: ["127.0.0.1:1"],
            key: X25519.PrivateKey(random: random), preSharedKey: random.secret(32))
        _ = try await device.lead(to: nobody)
        _ = try await device.put(7, to: name(9), lifetime: 300)
        try await device.report(of: 7) { $0.trouble == .unreachable }
        _ = try await device.put(8, to: name(9))
        // The node's upkeep comes by.
        near.advance(601)
        let report = try await device.report(of: 7) { $0.state == .expired }
        #expect(report.trouble == .unspecified && report.ageSeconds == 601)
        #expect(try await device.list().items.map(\.state) == [.expired, .waiting])
        try await near.stop()
    }

    /// Another node of the owner has used the same key since.
    @Test(.timeLimit(.minutes(2))) func countersCatchUp() async throws {
        let far = try await FarSide()
        let near = try await NearSide()
        let device = try await near.subscribed()
        _ = try await device.lead(to: far.way)
        _ = try await device.put(1, to: far.owner.id)
        try await device.report(of: 1) { $0.state == .stored }
        // The connection goes, being idle.
        near.advance(100)
        let other = try await TransportClient(group: MultiThreadedEventLoopGroup.singleton, timeout: .seconds(60))
            .connect(
                to: far.way.addresses[0],
                credentials: NodeCredentials(
                    initiatorKey: far.way.key, preSharedKey: far.way.preSharedKey, nodeKey: far.way.node),
                counter: (1_700_000_000 + 50) * 1000)
        _ = try await other.request(.with { $0.ping = WirePing() })
        await other.close()
        _ = try await device.put(2, to: far.owner.id)
        let report = try await device.report(of: 2) { _ in true }
        #expect(report.state == .stored)
        try await near.stop()
        try await far.stop()
    }
}
