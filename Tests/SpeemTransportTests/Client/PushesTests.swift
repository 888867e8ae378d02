import SpeemProtocol
import SwiftProtobuf
import Testing

@testable import SpeemTransport

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct PushesTests {
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
