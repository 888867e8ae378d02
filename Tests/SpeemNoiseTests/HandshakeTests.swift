import SpeemCrypto
import Testing

@testable import SpeemNoise

/// Both sides against each other: what they agree on, and what they must agree on beforehand.
struct HandshakeTests {
    private let parties = Parties()

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
        #expect(initiator.nonces == (0, 0))
        #expect(responder.nonces == (0, 0))
    }

    @Test func twoHandshakesShareNothing() throws {
        let first = try parties.initiatorHandshake().writeMessage([])
        let second = try parties.initiatorHandshake().writeMessage([])
        #expect(first.message != second.message)
        // Neither the ephemeral key nor the encrypted static key says that it is the same initiator.
        #expect(first.message[..<32] != second.message[..<32])
        #expect(first.message[32..<80] != second.message[32..<80])
        #expect(try Pair(parties).initiator.handshakeHash != Pair(parties).initiator.handshakeHash)
    }

    @Test func theWireShowsNoStaticKeyAndNoPayload() throws {
        let payload = [UInt8](repeating: 0x5a, count: 64)
        let waiting = try parties.initiatorHandshake().writeMessage(payload)
        let answer = try parties.answer(waiting.message, payload: payload)
        for message in [waiting.message, answer.message] {
            for secret in [parties.initiator.publicKey.bytes, parties.responder.publicKey.bytes, payload] {
                #expect(!message.contains(secret[..<16]))
            }
        }
    }

    @Test func aReplayedFirstMessageOpensNothing() throws {
        let waiting = try parties.initiatorHandshake().writeMessage([])
        let first = try parties.answer(waiting.message)
        let replayed = try parties.answer(waiting.message)
        #expect(first.message != replayed.message)
        let reply = first.message
        var initiator = try waiting.readMessage(reply).intoTransport()
        var own = first.intoTransport()
        var other = replayed.intoTransport()
        #expect(own.handshakeHash != other.handshakeHash)
        let message = try initiator.encrypt([1])
        #expect(throws: NoiseError.authenticationFailed) { _ = try other.decrypt(message) }
        #expect(try own.decrypt(message) == [1])
    }

    @Test func anAnswerToAnotherHandshakeIsRefused() throws {
        let first = try parties.initiatorHandshake().writeMessage([])
        let second = try parties.initiatorHandshake().writeMessage([])
        let answer = try parties.answer(first.message).message
        #expect(refusal(of: answer, by: second) == .authenticationFailed)
        #expect(refusal(of: answer, by: first) == nil)
    }

    @Test func aReflectedMessageIsRefused() throws {
        let waiting = try parties.initiatorHandshake().writeMessage([])
        let message = waiting.message
        #expect(refusal(of: message, by: waiting) == .authenticationFailed)
        let answer = try parties.answer(parties.initiatorHandshake().writeMessage([]).message, payload: [1, 2]).message
        #expect(parties.refusal(ofFirst: answer) == .truncated)
        let long = try parties.answer(
            parties.initiatorHandshake().writeMessage([]).message, payload: [UInt8](repeating: 0, count: 100)
        ).message
        #expect(parties.refusal(ofFirst: long) == .authenticationFailed)
    }

    @Test func anotherPreSharedKeyIsFoundOutByTheInitiator() throws {
        let waiting = try parties.initiatorHandshake().writeMessage([])
        let reply = try parties.answer(waiting.message, preSharedKey: SystemRandomSource().secret(32)).message
        #expect(refusal(of: reply, by: waiting) == .authenticationFailed)
    }

    @Test func everyBitOfThePreSharedKeyCounts() throws {
        let ephemeral = SystemRandomSource().bytes(32)
        let message = try parties.initiatorHandshake(ephemeral: ephemeral).writeMessage([]).message
        let reply = try parties.answer(message).message
        for (index, key) in flips(of: parties.preSharedKey.exposedCopy()) {
            let waiting = try parties.initiatorHandshake(preSharedKey: SecretBytes(key), ephemeral: ephemeral)
                .writeMessage([])
            // The key comes at the end of the second message: the first is the same with any.
            #expect(waiting.message == message)
            #expect(refusal(of: reply, by: waiting) == .authenticationFailed, "byte \(index)")
        }
    }

    @Test func aResponderWithAnotherPreSharedKeyOpensNoTransportMessage() throws {
        let waiting = try parties.initiatorHandshake().writeMessage([])
        let right = try parties.answer(waiting.message).message
        var responder = try parties.answer(waiting.message, preSharedKey: SystemRandomSource().secret(32))
            .intoTransport()
        var initiator = try waiting.readMessage(right).intoTransport()
        let message = try initiator.encrypt([1])
        #expect(throws: NoiseError.authenticationFailed) { _ = try responder.decrypt(message) }
    }

    @Test(arguments: ["", "speem/1 tes", "speem/1 test ", "speem/2 test"])
    func anotherPrologueIsRefused(prologue: String) throws {
        let message = try parties.initiatorHandshake(prologue: Array(prologue.utf8)).writeMessage([]).message
        #expect(parties.refusal(ofFirst: message) == .authenticationFailed)
        #expect(parties.refusal(ofFirst: message, prologue: Array(prologue.utf8)) == nil)
    }

    @Test func anotherResponderIsNotReached() throws {
        let other = X25519.PrivateKey(random: SystemRandomSource())
        let message = try parties.initiatorHandshake(remoteStatic: other.publicKey).writeMessage([]).message
        #expect(parties.refusal(ofFirst: message) == .authenticationFailed)
    }

    @Test func whoClaimsAnothersKeyIsFoundOut() throws {
        let claimed = parties.initiator.publicKey
        let message = try parties.forgedFirstMessage(claiming: claimed.bytes, guess: SystemRandomSource().bytes(32))
        let identified = try parties.responderHandshake().readInitiatorStatic(message)
        // Nothing is proven by the key alone.
        #expect(identified.initiatorStatic == claimed)
        #expect(parties.refusal(ofFirst: message) == .authenticationFailed)
        // The forgery is a real message but for the guess: with the right one it is taken.
        let shared = try parties.initiator.sharedSecret(with: parties.responder.publicKey).exposedCopy()
        #expect(try parties.refusal(ofFirst: parties.forgedFirstMessage(claiming: claimed.bytes, guess: shared)) == nil)
    }

    @Test func patternsDoNotMix() throws {
        let plain = try parties.initiatorHandshake(pattern: .ik).writeMessage([]).message
        #expect(parties.refusal(ofFirst: plain) == .authenticationFailed)
        #expect(parties.refusal(ofFirst: plain, pattern: .ik) == nil)
        let keyed = try parties.initiatorHandshake().writeMessage([]).message
        #expect(parties.refusal(ofFirst: keyed, pattern: .ik) == .authenticationFailed)
    }

    @Test func ikNeedsNoPreSharedKey() throws {
        let waiting = try parties.initiatorHandshake(pattern: .ik, preSharedKey: SecretBytes([])).writeMessage([1])
        let established = try parties.responderHandshake(pattern: .ik).readInitiatorStatic(waiting.message)
            .authenticate().writeMessage([2], preSharedKey: SecretBytes([]), random: SystemRandomSource())
        let reply = established.message
        var initiator = try waiting.readMessage(reply).intoTransport()
        var responder = established.intoTransport()
        #expect(try responder.decrypt(initiator.encrypt([3])) == [3])
    }

    @Test(arguments: [0, 1, 31, 33, 64])
    func aPreSharedKeyOfAnotherLengthIsRefused(count: Int) throws {
        let key = SystemRandomSource().secret(count)
        #expect(throws: NoiseError.preSharedKeyLength(count)) {
            _ = try parties.initiatorHandshake(preSharedKey: key).writeMessage([]).message
        }
        let message = try parties.initiatorHandshake().writeMessage([]).message
        #expect(throws: NoiseError.preSharedKeyLength(count)) {
            _ = try parties.answer(message, preSharedKey: key).message
        }
    }
}
