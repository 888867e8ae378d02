import Foundation
import NIOCore
import NIOPosix
import SpeemCrypto
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemNode

/// Whatever a far node does, it does to its own route.
struct HostileFarNodeTests {
    enum Malice: String, CaseIterable {
        case tooFewOutcomes, tooManyOutcomes, far, outcomesOfNoKind, anotherAnswer, silence, closing, garbage, listening
    }

    private static func answer(_ malice: Malice, _ peer: Peer) async -> WireResponse {
        switch malice {
        case .tooFewOutcomes: return .outcomes()
        case .tooManyOutcomes: return .outcomes(.stored, .stored)
        case .far: return .with { $0.deposited.outcomes = [WireDeposited.Outcome](repeating: .init(), count: 1000) }
        case .outcomesOfNoKind: return .outcomes(.UNRECOGNIZED(7))
        case .anotherAnswer: return .with { $0.pong = WirePong() }
        case .silence, .garbage, .listening:
            try? await Task.sleep(for: .seconds(3600))
            return .outcomes(.stored)
        case .closing:
            peer.close(.malformed, detail: "go away")
            return .outcomes(.stored)
        }
    }

    /// A port that is no node's.
    private static func port(greeting: [UInt8]) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                if !greeting.isEmpty {
                    channel.writeAndFlush(ByteBuffer(bytes: greeting)).whenComplete { _ in channel.close(promise: nil) }
                }
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    @Test(.timeLimit(.minutes(3)), arguments: Malice.allCases) func othersAreServed(malice: Malice) async throws {
        let far = try await FarSide()
        let fake = try await FakeNode { _, peer in await Self.answer(malice, peer) }
        let channel = try await Self.port(greeting: malice == .garbage ? random.bytes(300) : [])
        let raw = Way(
            node: fake.way.node, addresses: ["127.0.0.1:\(channel.localAddress?.port ?? 1)"], key: fake.way.key,
            preSharedKey: fake.way.preSharedKey)
        // It never answers, and that must show in the time of a test.
        let isSilent = malice == .silence || malice == .listening
        let near = try await NearSide(patience: isSilent ? .seconds(2) : .seconds(30))
        let device = try await near.subscribed()
        _ = try await device.lead(1, to: malice == .garbage || malice == .listening ? raw : fake.way)
        _ = try await device.lead(2, to: far.way)
        _ = try await device.put(1, to: name(9), over: 1)
        _ = try await device.put(2, to: name(9), over: 1)
        for number in 10..<20 as Range<UInt8> { _ = try await device.put(number, to: far.owner.id, over: 2) }
        #expect(try await far.bodies(10) == [UInt8](10..<20))
        try await device.list { $0[0].trouble != .notTriedYet }
        let items = try await device.list().items
        #expect(items[0].state == .waiting && items[0].item == name(1))
        switch malice {
        case .tooFewOutcomes, .tooManyOutcomes, .outcomesOfNoKind, .anotherAnswer:
            #expect(items[0].trouble == .farTrouble)
        case .far, .silence, .closing, .listening: #expect(items[0].trouble == .unreachable)
        // Whether the close or what was not read comes first is the system's choice.
        case .garbage: #expect(items[0].trouble == .unreachable || items[0].trouble == .unknownKey)
        }
        // It does not keep the node from stopping either.
        try await near.stop()
        try await channel.close()
        await fake.stop()
        try await far.stop()
    }

    /// More hostile routes than are tried at once.
    @Test(.timeLimit(.minutes(3))) func manyThatSayNothingHoldUpNobodyForLong() async throws {
        let far = try await FarSide()
        let fake = try await FakeNode { _, peer in await Self.answer(.silence, peer) }
        let near = try await NearSide(patience: .seconds(2))
        let device = try await near.subscribed()
        for route in 10..<60 as Range<UInt8> {
            _ = try await device.lead(route, to: fake.way)
            _ = try await device.put(route, to: name(9), over: route)
        }
        _ = try await device.lead(2, to: far.way)
        _ = try await device.put(2, to: far.owner.id, over: 2)
        try await device.report(of: 2) { $0.state == .stored }
        try await near.stop()
        await fake.stop()
        try await far.stop()
    }
}
