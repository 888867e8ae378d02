import NIOCore
import SpeemCrypto
import SpeemNoise
import SpeemProtocol
import SwiftProtobuf
import Testing

@testable import SpeemTransport

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Both engines against each other, in memory.
struct EngineTests {
    private let nodeKey = X25519.PrivateKey(random: SystemRandomSource())
    private let key = X25519.PrivateKey(random: SystemRandomSource())
    private let psk = SystemRandomSource().secret(32)
    private let access = TestAccess()

    private func initiator(counter: UInt64 = 1) throws -> InitiatorEngine {
        try InitiatorEngine(
            staticKey: key, remoteStatic: nodeKey.publicKey, preSharedKey: psk, counter: counter,
            random: SystemRandomSource())
    }

    /// Two engines after the handshake; the responder has not seen a transport message yet.
    private struct Pair: ~Copyable {
        var initiator: InitiatorEngine
        var responder: ResponderEngine
        let access: TestAccess

        mutating func toResponder(_ frame: WireFrame) throws -> ResponderEngine.Output {
            guard let message = initiator.encrypt(frame) else { throw TransportError.disconnected }
            return responder.receive(message, access: access, random: SystemRandomSource())
        }

        mutating func toInitiator(_ frame: WireFrame) throws -> InitiatorEngine.Output {
            guard let message = responder.encrypt(frame) else { throw TransportError.disconnected }
            return initiator.receive(message)
        }
    }

    private func pair() throws -> Pair {
        // Each with a table of its own: the counter is always the first.
        let access = TestAccess()
        access.add(key.publicKey, psk, id: 1)
        var initiator = try initiator()
        var responder = ResponderEngine(staticKey: nodeKey)
        guard case .reply(let reply) = responder.receive(initiator.hello, access: access, random: SystemRandomSource())
        else { throw TransportError.disconnected }
        guard case .opened = initiator.receive(reply) else { throw TransportError.disconnected }
        return Pair(initiator: initiator, responder: responder, access: access)
    }

    private func frame(_ kind: WireFrame.Kind, _ id: UInt64, _ bytes: [UInt8], more: Bool = false) -> WireFrame {
        .with {
            $0.kind = kind
            $0.id = id
            $0.part = Data(bytes)
            $0.more = more
        }
    }

    @Test func opensWithTheFirstTransportMessageAndNotBefore() throws {
        var pair = try pair()
        // The responder has answered, and still sends nothing.
        let early = pair.responder.encrypt(frame(.push, 1, []))
        #expect(early == nil)
        guard
            case .opened(let grant, .request(let id, let request, _)) = try pair.toResponder(
                frame(.request, 1, ping.encode()))
        else {
            Issue.record("not opened")
            return
        }
        #expect(grant.id == 1 && id == 1 && request == ping)
        let push = pair.responder.encrypt(frame(.push, 1, []))
        #expect(push != nil)
    }

    @Test func anAnswerThatNobodyWaitsForIsAViolation() throws {
        for more in [false, true] {
            var pair = try pair()
            _ = try pair.toResponder(frame(.request, 1, ping.encode()))
            let pong = WireResponse.with { $0.pong = WirePong() }
            let sent = pair.responder.encrypt(frame(.response, 2, pong.encode(), more: more))
            let message = try #require(sent)
            guard case .failed = pair.initiator.receive(message, isAwaited: { $0 == 1 }) else {
                Issue.record("it was taken")
                return
            }
        }
    }

    @Test func anEmptyPartInTheMiddleIsAViolation() throws {
        var pair = try pair()
        _ = try pair.toResponder(frame(.request, 1, ping.encode()))
        guard case .failed = try pair.toInitiator(frame(.response, 1, [], more: true)) else {
            Issue.record("the initiator took it")
            return
        }
        guard case .reject(let close) = try pair.toResponder(frame(.request, 2, [], more: true)) else {
            Issue.record("the responder took it")
            return
        }
        #expect(close.reason == .malformed)
    }

    @Test func answersAndPushesReachTheInitiator() throws {
        var pair = try pair()
        _ = try pair.toResponder(frame(.request, 1, ping.encode()))
        let pong = WireResponse.with { $0.pong = WirePong() }
        guard case .response(1, pong) = try pair.toInitiator(frame(.response, 1, pong.encode())) else {
            Issue.record("no answer")
            return
        }
        let push = WirePush.with { $0.mailWaiting = WireMailWaiting() }
        guard case .push(push) = try pair.toInitiator(frame(.push, 1, push.encode())) else {
            Issue.record("no push")
            return
        }
        guard case .closed(let close) = try pair.toInitiator(frame(.close, 0, WireClose.of(.idle).encode())) else {
            Issue.record("no close")
            return
        }
        #expect(close.reason == .idle)
    }

    @Test func longMessagesTravelInPartsThatAlternate() throws {
        var pair = try pair()
        let long = deposit(body: 100_000)
        var parts = MessageSplitter.frames(kind: .request, id: 1, message: long.encode())
        #expect(parts.count == 7)
        let last = parts.removeLast()
        for part in parts { _ = try pair.toResponder(part) }
        // A short request overtakes the long one.
        guard case .incoming(.request(2, ping, _)) = try pair.toResponder(frame(.request, 2, ping.encode())) else {
            Issue.record("the short request waits")
            return
        }
        guard case .incoming(.request(1, let whole, let size)) = try pair.toResponder(last) else {
            Issue.record("the long request is incomplete")
            return
        }
        #expect(whole == long)
        #expect(size == long.encode().count)
    }

    private func rejection(_ output: ResponderEngine.Output) -> WireClose.Reason? {
        if case .reject(let close) = output { close.reason } else { nil }
    }

    @Test func whatBreaksTheRulesIsTold() throws {
        // An id again, one that goes back, a kind that only the other side sends, no kind at all.
        for bad in [
            frame(.request, 5, ping.encode()), frame(.request, 4, ping.encode()), frame(.response, 9, []),
            frame(.push, 9, []),
        ] {
            var pair = try pair()
            _ = try pair.toResponder(frame(.request, 5, ping.encode()))
            #expect(rejection(try pair.toResponder(bad)) == .malformed)
        }
        for bytes in [[0xff], [0x08, 0x01, 0x10], [UInt8](repeating: 0x0a, count: 50), []] as [[UInt8]] {
            // Bytes that are no frame, below the engine's own encoding.
            let parties = try rawPair()
            let message = try parties.initiator.transport.encrypt(bytes)
            var responder = parties.takeResponder()
            let output = responder.receive(message, access: access, random: SystemRandomSource())
            #expect(rejection(output) == .malformed, "\(bytes)")
        }
    }

    /// An initiator's transport without the engine around it.
    private final class RawPair {
        let initiator: TransportBox
        private var responder: ResponderEngine?

        init(initiator: TransportBox, responder: consuming ResponderEngine) {
            self.initiator = initiator
            self.responder = consume responder
        }

        func takeResponder() -> ResponderEngine {
            guard let engine = responder.take() else { preconditionFailure("taken twice") }
            return engine
        }
    }

    private final class TransportBox {
        var transport: NoiseTransport

        init(_ transport: consuming NoiseTransport) { self.transport = transport }
    }

    private func rawPair() throws -> RawPair {
        access.add(key.publicKey, psk, id: 1)
        let waiting = try InitiatorHandshake(
            staticKey: key, remoteStatic: nodeKey.publicKey, preSharedKey: psk, prologue: TransportLimits.prologue,
            random: SystemRandomSource()
        ).writeMessage(BigEndian.bytes(UInt64.random(in: 1_000_000 ... .max / 2)))
        var responder = ResponderEngine(staticKey: nodeKey)
        let fresh = TestAccess()
        fresh.add(key.publicKey, psk, id: 1)
        guard case .reply(let reply) = responder.receive(waiting.message, access: fresh, random: SystemRandomSource())
        else { throw TransportError.disconnected }
        return RawPair(
            initiator: TransportBox(try waiting.readMessage(reply).intoTransport()), responder: responder)
    }

    @Test func limitsAreTold() throws {
        var tooLong = try pair()
        var output = try tooLong.toResponder(frame(.request, 1, ping.encode()))
        let part = [UInt8](repeating: 0, count: Limits.partBytes)
        for _ in 0..<17 { output = try tooLong.toResponder(frame(.request, 2, part, more: true)) }
        #expect(rejection(output) == .limit)

        var tooMany = try pair()
        output = .nothing
        for id in 1...17 { output = try tooMany.toResponder(frame(.request, UInt64(id), [1], more: true)) }
        #expect(rejection(output) == .limit)

        // A frame with a part over the limit.
        let raw = try rawPair()
        let large = frame(.request, 1, [UInt8](repeating: 0, count: Limits.partBytes + 1))
        let message = try raw.initiator.transport.encrypt(large.serializedBytes())
        var responder = raw.takeResponder()
        let rejected = responder.receive(message, access: access, random: SystemRandomSource())
        #expect(rejection(rejected) != nil)
    }

    @Test func aRequestThatDoesNotDecodeIsRefusedAndTheConnectionGoesOn() throws {
        var pair = try pair()
        _ = try pair.toResponder(frame(.request, 1, ping.encode()))
        for bad in [[], [0xff, 0xff], Array(deposit(body: 1).encode().dropLast())] as [[UInt8]] {
            let id = UInt64.random(in: 10...20) + UInt64(bad.count) * 100
            guard case .incoming(.malformed(id, _)) = try pair.toResponder(frame(.request, id, bad)) else {
                Issue.record("\(bad)")
                continue
            }
        }
        guard
            case .incoming(.request(9_000_000, ping, _)) = try pair.toResponder(
                frame(.request, 9_000_000, ping.encode()))
        else {
            Issue.record("the connection does not go on")
            return
        }
    }

    @Test func everyFlippedByteOfTheHandshakeIsSilence() throws {
        access.add(key.publicKey, psk, id: 1)
        let hello = try initiator(counter: 77).hello
        #expect(hello.count == 104)
        for index in hello.indices {
            var flipped = hello
            flipped[index] ^= 1
            var responder = ResponderEngine(staticKey: nodeKey)
            guard case .silence = responder.receive(flipped, access: access, random: SystemRandomSource()) else {
                Issue.record("byte \(index) is answered")
                continue
            }
        }
        var responder = ResponderEngine(staticKey: nodeKey)
        guard case .reply(let reply) = responder.receive(hello, access: access, random: SystemRandomSource()) else {
            Issue.record("the whole message is not answered")
            return
        }
        for index in reply.indices {
            var flipped = reply
            flipped[index] ^= 1
            var engine = try initiator(counter: 78)
            guard case .failed = engine.receive(flipped) else {
                Issue.record("byte \(index) of the reply is taken")
                continue
            }
        }
        // The same first message again, and an older counter.
        for message in [hello, try initiator(counter: 76).hello] {
            var again = ResponderEngine(staticKey: nodeKey)
            guard case .silence = again.receive(message, access: access, random: SystemRandomSource()) else {
                Issue.record("a replay is answered")
                continue
            }
        }
    }

    @Test(arguments: 0..<300)
    func garbageFramesNeverTrap(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let raw = try rawPair()
        var responder = raw.takeResponder()
        for _ in 0..<8 {
            var bytes = WireFrame.with {
                $0.kind = WireFrame.Kind(rawValue: Int.random(in: 0...6, using: &generator)) ?? .request
                $0.id = .random(in: 0 ... .max, using: &generator)
                $0.more = .random(using: &generator)
                $0.part = Data(generator.bytes(Int.random(in: 0...60, using: &generator)))
            }.encode()
            if Bool.random(using: &generator), !bytes.isEmpty {
                bytes[Int.random(in: bytes.indices, using: &generator)] ^=
                    1 << UInt8.random(in: 0..<8, using: &generator)
            }
            let message = try raw.initiator.transport.encrypt(bytes)
            let output = responder.receive(message, access: access, random: SystemRandomSource())
            if case .reply = output { Issue.record("a second handshake") }
        }
    }
}

/// A generator with a seed, so that a failure can be repeated (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }
}
