import SpeemCrypto
import Testing

@testable import SpeemNoise

/// New keys: by themselves after 65,536 messages of a direction, or by hand.
struct RekeyTests {
    /// The keys that follow on 32 bytes of 1, from Python: `from cryptography.hazmat.primitives.ciphers.aead import
    /// ChaCha20Poly1305`, and three times `key = ChaCha20Poly1305(key).encrypt(bytes(4) + b"\xff" * 8, bytes(32), b"")[:32]`.
    private static let following = [
        "6cfb2b964ed404cedd9051572bde20be5910d8de91207ef94b5ceb2fa67ad788",
        "c35cc034a7f6893dfa884c87a0ea80f8b5181d9974a3595b28e34a32169dde49",
        "c2c578bb5916d625963a1fb05bf443848448097abf47f05a05c3d5cd0c08907c",
    ]

    private func key(_ hex: String) throws -> SecretBytes { SecretBytes(try #require(Hex.decode(hex))) }

    @Test func theNextKeyIsTheSpecifications() throws {
        let pair = BoxedPair(nonce: 5)
        for hex in Self.following {
            pair.sender.transport.rekeySending()
            let nonce = pair.sender.transport.nonces.sending
            let message = try pair.sender.transport.encrypt([1, 2, 3])
            // A transport that was given that key opens it.
            let knowing = BoxedPair(nonce: nonce, sendingKey: try key(hex))
            #expect(try knowing.receiver.transport.decrypt(message) == [1, 2, 3])
        }
    }

    @Test func aKeyServes65536MessagesAndNoMore() throws {
        let pair = BoxedPair(nonce: 0)
        for number in 0..<65_536 {
            let message = try pair.sender.transport.encrypt([])
            guard try pair.receiver.transport.decrypt(message) == [] else {
                Issue.record("message \(number) came out changed")
                return
            }
            guard number == 65_535 else { continue }
            // The last one is still under the first key.
            #expect(try BoxedPair(nonce: 65_535).receiver.transport.decrypt(message) == [])
        }
        #expect(pair.sender.transport.nonces == (65_536, 0))
        let message = try pair.sender.transport.encrypt([7])
        // The old key no longer opens, the next does, and the receiver has it.
        let stale = BoxedPair(nonce: 65_536)
        #expect(throws: NoiseError.authenticationFailed) { _ = try stale.receiver.transport.decrypt(message) }
        let fresh = BoxedPair(nonce: 65_536, sendingKey: try key(Self.following[0]))
        #expect(try fresh.receiver.transport.decrypt(message) == [7])
        #expect(try pair.receiver.transport.decrypt(message) == [7])
        // The other direction has sent nothing and keeps its key.
        let back = try pair.receiver.transport.encrypt([8])
        #expect(try BoxedPair(nonce: 0).sender.transport.decrypt(back) == [8])
        #expect(try pair.sender.transport.decrypt(back) == [8])
    }

    @Test func theDirectionsRekeyOnTheirOwn() throws {
        let pair = BoxedPair(nonce: NoiseLimits.messagesPerKey - 2)
        for number in 0..<4 {
            let message = try pair.sender.transport.encrypt([UInt8(number)])
            #expect(try pair.receiver.transport.decrypt(message) == [UInt8(number)])
        }
        #expect(pair.sender.transport.nonces == (65_538, 65_534))
        // The way back is still under its old key for two messages, and then no longer.
        for number in 0..<4 {
            let message = try pair.receiver.transport.encrypt([UInt8(number)])
            let stale = BoxedPair(nonce: NoiseLimits.messagesPerKey - 2 + UInt64(number))
            let opened = try? stale.sender.transport.decrypt(message)
            #expect(opened == (number < 2 ? [UInt8(number)] : nil), "message \(number)")
            #expect(try pair.sender.transport.decrypt(message) == [UInt8(number)])
        }
        #expect(pair.sender.transport.nonces == (65_538, 65_538))
    }

    @Test func rekeysAgainAndAgain() throws {
        // At each boundary: the keys of before it open nothing after it.
        for round in 1...4 {
            let boundary = NoiseLimits.messagesPerKey * UInt64(round)
            let pair = BoxedPair(nonce: boundary - 1)
            #expect(try pair.receiver.transport.decrypt(pair.sender.transport.encrypt([1])) == [1])
            let message = try pair.sender.transport.encrypt([2])
            let stale = BoxedPair(nonce: boundary)
            #expect(throws: NoiseError.authenticationFailed) { _ = try stale.receiver.transport.decrypt(message) }
            #expect(try pair.receiver.transport.decrypt(message) == [2])
            #expect(pair.receiver.transport.nonces.receiving == boundary + 1)
        }
    }

    @Test func aFailedMessageAtTheBoundaryDoesNotRekey() throws {
        let pair = BoxedPair(nonce: NoiseLimits.messagesPerKey - 1)
        let last = try pair.sender.transport.encrypt([1])
        for (_, flipped) in flips(of: last) {
            #expect(throws: NoiseError.authenticationFailed) { _ = try pair.receiver.transport.decrypt(flipped) }
        }
        #expect(throws: NoiseError.tooLong(limit: 65_519, actual: 65_520)) {
            _ = try pair.receiver.transport.encrypt([UInt8](repeating: 0, count: 65_520))
        }
        #expect(try pair.receiver.transport.decrypt(last) == [1])
        #expect(try pair.receiver.transport.decrypt(pair.sender.transport.encrypt([2])) == [2])
        #expect(try pair.sender.transport.decrypt(pair.receiver.transport.encrypt([3])) == [3])
    }

    @Test func rekeyingByHandKeepsTheNonceAndTheOtherDirection() throws {
        var pair = try Pair()
        _ = try pair.responder.decrypt(pair.initiator.encrypt([1]))
        pair.initiator.rekeySending()
        #expect(try pair.initiator.decrypt(pair.responder.encrypt([9])) == [9])
        let message = try pair.initiator.encrypt([2])
        #expect(throws: NoiseError.authenticationFailed) { _ = try pair.responder.decrypt(message) }
        pair.responder.rekeyReceiving()
        #expect(try pair.responder.decrypt(message) == [2])
        #expect(pair.initiator.nonces == (2, 1))
        #expect(pair.responder.nonces == (1, 2))
        // One rekey too many is found out too.
        pair.responder.rekeyReceiving()
        let next = try pair.initiator.encrypt([3])
        #expect(throws: NoiseError.authenticationFailed) { _ = try pair.responder.decrypt(next) }
    }
}
