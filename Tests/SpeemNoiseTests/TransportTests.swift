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
        #expect(throws: NoiseError.authenticationFailed) { _ = try pair.responder.decrypt(first) }
        #expect(throws: NoiseError.authenticationFailed) { _ = try pair.responder.decrypt(second) }
    }

    @Test func onlyTheNextOfManyMessagesOpens() throws {
        var pair = try Pair()
        let messages = try (0..<30).map { try pair.initiator.encrypt([UInt8($0)]) }
        for next in messages.indices {
            for (index, message) in messages.enumerated() where index != next {
                #expect(throws: NoiseError.authenticationFailed) { _ = try pair.responder.decrypt(message) }
            }
            #expect(pair.responder.nonces.receiving == UInt64(next))
            #expect(try pair.responder.decrypt(messages[next]) == [UInt8(next)])
        }
    }

    @Test func oneDroppedMessageStopsTheConnection() throws {
        var pair = try Pair()
        _ = try pair.initiator.encrypt([0])
        for number in 1...20 {
            let message = try pair.initiator.encrypt([UInt8(number)])
            #expect(throws: NoiseError.authenticationFailed) { _ = try pair.responder.decrypt(message) }
        }
        // The other direction goes on.
        #expect(try pair.initiator.decrypt(pair.responder.encrypt([1])) == [1])
    }

    @Test func everyFlippedBitFailsAndMovesNothing() throws {
        var pair = try Pair()
        let message = try pair.initiator.encrypt(Array("hello".utf8))
        for (index, flipped) in flips(of: message) {
            #expect(throws: NoiseError.authenticationFailed, "byte \(index)") {
                _ = try pair.responder.decrypt(flipped)
            }
        }
        for count in message.indices {
            #expect(throws: NoiseError.authenticationFailed, "\(count) bytes") {
                _ = try pair.responder.decrypt(Array(message[..<count]))
            }
        }
        for count in 1...40 {
            #expect(throws: NoiseError.authenticationFailed, "\(count) more bytes") {
                _ = try pair.responder.decrypt(message + [UInt8](repeating: 0, count: count))
            }
        }
        #expect(pair.responder.nonces == (0, 0))
        #expect(try pair.responder.decrypt(message) == Array("hello".utf8))
        #expect(pair.responder.nonces == (0, 1))
    }

    @Test func anotherConnectionsMessageFails() throws {
        let parties = Parties()
        var one = try Pair(parties)
        var two = try Pair(parties)
        let message = try one.initiator.encrypt([1])
        #expect(throws: NoiseError.authenticationFailed) { _ = try two.responder.decrypt(message) }
        #expect(try one.responder.decrypt(message) == [1])
        #expect(try two.responder.decrypt(two.initiator.encrypt([2])) == [2])
    }

    /// Both directions in any interleaving, with attacks in between, against two queues.
    @Test(arguments: UInt64(0)..<20)
    func anyInterleavingArrives(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var pair = try Pair()
        var toResponder: [(payload: [UInt8], message: [UInt8])] = []
        var toInitiator: [(payload: [UInt8], message: [UInt8])] = []
        var counts = (there: UInt64(0), back: UInt64(0))
        for _ in 0..<200 {
            let payload = generator.bytes(Int.random(in: 0...40, using: &generator))
            switch Int.random(in: 0..<6, using: &generator) {
            case 0:
                toResponder.append((payload, try pair.initiator.encrypt(payload)))
            case 1:
                toInitiator.append((payload, try pair.responder.encrypt(payload)))
            case 2 where !toResponder.isEmpty:
                let (sent, message) = toResponder.removeFirst()
                #expect(try pair.responder.decrypt(message) == sent)
                counts.there += 1
            case 3 where !toInitiator.isEmpty:
                let (sent, message) = toInitiator.removeFirst()
                #expect(try pair.initiator.decrypt(message) == sent)
                counts.back += 1
            case 4:
                #expect(throws: NoiseError.authenticationFailed) { _ = try pair.responder.decrypt(payload) }
            default:
                #expect(throws: NoiseError.authenticationFailed) { _ = try pair.initiator.decrypt(payload) }
            }
        }
        #expect(pair.responder.nonces.receiving == counts.there)
        #expect(pair.initiator.nonces.receiving == counts.back)
        #expect(pair.initiator.nonces.sending == counts.there + UInt64(toResponder.count))
        #expect(pair.responder.nonces.sending == counts.back + UInt64(toInitiator.count))
    }
}
