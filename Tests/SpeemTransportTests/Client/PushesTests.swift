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

struct PushesTests {
    /// The handler pushes what the test wants over a connection that has not subscribed.
    private func pushed(_ push: WirePush) async throws -> [WirePush] {
        let received = Mutex<[WirePush]>([])
        try await TestServer().run { server in
            let connection = try await server.connect(counter: 1)
            _ = try await connection.request(.with { $0.ping = WirePing() })
            let peer = try #require(server.handler.state.withLock { $0.peers.first })
            _ = await peer.push([push])
            peer.close(.idle)
            for await push in connection.pushes { received.withLock { $0.append(push) } }
        }
        return received.withLock { $0 }
    }

    @Test func onlyAnAllClearComesWithoutASubscription() async throws {
        let allClear = WirePush.with { $0.allClear = WireAllClear() }
        #expect(try await pushed(allClear) == [allClear])
        #expect(try await pushed(.with { $0.rosterChanged = .with { $0.head = Data(count: 32) } }).isEmpty)
        #expect(try await pushed(.with { $0.mailWaiting = WireMailWaiting() }).isEmpty)
    }

    private func push(_ sequence: UInt64, body: Int = 0) -> WirePush {
        .with {
            $0.envelope = .with {
                $0.sequence = sequence
                $0.body = Data(count: body)
            }
        }
    }

    @Test func comeInOrderOneByOneOrAllAtOnce() async {
        let queue = PushQueue()
        let isTaken = (1...6).map { queue.append(push($0)) }
        #expect(isTaken.allSatisfy { $0 })
        var pushes = Pushes(queue: queue).makeAsyncIterator()
        #expect(await pushes.next()?.envelope.sequence == 1)
        #expect(await pushes.next()?.envelope.sequence == 2)
        #expect(await pushes.nextBatch()?.map(\.envelope.sequence) == [3, 4, 5, 6])
        _ = queue.append(push(7))
        _ = queue.append(push(8))
        queue.finish()
        // What has come before the end is not lost.
        #expect(await pushes.next()?.envelope.sequence == 7)
        #expect(await pushes.nextBatch()?.map(\.envelope.sequence) == [8])
        #expect(await pushes.nextBatch() == nil)
        #expect(await pushes.next() == nil)
    }

    @Test func areBoundedByNumberAndBytes() async {
        let many = PushQueue()
        for number in 0..<PushQueue.limit { #expect(many.append(push(UInt64(number)))) }
        #expect(!many.append(push(0)))
        #expect(many.takeFirst() != nil)
        #expect(many.append(push(0)))
        #expect(!many.append(push(0)))

        let large = PushQueue()
        var count = 0
        while large.append(push(1, body: Limits.bodyBytes)) { count += 1 }
        #expect(count == PushQueue.byteLimit / Limits.bodyBytes)
        #expect(large.takeAll().count == count)
        #expect(large.append(push(1, body: Limits.bodyBytes)))
    }
}
