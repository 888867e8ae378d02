import SpeemCrypto
import Testing

@testable import SpeemNoise

/// Handshakes with the Python package noiseprotocol over a real socket.
@Suite(.enabled(if: Repository.python != nil, "SPEEM_PYTHON names no Python with noiseprotocol"), .serialized)
struct InteropTests {
    private let parties = Parties()

    private func peer(_ role: NoisePeer.Role, preSharedKey: SecretBytes? = nil) throws -> NoisePeer {
        let python = try #require(Repository.python)
        return try NoisePeer(role, python: python, parties, preSharedKey: preSharedKey ?? parties.preSharedKey)
    }

    @Test func swiftInitiates() throws {
        let peer = try peer(.responder)
        let waiting = try parties.initiatorHandshake().writeMessage(Array("from swift".utf8))
        try peer.send(waiting.message)
        let established = try waiting.readMessage(try peer.receive())
        #expect(established.payload == Array("from python".utf8))
        var transport = established.intoTransport()
        try exchange(&transport, peer)
    }

    @Test func pythonInitiates() throws {
        let peer = try peer(.initiator)
        let identified = try parties.responderHandshake().readInitiatorStatic(try peer.receive())
        #expect(identified.initiatorStatic == parties.initiator.publicKey)
        let authenticated = try identified.authenticate()
        #expect(authenticated.payload == Array("from python".utf8))
        let established = try authenticated.writeMessage(
            Array("from swift".utf8), preSharedKey: parties.preSharedKey, random: SystemRandomSource())
        try peer.send(established.message)
        var transport = established.intoTransport()
        try exchange(&transport, peer)
    }

    /// What the peer makes of `payload`.
    private func ask(_ payload: [UInt8], _ transport: inout NoiseTransport, _ peer: NoisePeer) throws -> [UInt8] {
        try peer.send(try transport.encrypt(payload))
        return try transport.decrypt(try peer.receive())
    }

    /// 200 messages both ways, of every kind of size, and rekeys of one direction, of the other and of both.
    private func exchange(_ transport: inout NoiseTransport, _ peer: NoisePeer) throws {
        #expect(try ask(Array("hash".utf8), &transport, peer) == transport.handshakeHash)
        var generator = SeededGenerator(seed: 1)
        for number in 0..<200 {
            let size =
                switch number {
                case 0, 199: 0
                case 1, 198: NoiseLimits.payloadLength
                default: Int.random(in: 1...2_000, using: &generator)
                }
            let payload = generator.bytes(size)
            #expect(try ask(payload, &transport, peer) == payload.reversed(), "message \(number)")
            if number == 60 || number == 180 {
                #expect(try ask(Array("inbound".utf8), &transport, peer) == Array("dnuobni".utf8))
                transport.rekeySending()
            }
            if number == 120 || number == 180 {
                #expect(try ask(Array("outbound".utf8), &transport, peer) == Array("dnuobtuo".utf8))
                try rekeyReceivingWhenOldFails(&transport, peer)
            }
        }
        // The hash, 200 payloads, 4 orders to rekey, and the 2 messages whose answers open under the new key only.
        #expect(transport.nonces == (207, 207))
        // The connection is closed between two frames: the peer has nothing to complain of.
        #expect(peer.finish() == 0)
    }

    /// The peer's new key is another: the old one does not open what is sent under it.
    private func rekeyReceivingWhenOldFails(_ transport: inout NoiseTransport, _ peer: NoisePeer) throws {
        try peer.send(try transport.encrypt([1, 2]))
        let answer = try peer.receive()
        #expect(throws: NoiseError.authenticationFailed) { _ = try transport.decrypt(answer) }
        transport.rekeyReceiving()
        #expect(try transport.decrypt(answer) == [2, 1])
    }

    @Test func aRekeyOfOneSideAloneIsFoundOutByTheOther() throws {
        let peer = try peer(.responder)
        let waiting = try parties.initiatorHandshake().writeMessage(Array("from swift".utf8))
        try peer.send(waiting.message)
        var transport = try waiting.readMessage(try peer.receive()).intoTransport()
        #expect(try ask([1, 2], &transport, peer) == [2, 1])
        transport.rekeySending()
        try peer.send(try transport.encrypt([3]))
        #expect(peer.finish() == 5)
    }

    /// The initiator finds out by the second message; the responder because it gets nothing that opens.
    @Test func withAnotherPreSharedKeyBothSidesFailWhenSwiftInitiates() throws {
        let peer = try peer(.responder, preSharedKey: SystemRandomSource().secret(32))
        let ephemeral = SystemRandomSource().bytes(32)
        func waiting() throws -> InitiatorHandshake.Waiting {
            try parties.initiatorHandshake(ephemeral: ephemeral).writeMessage(Array("from swift".utf8))
        }
        let first = try waiting().message
        try peer.send(first)
        #expect(refusal(of: try peer.receive(), by: try waiting()) == .authenticationFailed)
        // An initiator that does not stop there has the keys that follow from its own pre-shared key.
        let answer = try parties.answer(first)
        var transport = try waiting().readMessage(answer.message).intoTransport()
        try peer.send(try transport.encrypt([1]))
        #expect(peer.finish() == 5)
    }

    @Test func withAnotherPreSharedKeyBothSidesFailWhenPythonInitiates() throws {
        let peer = try peer(.initiator, preSharedKey: SystemRandomSource().secret(32))
        let established = try parties.answer(peer.receive(), payload: Array("from swift".utf8))
        try peer.send(established.message)
        // The responder never gets the transport message that would prove the initiator.
        #expect(throws: NoisePeer.Lost.closed) { _ = try peer.receive() }
        #expect(peer.finish() == 4)
    }

    @Test func aChangedMessageIsRefusedByThePeer() throws {
        let responder = try peer(.responder)
        var first = try parties.initiatorHandshake().writeMessage(Array("from swift".utf8)).message
        first[40] ^= 1
        try responder.send(first)
        #expect(throws: NoisePeer.Lost.closed) { _ = try responder.receive() }
        #expect(responder.finish() == 4)

        let initiator = try peer(.initiator)
        var second = try parties.answer(initiator.receive(), payload: Array("from swift".utf8)).message
        second[second.count - 1] ^= 1
        try initiator.send(second)
        #expect(initiator.finish() == 4)
    }

    @Test func anotherPrologueIsRefusedByThePeer() throws {
        let peer = try peer(.responder)
        try peer.send(
            try parties.initiatorHandshake(prologue: Array("speem/2 test".utf8)).writeMessage(
                Array("from swift".utf8)
            ).message)
        #expect(peer.finish() == 4)
    }
}
