import Foundation
import SpeemCrypto
import Testing

@testable import SpeemNoise

/// The published vectors of the cacophony collection, each side for itself against the published bytes alone.
@Suite(.enabled(if: Repository.hasVectors, "there is no noise.json in SPEEM_VECTORS or ../shared/vectors"))
struct VectorTests {
    private struct File: Decodable {
        let vectors: [Vector]
    }

    private struct Vector: Decodable {
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
        let respPrologue: String
        let respStatic: String
        let respEphemeral: String
        let respPsks: [String]?
        let handshakeHash: String
        let messages: [Message]
    }

    private func bytes(_ hex: String) throws -> [UInt8] { try #require(Hex.decode(hex)) }

    private func privateKey(_ hex: String) throws -> X25519.PrivateKey {
        try X25519.PrivateKey(SecretBytes(try bytes(hex)))
    }

    /// The only pre-shared key of IKpsk2; nothing in IK, which has none.
    private func preSharedKey(_ keys: [String]?, _ pattern: NoisePattern) throws -> SecretBytes {
        #expect((keys?.count ?? 0) == (pattern.usesPreSharedKey ? 1 : 0))
        return SecretBytes(try bytes(keys?.first ?? ""))
    }

    private func vector(_ pattern: NoisePattern) throws -> Vector {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let file = try decoder.decode(File.self, from: Data(contentsOf: Repository.noiseVectors))
        let vector = try #require(file.vectors.first { $0.protocolName == pattern.name })
        // Both of the handshake, and some of the transport in each direction.
        try #require(vector.messages.count >= 6)
        return vector
    }

    /// The transport messages: whose turn it is says the index, the initiator's being even.
    private func exchange(_ transport: inout NoiseTransport, isInitiator: Bool, _ vector: Vector) throws {
        #expect(try transport.handshakeHash == bytes(vector.handshakeHash))
        for (index, message) in vector.messages.enumerated().dropFirst(2) {
            let (payload, ciphertext) = (try bytes(message.payload), try bytes(message.ciphertext))
            if index.isMultiple(of: 2) == isInitiator {
                #expect(try transport.encrypt(payload) == ciphertext, "message \(index)")
            } else {
                #expect(try transport.decrypt(ciphertext) == payload, "message \(index)")
            }
        }
    }

    @Test(arguments: [NoisePattern.ik, .ikpsk2])
    func asInitiator(pattern: NoisePattern) throws {
        let vector = try vector(pattern)
        let random = FixedRandomSource(try bytes(vector.initEphemeral))
        let waiting = try InitiatorHandshake(
            pattern: pattern, staticKey: privateKey(vector.initStatic),
            remoteStatic: X25519.PublicKey(bytes(vector.initRemoteStatic)),
            preSharedKey: preSharedKey(vector.initPsks, pattern), prologue: bytes(vector.initPrologue), random: random
        ).writeMessage(bytes(vector.messages[0].payload))
        #expect(random.remaining == 0)
        #expect(try waiting.message == bytes(vector.messages[0].ciphertext))
        let established = try waiting.readMessage(bytes(vector.messages[1].ciphertext))
        #expect(try established.payload == bytes(vector.messages[1].payload))
        var transport = established.intoTransport()
        try exchange(&transport, isInitiator: true, vector)
    }

    @Test(arguments: [NoisePattern.ik, .ikpsk2])
    func asResponder(pattern: NoisePattern) throws {
        let vector = try vector(pattern)
        let staticKey = try privateKey(vector.respStatic)
        #expect(try staticKey.publicKey.bytes == bytes(vector.initRemoteStatic))
        let identified = try ResponderHandshake(
            pattern: pattern, staticKey: staticKey, prologue: bytes(vector.respPrologue)
        ).readInitiatorStatic(bytes(vector.messages[0].ciphertext))
        #expect(try identified.initiatorStatic == privateKey(vector.initStatic).publicKey)
        let authenticated = try identified.authenticate()
        #expect(try authenticated.payload == bytes(vector.messages[0].payload))
        let random = FixedRandomSource(try bytes(vector.respEphemeral))
        let established = try authenticated.writeMessage(
            bytes(vector.messages[1].payload), preSharedKey: preSharedKey(vector.respPsks, pattern), random: random)
        #expect(random.remaining == 0)
        #expect(try established.message == bytes(vector.messages[1].ciphertext))
        var transport = established.intoTransport()
        try exchange(&transport, isInitiator: false, vector)
    }
}
