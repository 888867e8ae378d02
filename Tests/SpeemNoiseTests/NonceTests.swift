import SpeemCrypto
import Testing

@testable import SpeemNoise

/// The nonce of each message, up to the last.
struct NonceTests {
    /// Python: `from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305` and
    /// `ChaCha20Poly1305(b"\1" * 32).encrypt(bytes(4) + (0x0102030405060708).to_bytes(8, "little"), b"speem", b"")`.
    @Test func theNonceIsWrittenLeastSignificantByteFirst() throws {
        let pair = BoxedPair(nonce: 0x0102_0304_0506_0708)
        let message = try pair.sender.transport.encrypt(Array("speem".utf8))
        #expect(Hex.encode(message) == "2e3fababf5afadef61336033daf0cd69e7fb537371")
        #expect(try pair.receiver.transport.decrypt(message) == Array("speem".utf8))
        #expect(pair.receiver.transport.nonces.receiving == 0x0102_0304_0506_0709)
    }

    @Test func theLastNonceIsNeverUsed() throws {
        let pair = BoxedPair(nonce: NoiseLimits.reservedNonce - 1)
        let last = try pair.sender.transport.encrypt([1])
        #expect(try pair.receiver.transport.decrypt(last) == [1])
        // It stays exhausted, for good messages and bad ones, and nothing overflows.
        for _ in 0..<3 {
            #expect(throws: NoiseError.nonceExhausted) { _ = try pair.sender.transport.encrypt([2]) }
            #expect(throws: NoiseError.nonceExhausted) { _ = try pair.receiver.transport.decrypt(last) }
            #expect(throws: NoiseError.nonceExhausted) { _ = try pair.receiver.transport.decrypt([]) }
        }
        #expect(pair.sender.transport.nonces == (.max, .max - 1))
        #expect(pair.receiver.transport.nonces == (.max - 1, .max))
        // The other direction has one left.
        #expect(try pair.sender.transport.decrypt(pair.receiver.transport.encrypt([3])) == [3])
        #expect(throws: NoiseError.nonceExhausted) { _ = try pair.receiver.transport.encrypt([4]) }
    }

    @Test func theReservedNonceNeverEncrypts() throws {
        let pair = BoxedPair(nonce: NoiseLimits.reservedNonce)
        #expect(throws: NoiseError.nonceExhausted) { _ = try pair.sender.transport.encrypt([]) }
        // A message under the reserved nonce, right in all else, is refused.
        let message = ChaCha20Poly1305.seal(
            [1], key: BoxedPair.sendingKey, nonce: [0, 0, 0, 0] + LittleEndian.bytes(UInt64.max), associatedData: [])
        #expect(throws: NoiseError.nonceExhausted) { _ = try pair.receiver.transport.decrypt(message) }
    }

    @Test func anExhaustedKeyIsNotSavedByARekey() throws {
        let pair = BoxedPair(nonce: NoiseLimits.reservedNonce)
        pair.sender.transport.rekeySending()
        #expect(throws: NoiseError.nonceExhausted) { _ = try pair.sender.transport.encrypt([]) }
    }

    @Test func aStateWithoutAKeyPassesEverythingThrough() throws {
        var state = CipherState(key: nil)
        #expect(try state.encrypt([1, 2], associatedData: [3]) == [1, 2])
        #expect(try state.decrypt([1, 2], associatedData: [3]) == [1, 2])
        state.rekey()
        #expect(state.nonce == 0)
    }
}

/// Two transports with known keys that stand at any nonce.
struct BoxedPair {
    /// A transport that a closure of a macro can change.
    final class Box {
        var transport: NoiseTransport

        init(_ transport: consuming NoiseTransport) { self.transport = transport }
    }

    static let sendingKey = SecretBytes([UInt8](repeating: 1, count: 32))
    static let receivingKey = SecretBytes([UInt8](repeating: 2, count: 32))

    let sender: Box
    let receiver: Box

    /// - Parameters:
    ///   - nonce: of both directions.
    ///   - sendingKey: from sender to receiver, 32 bytes.
    init(nonce: UInt64, sendingKey: SecretBytes = Self.sendingKey) {
        let back = Self.receivingKey
        sender = Box(NoiseTransport(sending: sendingKey, receiving: back, handshakeHash: [], nonce: nonce))
        receiver = Box(NoiseTransport(sending: back, receiving: sendingKey, handshakeHash: [], nonce: nonce))
    }
}
