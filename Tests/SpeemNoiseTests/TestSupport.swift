import Foundation
import SpeemCrypto
import Synchronization

@testable import SpeemNoise

/// Gives out fixed bytes, in order, and no more than it has.
final class FixedRandomSource: RandomSource {
    private let bytes: Mutex<[UInt8]>

    init(_ bytes: [UInt8]) { self.bytes = Mutex(bytes) }

    /// How many bytes nobody asked for.
    var remaining: Int { bytes.withLock { $0.count } }

    func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        bytes.withLock { bytes in
            precondition(bytes.count >= buffer.count, "more random bytes are wanted than the test has fixed")
            buffer.copyBytes(from: bytes.prefix(buffer.count))
            bytes.removeFirst(buffer.count)
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

/// Two parties that may shake hands.
struct Parties {
    let initiator = X25519.PrivateKey(random: SystemRandomSource())
    let responder = X25519.PrivateKey(random: SystemRandomSource())
    let preSharedKey = SystemRandomSource().secret(32)
    let prologue = Array("speem/1 test".utf8)

    /// The initiator's side; with the same `ephemeral` (32 bytes) it is the same handshake again.
    func initiatorHandshake(
        pattern: NoisePattern = .ikpsk2, remoteStatic: X25519.PublicKey? = nil, preSharedKey other: SecretBytes? = nil,
        prologue otherPrologue: [UInt8]? = nil, ephemeral: [UInt8] = SystemRandomSource().bytes(32)
    ) throws -> InitiatorHandshake {
        try InitiatorHandshake(
            pattern: pattern, staticKey: initiator, remoteStatic: remoteStatic ?? responder.publicKey,
            preSharedKey: other ?? preSharedKey, prologue: otherPrologue ?? prologue,
            random: FixedRandomSource(ephemeral))
    }

    func responderHandshake(
        pattern: NoisePattern = .ikpsk2, prologue other: [UInt8]? = nil
    ) -> ResponderHandshake {
        ResponderHandshake(pattern: pattern, staticKey: responder, prologue: other ?? prologue)
    }

    /// The responder's side over a first message.
    func answer(
        _ message: [UInt8], payload: [UInt8] = [], preSharedKey other: SecretBytes? = nil
    ) throws -> ResponderHandshake.Established {
        try responderHandshake().readInitiatorStatic(message).authenticate().writeMessage(
            payload, preSharedKey: other ?? preSharedKey, random: SystemRandomSource())
    }

    /// Why the responder refuses a first message; nil when it answers.
    func refusal(ofFirst message: [UInt8], pattern: NoisePattern = .ikpsk2, prologue: [UInt8]? = nil) -> NoiseError? {
        do throws(NoiseError) {
            _ = try responderHandshake(pattern: pattern, prologue: prologue).readInitiatorStatic(message)
                .authenticate().payload
            return nil
        } catch {
            return error
        }
    }

    /// A first message written by somebody who claims the static key `claimed` without having its private key, and who
    /// puts `guess` (32 bytes) where the Diffie-Hellman result of both static keys belongs.
    func forgedFirstMessage(claiming claimed: [UInt8], guess: [UInt8]) throws -> [UInt8] {
        let ephemeral = X25519.PrivateKey(random: SystemRandomSource())
        var symmetric = SymmetricState(protocolName: NoisePattern.ikpsk2.name)
        symmetric.mixHash(prologue)
        symmetric.mixHash(responder.publicKey.bytes)
        symmetric.mixHash(ephemeral.publicKey.bytes)
        symmetric.mixKey(SecretBytes(ephemeral.publicKey.bytes))
        try symmetric.mixSharedSecret(of: ephemeral, with: responder.publicKey)
        let encryptedStatic = try symmetric.encryptAndHash(claimed)
        symmetric.mixKey(SecretBytes(guess))
        return ephemeral.publicKey.bytes + encryptedStatic + (try symmetric.encryptAndHash([]))
    }
}

/// What a finished handshake leaves.
struct Pair: ~Copyable {
    var initiator: NoiseTransport
    var responder: NoiseTransport

    /// Shakes hands over bytes.
    init(_ parties: Parties = Parties()) throws {
        let waiting = try parties.initiatorHandshake().writeMessage([1, 2, 3])
        let established = try parties.answer(waiting.message, payload: [4, 5])
        let reply = established.message
        initiator = try waiting.readMessage(reply).intoTransport()
        responder = established.intoTransport()
    }
}

/// Why a second message is refused; nil when it is taken. (A macro's closure cannot consume a handshake.)
func refusal(of message: [UInt8], by waiting: consuming InitiatorHandshake.Waiting) -> NoiseError? {
    do throws(NoiseError) {
        _ = try waiting.readMessage(message).payload
        return nil
    } catch {
        return error
    }
}

/// Every copy of `message` with one bit changed, with the changed byte's index.
func flips(of message: [UInt8]) -> [(index: Int, bytes: [UInt8])] {
    message.indices.flatMap { index in
        (0..<8).map { bit in
            var flipped = message
            flipped[index] ^= 1 << UInt8(bit)
            return (index, flipped)
        }
    }
}

enum Repository {
    /// The package's folder.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The published vectors' folder: SPEEM_VECTORS, or the one beside the package.
    static let vectors: URL = {
        if let named = ProcessInfo.processInfo.environment["SPEEM_VECTORS"] { return URL(filePath: named) }
        return root.deletingLastPathComponent().appending(path: "shared/vectors")
    }()

    static let noiseVectors = vectors.appending(path: "noise.json")
    static var hasVectors: Bool { FileManager.default.fileExists(atPath: noiseVectors.path) }
    static let python = ProcessInfo.processInfo.environment["SPEEM_PYTHON"]
}
