import SpeemCrypto
import Testing

@testable import SpeemNoise

struct HandshakeTests {
    private let parties = Parties()

    /// The responder's side over a first message; nil when it refuses.
    private func respond(to message: [UInt8], preSharedKey: SecretBytes? = nil) -> [UInt8]? {
        attempt {
            try parties.responderHandshake().readInitiatorStatic(message).authenticate()
                .writeMessage([], preSharedKey: preSharedKey ?? parties.preSharedKey, random: SystemRandomSource())
                .message
        }
    }

    @Test func carriesPayloadsAndIdentity() throws {
        let waiting = try parties.initiatorHandshake().writeMessage(Array("counter".utf8))
        let identified = try parties.responderHandshake().readInitiatorStatic(waiting.message)
        #expect(identified.initiatorStatic == parties.initiator.publicKey)
        let authenticated = try identified.authenticate()
        #expect(authenticated.payload == Array("counter".utf8))
        #expect(authenticated.initiatorStatic == parties.initiator.publicKey)
        let answer = try authenticated.writeMessage(
            Array("welcome".utf8), preSharedKey: parties.preSharedKey, random: SystemRandomSource())
        let established = try waiting.readMessage(answer.message)
        #expect(established.payload == Array("welcome".utf8))
        let initiator = established.intoTransport()
        let responder = answer.intoTransport()
        #expect(initiator.handshakeHash == responder.handshakeHash)
        #expect(initiator.handshakeHash.count == NoiseLimits.hashLength)
    }

    @Test func twoHandshakesShareNothing() throws {
        let first = try parties.initiatorHandshake().writeMessage([])
        let second = try parties.initiatorHandshake().writeMessage([])
        #expect(first.message != second.message)
        #expect(try Pair(parties).initiator.handshakeHash != Pair(parties).initiator.handshakeHash)
    }

    @Test func everyFlippedByteOfTheFirstMessageIsRefused() throws {
        let message = try parties.initiatorHandshake().writeMessage([UInt8](repeating: 7, count: 8)).message
        #expect(respond(to: message) != nil)
        for index in message.indices {
            for bit in [UInt8(1), 0x80] {
                var flipped = message
                flipped[index] ^= bit
                // The top bit of an X25519 coordinate is ignored, but it is hashed, so it is refused all the same.
                #expect(respond(to: flipped) == nil, "byte \(index)")
            }
        }
    }

    @Test func everyFlippedByteOfTheSecondMessageIsRefused() throws {
        for index in 0..<(NoiseLimits.keyLength + 3 + NoiseLimits.tagLength) {
            let waiting = try parties.initiatorHandshake().writeMessage([])
            var reply = try parties.responderHandshake().readInitiatorStatic(waiting.message).authenticate()
                .writeMessage([1, 2, 3], preSharedKey: parties.preSharedKey, random: SystemRandomSource()).message
            reply[index] ^= 0x01
            #expect(refusal(of: reply, by: waiting) != nil)
        }
    }

    @Test func everyTruncationAndExtensionIsRefused() throws {
        let message = try parties.initiatorHandshake().writeMessage([1, 2, 3, 4]).message
        for count in 0..<message.count { #expect(respond(to: Array(message[..<count])) == nil, "\(count) bytes") }
        #expect(respond(to: message + [0]) == nil)
        for count in 0..<48 {
            let waiting = try parties.initiatorHandshake().writeMessage([])
            let reply = try #require(respond(to: waiting.message))
            #expect(reply.count == 48)
            #expect(refusal(of: Array(reply[..<count]), by: waiting) != nil)
        }
    }

    @Test func anotherPreSharedKeyIsFoundOutByTheInitiator() throws {
        let waiting = try parties.initiatorHandshake().writeMessage([])
        let reply = try #require(respond(to: waiting.message, preSharedKey: SystemRandomSource().secret(32)))
        #expect(refusal(of: reply, by: waiting) == .authenticationFailed)
    }

    @Test func anotherPrologueIsRefused() throws {
        let message = try InitiatorHandshake(
            staticKey: parties.initiator, remoteStatic: parties.responder.publicKey,
            preSharedKey: parties.preSharedKey, prologue: Array("speem/2 test".utf8), random: SystemRandomSource()
        ).writeMessage([]).message
        #expect(respond(to: message) == nil)
    }

    @Test func anotherResponderIsNotReached() throws {
        let other = X25519.PrivateKey(random: SystemRandomSource())
        let message = try InitiatorHandshake(
            staticKey: parties.initiator, remoteStatic: other.publicKey, preSharedKey: parties.preSharedKey,
            prologue: parties.prologue, random: SystemRandomSource()
        ).writeMessage([]).message
        #expect(respond(to: message) == nil)
    }

    @Test func patternsDoNotMix() throws {
        let message = try InitiatorHandshake(
            pattern: .ik, staticKey: parties.initiator, remoteStatic: parties.responder.publicKey,
            preSharedKey: parties.preSharedKey, prologue: parties.prologue, random: SystemRandomSource()
        ).writeMessage([]).message
        #expect(respond(to: message) == nil)
    }

    @Test(arguments: [
        [UInt8](repeating: 0, count: 32), [1] + [UInt8](repeating: 0, count: 31),
        Hex.decode("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800") ?? [],
        Hex.decode("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f") ?? [],
    ])
    func smallOrderKeysAreRefused(point: [UInt8]) throws {
        let weak = try X25519.PublicKey(point)
        #expect(throws: NoiseError.weakPublicKey) {
            _ = try InitiatorHandshake(
                staticKey: parties.initiator, remoteStatic: weak, preSharedKey: parties.preSharedKey,
                prologue: parties.prologue, random: SystemRandomSource()
            ).writeMessage([]).message
        }
        // As the initiator's ephemeral.
        var message = try parties.initiatorHandshake().writeMessage([]).message
        message.replaceSubrange(0..<32, with: point)
        #expect(throws: NoiseError.weakPublicKey) {
            _ = try parties.responderHandshake().readInitiatorStatic(message).initiatorStatic
        }
        // As the responder's ephemeral.
        let waiting = try parties.initiatorHandshake().writeMessage([])
        #expect(refusal(of: point + [UInt8](repeating: 0, count: 16), by: waiting) == .weakPublicKey)
    }

    @Test func aPreSharedKeyOfAnotherLengthIsRefused() throws {
        #expect(throws: NoiseError.preSharedKeyLength(31)) {
            _ = try parties.initiatorHandshake(preSharedKey: SystemRandomSource().secret(31)).writeMessage([]).message
        }
        let message = try parties.initiatorHandshake().writeMessage([]).message
        #expect(throws: NoiseError.preSharedKeyLength(0)) {
            _ = try parties.responderHandshake().readInitiatorStatic(message).authenticate()
                .writeMessage([], preSharedKey: SecretBytes([]), random: SystemRandomSource()).message
        }
    }

    @Test func payloadsUpToTheLimitOfAMessage() throws {
        let room = NoiseLimits.messageLength - NoiseLimits.firstMessagePrefix - NoiseLimits.tagLength
        let payload = [UInt8](repeating: 0xaa, count: room)
        let message = try parties.initiatorHandshake().writeMessage(payload).message
        #expect(message.count == NoiseLimits.messageLength)
        #expect(respond(to: message) != nil)
        #expect(throws: NoiseError.tooLong(limit: 65_535, actual: 65_536)) {
            _ = try parties.initiatorHandshake().writeMessage(payload + [0]).message
        }
        #expect(throws: NoiseError.tooLong(limit: 65_535, actual: 65_536)) {
            _ = try parties.responderHandshake().readInitiatorStatic([UInt8](repeating: 0, count: 65_536))
                .initiatorStatic
        }
    }

    @Test(arguments: 0..<200)
    func garbageIsRefused(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let garbage = generator.bytes(Int.random(in: 0...300, using: &generator))
        #expect(respond(to: garbage) == nil)
        let waiting = try parties.initiatorHandshake().writeMessage([])
        #expect(refusal(of: garbage, by: waiting) != nil)
    }
}
