import Foundation
import SpeemCrypto
import Synchronization

@testable import SpeemNoise

/// Gives out fixed bytes, in order.
final class FixedRandomSource: RandomSource {
    private let bytes: Mutex<[UInt8]>

    init(_ bytes: [UInt8]) { self.bytes = Mutex(bytes) }

    func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        bytes.withLock { bytes in
            buffer.copyBytes(from: bytes.prefix(buffer.count))
            bytes.removeFirst(min(buffer.count, bytes.count))
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

    func initiatorHandshake(preSharedKey other: SecretBytes? = nil) throws -> InitiatorHandshake {
        try InitiatorHandshake(
            staticKey: initiator, remoteStatic: responder.publicKey, preSharedKey: other ?? preSharedKey,
            prologue: prologue, random: SystemRandomSource())
    }

    func responderHandshake() -> ResponderHandshake {
        ResponderHandshake(staticKey: responder, prologue: prologue)
    }
}

/// What a finished handshake leaves.
struct Pair: ~Copyable {
    var initiator: NoiseTransport
    var responder: NoiseTransport

    /// Shakes hands over bytes.
    init(_ parties: Parties = Parties()) throws {
        let waiting = try parties.initiatorHandshake().writeMessage([1, 2, 3])
        let authenticated = try parties.responderHandshake().readInitiatorStatic(waiting.message).authenticate()
        let established = try authenticated.writeMessage(
            [4, 5], preSharedKey: parties.preSharedKey, random: SystemRandomSource())
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

/// The result of `body`, or nil when it throws what it may throw.
func attempt<T>(_ body: () throws -> T) -> T? { try? body() }

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
