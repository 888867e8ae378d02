import SpeemCrypto
import Testing

@testable import SpeemNoise

/// Points of small order: whatever the private key, their Diffie-Hellman result is zero, and known to everybody.
struct WeakKeyTests {
    private let parties = Parties()

    /// All of Curve25519's and its twist's points of small order, and the encodings of them at or above the prime
    /// (https://cr.yp.to/ecdh.html#validate); then the same with the top bit, which X25519 ignores.
    static let points: [[UInt8]] = {
        let canonical = [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ].compactMap { Hex.decode($0) }
        return canonical + canonical.map { $0.dropLast() + [($0.last ?? 0) | 0x80] }
    }()

    @Test func theListIsComplete() {
        #expect(Self.points.count == 14)
        #expect(Set(Self.points).count == 14)
        #expect(Self.points.allSatisfy { $0.count == NoiseLimits.keyLength })
    }

    @Test(arguments: points)
    func asTheRespondersStaticKey(point: [UInt8]) throws {
        let weak = try X25519.PublicKey(point)
        #expect(throws: NoiseError.weakPublicKey) {
            _ = try parties.initiatorHandshake(remoteStatic: weak).writeMessage([]).message
        }
    }

    @Test(arguments: points)
    func asTheInitiatorsEphemeralKey(point: [UInt8]) throws {
        var message = try parties.initiatorHandshake().writeMessage([]).message
        message.replaceSubrange(0..<32, with: point)
        #expect(throws: NoiseError.weakPublicKey) {
            _ = try parties.responderHandshake().readInitiatorStatic(message).initiatorStatic
        }
    }

    /// Were zero taken for a secret, anybody could speak for such a key: its every tag here is right.
    @Test(arguments: points)
    func asTheInitiatorsStaticKey(point: [UInt8]) throws {
        let message = try parties.forgedFirstMessage(claiming: point, guess: [UInt8](repeating: 0, count: 32))
        let identified = try parties.responderHandshake().readInitiatorStatic(message)
        #expect(identified.initiatorStatic.bytes == point)
        #expect(parties.refusal(ofFirst: message) == .weakPublicKey)
    }

    @Test(arguments: points)
    func asTheRespondersEphemeralKey(point: [UInt8]) throws {
        let waiting = try parties.initiatorHandshake().writeMessage([])
        #expect(refusal(of: point + [UInt8](repeating: 0, count: 16), by: waiting) == .weakPublicKey)
    }

    /// The coordinate above the prime is another encoding of a good point, not a weak one: it is not refused as such.
    @Test func anUnreducedPointIsNotWeak() throws {
        // The prime and 9: the base point.
        let unreduced = [0xf6] + [UInt8](repeating: 0xff, count: 30) + [0x7f]
        let key = try X25519.PublicKey(unreduced)
        let message = try parties.initiatorHandshake(remoteStatic: key).writeMessage([]).message
        #expect(message.count == NoiseLimits.firstMessagePrefix + NoiseLimits.tagLength)
    }
}
