import Foundation
import NIOCore
import SpeemCrypto
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf
import Synchronization
import Testing

@testable import SpeemNode

/// A far mailbox that is full, and then is not.
struct FullRouteTests {
    /// Says that it is full until it is told otherwise.
    private final class Room: Sendable {
        private let state = Mutex<(isOpen: Bool, peers: [Peer])>((false, []))

        func answer(_ peer: Peer) -> WireResponse {
            state.withLock { state in
                state.peers.append(peer)
                return state.isOpen
                    ? .outcomes(.stored) : .refusedTarget(.mailboxFull, "your share of the mailbox is used up")
            }
        }

        func open() -> Peer? {
            state.withLock { state in
                state.isOpen = true
                return state.peers.last
            }
        }

        var last: Peer? { state.withLock { $0.peers.last } }
    }

    private static let allClear = WirePush.with { $0.allClear = WireAllClear() }

    @Test(.timeLimit(.minutes(2))) func thereIsRoomAgain() async throws {
        let room = Room()
        let fake = try await FakeNode { _, peer in room.answer(peer) }
        let near = try await NearSide()
        let device = try await near.subscribed()
        _ = try await device.lead(to: fake.way)
        _ = try await device.put(1, to: name(9))
        let report = try await device.report(of: 1) { $0.trouble == .mailboxFull }
        #expect(report.nextTrySeconds >= 3 * 3600)
        // What comes later does not ask again, and the connection is held, however long it takes.
        _ = try await device.put(2, to: name(9))
        near.advance(3600)
        #expect(try await device.list().items.map(\.trouble) == [.mailboxFull, .mailboxFull])
        #expect(fake.deposits.count == 1)
        let peer = try #require(room.open())
        #expect(await peer.push([Self.allClear]))
        try await device.report(of: 2) { $0.state == .stored }
        #expect(try await device.list().items.map(\.state) == [.stored, .stored])
        #expect(fake.deposits.map(\.body.first) == [1, 1, 2])
        await fake.stop()
        try await near.stop()
    }

    @Test(.timeLimit(.minutes(2))) func whatLeavesMakesRoomForTheOwner() async throws {
        let room = Room()
        let fake = try await FakeNode { _, peer in room.answer(peer) }
        let near = try await NearSide("[mailbox]\nquota = \"3MB\"\nquota_own = \"1MB\"\n")
        let device = try await near.subscribed()
        _ = try await device.lead(to: fake.way)
        for number in 1...7 as ClosedRange<UInt8> { _ = try await device.put(number, to: name(9), body: 130_000) }
        try await device.report(of: 1) { $0.trouble == .mailboxFull }
        // The outbox is in the owner's share.
        var own = deposit(9, near.owner.id)
        own.body = Data(count: 130_000)
        let request = WireRequest.with { $0.deposit = own }
        #expect(try await device.connection.request(request).outcome.refusal.code == .mailboxFull)
        let peer = try #require(room.open())
        #expect(await peer.push([Self.allClear]))
        var isTold = false
        for await push in device.connection.pushes where push == Self.allClear {
            isTold = true
            break
        }
        #expect(isTold)
        #expect(try await device.connection.request(request).isStored)
        await fake.stop()
        try await near.stop()
    }

    @Test(.timeLimit(.minutes(2))) func theWordIsLostWithTheConnection() async throws {
        let room = Room()
        let fake = try await FakeNode { _, peer in room.answer(peer) }
        let near = try await NearSide()
        let device = try await near.subscribed()
        _ = try await device.lead(to: fake.way)
        _ = try await device.put(1, to: name(9))
        try await device.report(of: 1) { $0.trouble == .mailboxFull }
        try #require(room.open()).close(.shuttingDown)
        // It is asked before long, and not only in hours.
        try await device.list { $0[0].nextTrySeconds <= 1800 }
        near.advance(1801)
        try await device.report(of: 1) { $0.state == .stored }
        await fake.stop()
        try await near.stop()
    }

    @Test(.timeLimit(.minutes(2))) func theWordComesWhileTheStoreIsBusy() async throws {
        let room = Room()
        let fake = try await FakeNode { _, peer in room.answer(peer) }
        let near = try await NearSide()
        let device = try await near.subscribed()
        _ = try await device.lead(to: fake.way)
        _ = try await device.put(1, to: name(9))
        try await device.report(of: 1) { $0.trouble == .mailboxFull }
        _ = room.open()
        let state = near.service.requests.state
        // One thing is being done, and what waits is all that may.
        let (reached, started) = AsyncStream.makeStream(of: Void.self)
        let gate = DispatchSemaphore(value: 0)
        let done = Task {
            try await state.store.write { _ in
                started.finish()
                gate.wait()
            }
        }
        for await _ in reached {}
        let (refusals, refused) = AsyncStream.makeStream(of: Void.self)
        let waiting = (0..<2).map { _ in
            Task {
                do { try await state.store.write(cost: 1 << 40) { _ in } } catch StoreError.busy { refused.finish() }
            }
        }
        for await _ in refusals {}
        let cleared = Task { await near.service.requests.forwarder.clear([UInt8](name(1))) }
        // Asked at once; were it not asked again, it would be over now.
        try await Task.sleep(for: .milliseconds(100))
        gate.signal()
        try await done.value
        for task in waiting { try await task.value }
        await cleared.value
        try await device.report(of: 1) { $0.state == .stored }
        await fake.stop()
        try await near.stop()
    }

    @Test(.timeLimit(.minutes(2))) func anEndlessAllClearKeepsNobodyBusy() async throws {
        let room = Room()
        let fake = try await FakeNode { _, peer in room.answer(peer) }
        let near = try await NearSide()
        let device = try await near.subscribed()
        _ = try await device.lead(to: fake.way)
        _ = try await device.put(1, to: name(9))
        try await device.report(of: 1) { $0.trouble == .mailboxFull }
        let peer = try #require(room.last)
        for _ in 0..<500 { _ = await peer.push([Self.allClear]) }
        while fake.deposits.count < 2 { try await Task.sleep(for: .milliseconds(10)) }
        // The first is believed, or the second; then no time passes.
        #expect(await peer.push([Self.allClear]))
        #expect(try await device.list().items[0].state == .waiting)
        #expect(fake.deposits.count <= 3)
        await fake.stop()
        try await near.stop()
    }

    /// With a real node on the other side, which says when there is room again.
    @Test(.timeLimit(.minutes(2))) func aRealMailboxThatIsFullAndThenIsNot() async throws {
        let far = try await FarSide("[mailbox]\nquota = \"4MB\"\nquota_per_contact = \"1MB\"\nquota_own = \"1MB\"\n")
        let near = try await NearSide()
        let device = try await near.subscribed()
        _ = try await device.lead(to: far.way)
        let numbers = [UInt8](1...8)
        for number in numbers { _ = try await device.put(number, to: far.owner.id, body: 130_000) }
        try await device.report(of: 8) { $0.trouble == .mailboxFull }
        #expect(try await device.list().items.map(\.state) == numbers.map { $0 < 8 ? .stored : .waiting })
        try await far.readAll()
        try await device.report(of: 8) { $0.state == .stored }
        try await near.stop()
        try await far.stop()
    }
}
