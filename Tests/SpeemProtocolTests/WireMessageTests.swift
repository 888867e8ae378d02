import SpeemProtocol
import SwiftProtobuf
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct WireMessageTests {
    @Test func everyRequestSurvivesTheWay() throws {
        for request in sampleRequests() {
            #expect(try WireRequest.decode(request.encode()) == request)
        }
    }

    @Test func truncatedAtEveryLengthNeverTrapsAndNeverGivesTheSame() {
        for request in sampleRequests() {
            let bytes = request.encode()
            for length in 0..<bytes.count {
                let decoded = try? WireRequest.decode(Array(bytes[..<length]))
                #expect(decoded != request)
            }
        }
    }

    @Test func emptyIsOfNoKind() {
        #expect(throws: WireError.unknownKind(message: "request")) { try WireRequest.decode([]) }
        #expect(throws: WireError.unknownKind(message: "response")) { try WireResponse.decode([]) }
        #expect(throws: WireError.unknownKind(message: "push")) { try WirePush.decode([]) }
        #expect(throws: WireError.unknownKind(message: "frame")) { try WireFrame.decode([]) }
        #expect(throws: WireError.unknownKind(message: "content")) { try WireContent.decode([]) }
    }

    @Test func anUnknownKindIsRefused() {
        // Field 900, length-delimited, empty: a request of a later version.
        #expect(throws: WireError.unknownKind(message: "request")) { try WireRequest.decode([0xa2, 0x38, 0x00]) }
        // A frame of kind 99.
        #expect(throws: WireError.unknownKind(message: "frame")) { try WireFrame.decode([0x08, 99]) }
    }

    @Test func overTheLimitIsRefusedBeforeDecoding() {
        let huge = [UInt8](repeating: 0xff, count: Limits.requestBytes + 1)
        #expect(throws: WireError.tooLarge(message: "request", limit: Limits.requestBytes)) {
            try WireRequest.decode(huge)
        }
        let frame = [UInt8](repeating: 0, count: Limits.frameBytes + 1)
        #expect(throws: WireError.tooLarge(message: "frame", limit: Limits.frameBytes)) {
            try WireFrame.decode(frame)
        }
    }

    @Test func randomBytesNeverTrap() {
        var random = SeededGenerator(seed: 42)
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...64, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            _ = try? WireRequest.decode(bytes)
            _ = try? WireResponse.decode(bytes)
            _ = try? WireFrame.decode(bytes)
            _ = try? WireContent.decode(bytes)
        }
    }

    @Test func mutatedRequestsNeverTrap() {
        var random = SeededGenerator(seed: 7)
        for request in sampleRequests() {
            let bytes = request.encode()
            guard !bytes.isEmpty else { continue }
            for _ in 0..<500 {
                var mutated = bytes
                mutated[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
                _ = try? WireRequest.decode(mutated)
            }
        }
    }

    @Test func nestedDeeplyNeverTraps() {
        // A group start tag (wire type 3) repeated: the classic stack exhaustion.
        #expect(throws: WireError.self) { try WireRequest.decode([UInt8](repeating: 0x0b, count: 100_000)) }
    }
}
