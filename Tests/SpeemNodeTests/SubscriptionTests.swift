import Foundation
import NIOCore
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SwiftProtobuf
import Testing

@testable import SpeemNode
@testable import SpeemTransport

struct SubscriptionTests {
    private let subscribe = WireRequest.with { $0.drain = .with { $0.subscribe = true } }

    private func envelope(_ number: Int, to owner: TestOwner, body: Int) -> WireRequest {
        .with {
            $0.deposit = .with {
                $0.targets = [
                    .with {
                        $0.mailbox = owner.id
                        $0.envelopeID = Data(count: 24) + withUnsafeBytes(of: UInt64(number).bigEndian) { Data($0) }
                    }
                ]
                $0.body = Data(count: body)
            }
        }
    }

    private func acknowledge(_ sequences: [UInt64]) -> WireRequest {
        .with { $0.acknowledge = .with { $0.sequences = sequences } }
    }

    @Test(.timeLimit(.minutes(5))) func nobodyWaitsForADeviceThatDoesNotRead() async throws {
        let node = TestNode()
        try await node.run { announcement in
            let owner = TestOwner()
            let device = try await own(announcement, owner)
            let nodeKey = try #require(announcement.claim).node.noise
            let contact = try await contact(device, announcement, node: nodeKey)
            _ = try await device.request(subscribe)
            try await device.channel.setOption(.autoRead, value: false).get()
            // More than fits the sockets between them.
            for number in 0..<100 {
                let answer = try await contact.request(envelope(number, to: owner, body: Limits.bodyBytes))
                #expect(answer.isStored)
            }
            try await device.channel.setOption(.autoRead, value: true).get()
            var seen: [UInt64] = []
            for await push in device.pushes {
                seen.append(push.envelope.sequence)
                if seen.count == 100 { break }
                _ = try await device.request(acknowledge([push.envelope.sequence]))
            }
            #expect(seen == seen.sorted() && Set(seen).count == 100)
        }
    }

    @Test(.timeLimit(.minutes(5))) func pushesWaitForAcknowledgements() async throws {
        let node = TestNode()
        try await node.run { announcement in
            let owner = TestOwner()
            let device = try await own(announcement, owner)
            let nodeKey = try #require(announcement.claim).node.noise
            let contact = try await contact(device, announcement, node: nodeKey)
            _ = try await device.request(subscribe)
            let total = Limits.pushesUnacknowledged + 100
            let answers = try await contact.request(
                all: (0..<total).map { envelope($0, to: owner, body: 10) })
            #expect(answers.allSatisfy { $0.isStored })
            var pushes = device.pushes.makeAsyncIterator()
            var seen: [UInt64] = []
            while seen.count < Limits.pushesUnacknowledged {
                seen.append(try #require(await pushes.next()).envelope.sequence)
            }
            // Whatever is on its way by now would come before this answer.
            for _ in 0..<20 { _ = try await device.request(.with { $0.ping = WirePing() }) }
            #expect(device.pushes.queue.takeFirst() == nil)
            // In pieces: there is room for as many as were acknowledged.
            _ = try await device.request(acknowledge(Array(seen.prefix(40))))
            for _ in 0..<40 { seen.append(try #require(await pushes.next()).envelope.sequence) }
            _ = try await device.request(acknowledge(seen))
            while seen.count < total { seen.append(try #require(await pushes.next()).envelope.sequence) }
            #expect(seen == seen.sorted() && Set(seen).count == total)
        }
    }

    @Test(.timeLimit(.minutes(5))) func subscribingAgainDoesNotGoBack() async throws {
        let node = TestNode()
        try await node.run { announcement in
            let owner = TestOwner()
            let device = try await own(announcement, owner)
            let nodeKey = try #require(announcement.claim).node.noise
            let contact = try await contact(device, announcement, node: nodeKey)
            let total = 400
            let depositing = Task {
                try await contact.request(all: (0..<total).map { envelope($0, to: owner, body: 100) })
            }
            var cursor: UInt64 = 0
            // While they come in.
            for _ in 0..<20 {
                let after = cursor
                let drained = try await device.request(
                    .with {
                        $0.drain = .with {
                            $0.after = after
                            $0.subscribe = true
                        }
                    }
                ).drained
                cursor = drained.envelopes.last?.sequence ?? cursor
            }
            _ = try await depositing.value
            // Pushed twice at the most: by the subscription that was replaced, and by the last.
            var seen: [UInt64: Int] = [:]
            var highest = cursor
            _ = try await contact.request(envelope(total, to: owner, body: 1))
            for await push in device.pushes {
                seen[push.envelope.sequence, default: 0] += 1
                highest = max(highest, push.envelope.sequence)
                _ = try await device.request(acknowledge([push.envelope.sequence]))
                if push.envelope.body.count == 1 { break }
            }
            #expect(((cursor + 1)...highest).allSatisfy { seen[$0] != nil })
        }
    }
}
