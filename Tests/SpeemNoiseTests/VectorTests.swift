import Foundation
import SpeemCrypto
import Testing

@testable import SpeemNoise

/// The vectors of the cacophony collection.
@Suite(.enabled(if: Repository.hasVectors, "there is no noise.json in SPEEM_VECTORS or ../shared/vectors"))
struct VectorTests {
    private struct File: Decodable {
        let vectors: [Vector]
    }

    struct Vector: Decodable {
        struct Message: Decodable {
            let payload: String
            let ciphertext: String
        }

        let protocolName: String
        let initPrologue: String
        let initStatic: String
        let initEphemeral: String
        let initRemoteStatic: String
        let initPsks: [String]?
        let respStatic: String
        let respEphemeral: String
        let handshakeHash: String
        let messages: [Message]
    }

    private func bytes(_ hex: String) throws -> [UInt8] { try #require(Hex.decode(hex)) }

    @Test(arguments: [NoisePattern.ik, .ikpsk2])
    func everyByte(pattern: NoisePattern) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let file = try decoder.decode(File.self, from: Data(contentsOf: Repository.noiseVectors))
        let vector = try #require(file.vectors.first { $0.protocolName == pattern.name })
        let psk = SecretBytes(try bytes(vector.initPsks?.first ?? String(repeating: "00", count: 32)))
        let prologue = try bytes(vector.initPrologue)
        let responderKey = try X25519.PrivateKey(SecretBytes(try bytes(vector.respStatic)))
        let messages = try vector.messages.map { (payload: try bytes($0.payload), bytes: try bytes($0.ciphertext)) }
        #expect(try responderKey.publicKey.bytes == bytes(vector.initRemoteStatic))

        let waiting = try InitiatorHandshake(
            pattern: pattern, staticKey: try X25519.PrivateKey(SecretBytes(try bytes(vector.initStatic))),
            remoteStatic: responderKey.publicKey, preSharedKey: psk, prologue: prologue,
            random: FixedRandomSource(try bytes(vector.initEphemeral))
        ).writeMessage(messages[0].payload)
        #expect(waiting.message == messages[0].bytes)

        let identified = try ResponderHandshake(pattern: pattern, staticKey: responderKey, prologue: prologue)
            .readInitiatorStatic(messages[0].bytes)
        let authenticated = try identified.authenticate()
        #expect(authenticated.payload == messages[0].payload)
        let answer = try authenticated.writeMessage(
            messages[1].payload, preSharedKey: psk, random: FixedRandomSource(try bytes(vector.respEphemeral)))
        #expect(answer.message == messages[1].bytes)
        let established = try waiting.readMessage(messages[1].bytes)
        #expect(established.payload == messages[1].payload)

        var initiator = established.intoTransport()
        var responder = answer.intoTransport()
        #expect(try initiator.handshakeHash == bytes(vector.handshakeHash))
        #expect(try responder.handshakeHash == bytes(vector.handshakeHash))
        #expect(messages.count > 4)
        for (index, message) in messages.enumerated().dropFirst(2) {
            if index % 2 == 0 {
                #expect(try initiator.encrypt(message.payload) == message.bytes)
                #expect(try responder.decrypt(message.bytes) == message.payload)
            } else {
                #expect(try responder.encrypt(message.payload) == message.bytes)
                #expect(try initiator.decrypt(message.bytes) == message.payload)
            }
        }
    }
}
