import Foundation
import NIOPosix
import SpeemCrypto
import SpeemMailbox
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemNode

/// What a device asks about routes and the outbox, and what it is refused.
struct OutboxRequestTests {
    private static func nowhere() -> Way {
        Way(
            node: X25519.PrivateKey(random: random).publicKey, addresses: ["127.0.0.1:1"],
            key: X25519.PrivateKey(random: random), preSharedKey: random.secret(32))
    }

    @Test(.timeLimit(.minutes(2))) func putTwice() async throws {
        let near = try await NearSide()
        let device = try await near.device()
        #expect(try await device.put(1, to: name(9)).refusal.code == .unknownRoute)
        _ = try await device.lead(to: Self.nowhere())
        let taken = WireResponse.OneOf_Kind.outboxTaken(WireOutboxTaken())
        #expect(try await device.put(1, to: name(9)).kind == taken)
        #expect(try await device.put(1, to: name(9)).kind == taken)
        #expect(try await device.put(1, to: name(9), body: 101).refusal.code == .conflict)
        #expect(try await device.put(1, to: name(8)).refusal.code == .conflict)
        #expect(try await device.list().items.count == 1)
        try await near.stop()
    }

    @Test(.timeLimit(.minutes(2))) func theOutboxIsFull() async throws {
        let near = try await NearSide("[mailbox]\nquota = \"3MB\"\nquota_own = \"1MB\"\n")
        let device = try await near.device()
        _ = try await device.lead(to: Self.nowhere())
        for number in 1...7 as ClosedRange<UInt8> { _ = try await device.put(number, to: name(9), body: 130_000) }
        let refusal = try await device.put(8, to: name(9), body: 130_000).refusal
        #expect(refusal.code == .outboxFull && refusal.retryAfterMs > 0)
        #expect(try await device.list().items.map(\.item) == (1...7).map { name($0) })
        try await near.stop()
    }

    @Test(.timeLimit(.minutes(2))) func aPageHasAnEnd() async throws {
        let near = try await NearSide()
        let device = try await near.device()
        _ = try await device.lead(to: Self.nowhere())
        let requests = (0..<300).map { number in
            var request = NearDevice.put(UInt8(number % 256), to: name(9))
            request.outboxPut.item = Data(BigEndian.bytes(UInt64(number))) + Data(count: 8)
            return request
        }
        _ = try await device.connection.request(all: requests)
        let first = try await device.list()
        #expect(first.items.count == Limits.outboxItems && first.more)
        let second = try await device.list(after: try #require(first.items.last).item)
        #expect(second.items.count == 300 - Limits.outboxItems && !second.more)
        #expect((first.items + second.items).map(\.item) == requests.map(\.outboxPut.item))
        #expect(try await device.list(after: try #require(second.items.last).item).items.isEmpty)
        try await near.stop()
    }

    @Test(.timeLimit(.minutes(2)), arguments: ["key", "weak", "address", "twice"])
    func aRouteThatCannotBe(_ fault: String) async throws {
        let near = try await NearSide()
        let device = try await near.device()
        let way = Self.nowhere()
        let request = WireRequest.with {
            $0.routeAdd = .with {
                $0.route = name(1)
                $0.initiatorSecret = Data(way.key.secret.exposedCopy())
                $0.preSharedKey = Data(way.preSharedKey.exposedCopy())
                let node = WireRouteNode.with {
                    $0.nodeKey =
                        switch fault {
                        case "key": Data(count: 31)
                        case "weak": Data(count: 32)
                        default: Data(way.node.bytes)
                        }
                    $0.addresses = [fault == "address" ? "a:1\nb:1" : "a:1"]
                }
                $0.nodes = fault == "twice" ? [node, node] : [node]
            }
        }
        #expect(try await device.connection.request(request).refusal.code == .malformed)
        #expect(try await device.put(1, to: name(9)).refusal.code == .unknownRoute)
        try await near.stop()
    }

    @Test(.timeLimit(.minutes(2))) func contactsHaveNoOutboxHere() async throws {
        let far = try await FarSide()
        let contact = NearDevice(
            connection: try await connect(
                far.way.addresses[0], node: far.way.node, key: far.way.key, preSharedKey: far.way.preSharedKey))
        #expect(try await contact.lead(to: Self.nowhere()).refusal.code == .notAllowed)
        #expect(try await contact.put(1, to: name(9)).refusal.code == .notAllowed)
        for request: WireRequest in [
            .with { $0.routeRemove = .with { $0.route = name(1) } }, .with { $0.outboxList = WireOutboxList() },
            .with { $0.outboxAcknowledge = WireOutboxAcknowledge() },
        ] {
            #expect(try await contact.connection.request(request).refusal.code == .notAllowed)
        }
        try await far.stop()
    }

    /// What belongs to another device is neither listed nor forgotten, and its reports go there.
    @Test(.timeLimit(.minutes(2))) func eachDeviceHasItsOwn() async throws {
        let near = try await NearSide()
        let device = try await near.subscribed()
        _ = try await device.lead(to: Self.nowhere())
        let state = near.service.requests.state
        let other = [UInt8](repeating: 5, count: 16)
        try await state.write { connection in
            try state.outbox.put(
                item: [UInt8](name(1)), route: [UInt8](name(1)), deposit: Deposit(deposit(1, name(9))), lifetime: 100,
                device: other, clock: state.clock, in: connection)
        }
        _ = try await device.put(2, to: name(9))
        while let push = await device.connection.pushes.first(where: { _ in true }) {
            #expect(push.outboxReport.item == name(2))
            if push.outboxReport.trouble == .unreachable { break }
            near.advance(5)
        }
        #expect(try await device.list().items.map(\.item) == [name(2)])
        try await device.acknowledge(1, 2)
        let state2 = try await device.connection.request(.with { $0.nodeStatus = WireNodeStatus() }).nodeState
        #expect(state2.outboxWaiting == 2)
        try await near.stop()
    }

    @Test(.timeLimit(.minutes(2))) func statusCountsWhatWaits() async throws {
        let near = try await NearSide()
        let device = try await near.subscribed()
        _ = try await device.lead(to: Self.nowhere())
        _ = try await device.put(1, to: name(9))
        try await device.report(of: 1) { $0.trouble == .unreachable }
        let client = ControlClient(
            path: near.node.folder + "/control.sock", group: MultiThreadedEventLoopGroup.singleton)
        let status = try await client.call("status")
        #expect(status?["outbox"]?["waiting"] == .integer(1))
        #expect(status?["outbox"]?["routes_in_trouble"] == .integer(1))
        try await near.stop()
    }

    /// Answers with many long words come in several pages.
    @Test(.timeLimit(.minutes(2))) func aPageIsBoundedInBytes() async throws {
        let words = String(repeating: "w", count: Limits.detailBytes)
        let fake = try await FakeNode { deposit, _ in
            .with {
                $0.deposited.outcomes = deposit.targets.map { _ in
                    .with {
                        $0.state = .refused
                        $0.refusal = WireRefusal(.conflict, words)
                    }
                }
            }
        }
        let near = try await NearSide()
        let device = try await near.subscribed()
        _ = try await device.lead(to: fake.way)
        let requests = (1...60).map { number in
            var request = NearDevice.put(UInt8(number), to: name(9))
            request.outboxPut.deposit = deposit(
                UInt8(number), name(1), name(2), name(3), name(4), name(5), name(6),
                name(7), name(8), name(9), name(10), name(11), name(12), name(13), name(14), name(15), name(16))
            return request
        }
        _ = try await device.connection.request(all: requests)
        try await device.report(of: 60) { $0.state == .refused }
        var items: [WireOutboxItem] = []
        var pages = 0
        while true {
            let page = try await device.list(after: items.last?.item ?? Data())
            items += page.items
            pages += 1
            if !page.more { break }
        }
        #expect(items.count == 60 && pages > 1)
        #expect(items.allSatisfy { $0.state == .refused && $0.targets.count == 16 })
        await fake.stop()
        try await near.stop()
    }
}
