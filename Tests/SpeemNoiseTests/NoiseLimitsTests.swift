import SpeemCrypto
import Testing

@testable import SpeemNoise

/// Payloads of every kind of size, up to the 65,535 bytes of a message and one over them.
struct NoiseLimitsTests {
    private let parties = Parties()
    private static let firstRoom = 65_535 - 32 - 48 - 16
    private static let secondRoom = 65_535 - 32 - 16

    @Test func theFiguresAreTheSpecifications() {
        #expect(NoiseLimits.messageLength == 65_535)
        #expect(NoiseLimits.payloadLength == 65_519)
        #expect(NoiseLimits.firstMessagePrefix == 80)
        #expect(NoiseLimits.messagesPerKey == 65_536)
        #expect(NoiseLimits.reservedNonce == .max)
        #expect(NoisePattern.ik.name.utf8.count == 33)
        #expect(NoisePattern.ikpsk2.name.utf8.count == 37)
    }

    @Test(arguments: [0, 1, 8, 15, 16, 17, 63, 64, 65, 127, 128, 129, 1_000, 16_384, 32_768, 65_438, 65_439])
    func handshakePayloads(count: Int) throws {
        var generator = SeededGenerator(seed: UInt64(count))
        let (there, back) = (generator.bytes(count), generator.bytes(count))
        let waiting = try parties.initiatorHandshake().writeMessage(there)
        #expect(waiting.message.count == 96 + count)
        let authenticated = try parties.responderHandshake().readInitiatorStatic(waiting.message).authenticate()
        #expect(authenticated.payload == there)
        let answer = try authenticated.writeMessage(
            back, preSharedKey: parties.preSharedKey, random: SystemRandomSource())
        #expect(answer.message.count == 48 + count)
        #expect(try waiting.readMessage(answer.message).payload == back)
    }

    @Test func theLargestFirstMessage() throws {
        let payload = [UInt8](repeating: 0xaa, count: Self.firstRoom)
        let message = try parties.initiatorHandshake().writeMessage(payload).message
        #expect(message.count == NoiseLimits.messageLength)
        #expect(parties.refusal(ofFirst: message) == nil)
        #expect(throws: NoiseError.tooLong(limit: 65_535, actual: 65_536)) {
            _ = try parties.initiatorHandshake().writeMessage(payload + [0]).message
        }
        #expect(parties.refusal(ofFirst: message + [0]) == .tooLong(limit: 65_535, actual: 65_536))
        #expect(parties.refusal(ofFirst: [UInt8](repeating: 9, count: 65_535)) == .authenticationFailed)
    }

    @Test func theLargestSecondMessage() throws {
        let ephemeral = SystemRandomSource().bytes(32)
        func waiting() throws -> InitiatorHandshake.Waiting {
            try parties.initiatorHandshake(ephemeral: ephemeral).writeMessage([])
        }
        let first = try waiting().message
        let payload = [UInt8](repeating: 0xbb, count: Self.secondRoom)
        let message = try parties.answer(first, payload: payload).message
        #expect(message.count == NoiseLimits.messageLength)
        #expect(try waiting().readMessage(message).payload == payload)
        #expect(throws: NoiseError.tooLong(limit: 65_535, actual: 65_536)) {
            _ = try parties.answer(first, payload: payload + [0]).message
        }
        #expect(try refusal(of: message + [0], by: waiting()) == .tooLong(limit: 65_535, actual: 65_536))
        #expect(try refusal(of: [UInt8](repeating: 9, count: 65_535), by: waiting()) == .authenticationFailed)
    }

    @Test(arguments: [0, 1, 15, 16, 17, 63, 64, 65, 4_096, 65_518, 65_519])
    func transportPayloads(count: Int) throws {
        var generator = SeededGenerator(seed: UInt64(count))
        var pair = try Pair()
        let payload = generator.bytes(count)
        let message = try pair.initiator.encrypt(payload)
        #expect(message.count == count + NoiseLimits.tagLength)
        #expect(try pair.responder.decrypt(message) == payload)
        #expect(try pair.initiator.decrypt(pair.responder.encrypt(payload)) == payload)
    }

    @Test func theLargestTransportMessage() throws {
        var pair = try Pair()
        let largest = [UInt8](repeating: 1, count: NoiseLimits.payloadLength)
        #expect(throws: NoiseError.tooLong(limit: 65_519, actual: 65_520)) {
            _ = try pair.initiator.encrypt(largest + [1])
        }
        #expect(throws: NoiseError.tooLong(limit: 65_535, actual: 65_536)) {
            _ = try pair.responder.decrypt([UInt8](repeating: 0, count: 65_536))
        }
        // What was refused used no nonce.
        #expect(pair.initiator.nonces == (0, 0))
        #expect(pair.responder.nonces == (0, 0))
        #expect(try pair.responder.decrypt(pair.initiator.encrypt(largest)) == largest)
    }

    @Test func errorsSayWhat() {
        let errors: KeyValuePairs<NoiseError, String> = [
            .tooLong(limit: 65_535, actual: 65_536): "the Noise message has 65536 bytes; the limit is 65535",
            .truncated: "the Noise message is too short",
            .authenticationFailed: "the Noise message does not authenticate",
            .weakPublicKey: "the peer's public key is weak",
            .nonceExhausted: "all nonces of the Noise key were used",
            .preSharedKeyLength(31): "the pre-shared key has 31 bytes instead of 32",
        ]
        for (error, text) in errors { #expect("\(error)" == text) }
    }
}
