import SpeemCrypto
import Testing

@testable import SpeemNoise

/// Handshake messages that were changed on their way: an error for each, a trap for none.
struct HandshakeDamageTests {
    private let parties = Parties()
    private let ephemeral = SystemRandomSource().bytes(32)

    /// The initiator of one and the same handshake, which reads a second message as often as needed.
    private func waiting() throws -> InitiatorHandshake.Waiting {
        try parties.initiatorHandshake(ephemeral: ephemeral).writeMessage([7, 8, 9])
    }

    private func secondMessage(payload: [UInt8] = [1, 2, 3]) throws -> [UInt8] {
        try parties.answer(waiting().message, payload: payload).message
    }

    @Test func everyFlippedBitOfTheFirstMessageIsRefused() throws {
        let message = try waiting().message
        #expect(message.count == NoiseLimits.firstMessagePrefix + 3 + NoiseLimits.tagLength)
        #expect(parties.refusal(ofFirst: message) == nil)
        for (index, flipped) in flips(of: message) {
            // The top bit of an X25519 coordinate is ignored, but it is hashed, so it is refused all the same.
            #expect(parties.refusal(ofFirst: flipped) == .authenticationFailed, "byte \(index)")
        }
    }

    @Test func everyFlippedBitOfTheSecondMessageIsRefused() throws {
        let message = try secondMessage()
        #expect(message.count == NoiseLimits.keyLength + 3 + NoiseLimits.tagLength)
        #expect(try refusal(of: message, by: waiting()) == nil)
        for (index, flipped) in flips(of: message) {
            #expect(try refusal(of: flipped, by: waiting()) == .authenticationFailed, "byte \(index)")
        }
    }

    /// The damage to the payload is found after, and only after, the static key was read.
    @Test func theStaticKeyIsReadBeforeThePayload() throws {
        for (index, flipped) in flips(of: try waiting().message) {
            let claimed = try? parties.responderHandshake().readInitiatorStatic(flipped).initiatorStatic
            #expect(claimed == (index < NoiseLimits.firstMessagePrefix ? nil : parties.initiator.publicKey))
        }
    }

    @Test(arguments: [0, 1, 40])
    func everyTruncationIsRefused(payload count: Int) throws {
        let payload = [UInt8](repeating: 6, count: count)
        let first = try parties.initiatorHandshake().writeMessage(payload).message
        for length in 0..<first.count {
            let expected = length < NoiseLimits.firstMessagePrefix ? NoiseError.truncated : .authenticationFailed
            #expect(parties.refusal(ofFirst: Array(first[..<length])) == expected, "\(length) bytes")
        }
        let second = try secondMessage(payload: payload)
        for length in 0..<second.count {
            let expected = length < NoiseLimits.keyLength ? NoiseError.truncated : .authenticationFailed
            #expect(try refusal(of: Array(second[..<length]), by: waiting()) == expected, "\(length) bytes")
        }
    }

    @Test func everyExtensionIsRefused() throws {
        let first = try waiting().message
        let second = try secondMessage()
        for count in [1, 2, 15, 16, 17, 32, 48, 1_000] {
            let tail = SystemRandomSource().bytes(count)
            #expect(parties.refusal(ofFirst: first + tail) == .authenticationFailed)
            #expect(parties.refusal(ofFirst: tail + first) != nil)
            #expect(try refusal(of: second + tail, by: waiting()) == .authenticationFailed)
            #expect(try refusal(of: tail + second, by: waiting()) != nil)
        }
    }

    @Test func everyRemovedOrDoubledByteIsRefused() throws {
        let first = try waiting().message
        let second = try secondMessage()
        for index in first.indices {
            let doubled = first[...index] + first[index...]
            #expect(parties.refusal(ofFirst: Array(doubled)) != nil, "byte \(index)")
            #expect(parties.refusal(ofFirst: Array(first[..<index] + first[(index + 1)...])) != nil, "byte \(index)")
        }
        for index in second.indices {
            let doubled = second[...index] + second[index...]
            #expect(try refusal(of: Array(doubled), by: waiting()) != nil, "byte \(index)")
            let removed = second[..<index] + second[(index + 1)...]
            #expect(try refusal(of: Array(removed), by: waiting()) != nil, "byte \(index)")
        }
    }

    /// The parts of two valid handshakes, exchanged.
    @Test func partsOfTwoHandshakesDoNotFit() throws {
        let one = try parties.initiatorHandshake().writeMessage([1]).message
        let two = try parties.initiatorHandshake().writeMessage([2]).message
        for cut in [NoiseLimits.keyLength, NoiseLimits.firstMessagePrefix] {
            #expect(parties.refusal(ofFirst: Array(one[..<cut] + two[cut...])) == .authenticationFailed)
        }
        let answer = try secondMessage(payload: [1])
        let other = try secondMessage(payload: [1])
        #expect(try refusal(of: Array(answer[..<32] + other[32...]), by: waiting()) == .authenticationFailed)
    }

    @Test func garbageIsRefused() throws {
        var generator = SeededGenerator(seed: 1)
        for turn in 0..<300 {
            let garbage = generator.bytes(Int.random(in: 0...300, using: &generator))
            #expect(parties.refusal(ofFirst: garbage) != nil, "turn \(turn)")
            #expect(try refusal(of: garbage, by: waiting()) != nil, "turn \(turn)")
        }
    }
}
