import SpeemCrypto
import Testing

@testable import SpeemNoise

struct TransportTests {
    @Test func bothDirections() throws {
        var pair = try Pair()
        for number in 0..<100 {
            let text = [UInt8](repeating: UInt8(number), count: number)
            #expect(try pair.responder.decrypt(pair.initiator.encrypt(text)) == text)
            #expect(try pair.initiator.decrypt(pair.responder.encrypt(text)) == text)
        }
        #expect(pair.initiator.nonces == (100, 100))
    }

    @Test func theDirectionsHaveKeysOfTheirOwn() throws {
        var pair = try Pair()
        let message = try pair.initiator.encrypt([1])
        #expect(throws: NoiseError.authenticationFailed) { _ = try pair.initiator.decrypt(message) }
        #expect(try pair.responder.decrypt(message) == [1])
    }

    @Test func replayedDroppedAndSwappedMessagesFail() throws {
        var pair = try Pair()
        let first = try pair.initiator.encrypt([1])
        let second = try pair.initiator.encrypt([2])
        #expect(throws: NoiseError.authenticationFailed) { _ = try pair.responder.decrypt(second) }
        #expect(try pair.responder.decrypt(first) == [1])
        #expect(throws: NoiseError.authenticationFailed) { _ = try pair.responder.decrypt(first) }
        #expect(try pair.responder.decrypt(second) == [2])
    }

    @Test func everyFlippedByteFailsAndMovesNothing() throws {
        var pair = try Pair()
        let message = try pair.initiator.encrypt(Array("hello".utf8))
        for index in message.indices {
            var flipped = message
            flipped[index] ^= 0x40
            #expect(throws: NoiseError.authenticationFailed) { _ = try pair.responder.decrypt(flipped) }
        }
        for count in message.indices {
            #expect(throws: NoiseError.authenticationFailed) {
                _ = try pair.responder.decrypt(Array(message[..<count]))
            }
        }
        #expect(pair.responder.nonces == (0, 0))
        #expect(try pair.responder.decrypt(message) == Array("hello".utf8))
    }

    @Test func theLimitOfAMessage() throws {
        var pair = try Pair()
        let largest = [UInt8](repeating: 1, count: NoiseLimits.payloadLength)
        let message = try pair.initiator.encrypt(largest)
        #expect(message.count == 65_535)
        #expect(try pair.responder.decrypt(message) == largest)
        #expect(throws: NoiseError.tooLong(limit: 65_519, actual: 65_520)) {
            _ = try pair.initiator.encrypt(largest + [1])
        }
        #expect(throws: NoiseError.tooLong(limit: 65_535, actual: 65_536)) {
            _ = try pair.responder.decrypt([UInt8](repeating: 0, count: 65_536))
        }
    }

    private func transports(nonce: UInt64) -> (NoiseTransportBox, NoiseTransportBox) {
        let one = SecretBytes([UInt8](repeating: 1, count: 32))
        let two = SecretBytes([UInt8](repeating: 2, count: 32))
        return (
            NoiseTransportBox(NoiseTransport(sending: one, receiving: two, handshakeHash: [], nonce: nonce)),
            NoiseTransportBox(NoiseTransport(sending: two, receiving: one, handshakeHash: [], nonce: nonce))
        )
    }

    @Test func rekeysEachDirectionAfter65536Messages() throws {
        let (sender, receiver) = transports(nonce: NoiseLimits.messagesPerKey - 2)
        // What the old key would make of the message after the rekey.
        let (stale, _) = transports(nonce: NoiseLimits.messagesPerKey)
        for number in 0..<4 {
            let message = try sender.transport.encrypt([UInt8(number)])
            if number == 2 { #expect(try stale.transport.encrypt([2]) != message) }
            #expect(try receiver.transport.decrypt(message) == [UInt8(number)])
        }
        // The other direction counts on its own: its first message after the rekey of this one is under the old key.
        #expect(try sender.transport.decrypt(receiver.transport.encrypt([9])) == [9])
        #expect(sender.transport.nonces == (65_538, 65_535))
    }

    @Test func rekeysAgainAndAgain() throws {
        for round in 1...3 {
            let nonce = NoiseLimits.messagesPerKey * UInt64(round) - 1
            let (sender, receiver) = transports(nonce: nonce)
            for _ in 0..<3 { #expect(try receiver.transport.decrypt(sender.transport.encrypt([1])) == [1]) }
        }
    }

    @Test func rekeyingByHandKeepsTheNonce() throws {
        var pair = try Pair()
        _ = try pair.responder.decrypt(pair.initiator.encrypt([1]))
        pair.initiator.rekeySending()
        let message = try pair.initiator.encrypt([2])
        #expect(throws: NoiseError.authenticationFailed) { _ = try pair.responder.decrypt(message) }
        pair.responder.rekeyReceiving()
        #expect(try pair.responder.decrypt(message) == [2])
        #expect(pair.initiator.nonces.sending == 2)
    }

    @Test func theLastNonceIsNeverUsed() throws {
        let (sender, receiver) = transports(nonce: NoiseLimits.reservedNonce - 1)
        let last = try sender.transport.encrypt([1])
        #expect(try receiver.transport.decrypt(last) == [1])
        #expect(throws: NoiseError.nonceExhausted) { _ = try sender.transport.encrypt([2]) }
        #expect(throws: NoiseError.nonceExhausted) { _ = try receiver.transport.decrypt(last) }
        #expect(sender.transport.nonces.sending == .max)
    }
}

/// A transport in a tuple.
final class NoiseTransportBox {
    var transport: NoiseTransport

    init(_ transport: consuming NoiseTransport) { self.transport = transport }
}
