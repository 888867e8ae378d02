import SpeemCrypto
import SpeemIdentity
import Testing

@testable import SpeemSessions

/// Sessions at rest: what is written is read back, and whatever else stands there is refused.
@Suite struct SessionEncodingTests {
    /// The ways that a session can be in.
    enum State: CaseIterable {
        /// The initiator, before an answer.
        case begun
        /// The responder, before it has received.
        case taken
        case ofTheInitiator
        case ofTheResponder
        /// With skipped keys and chains of the past.
        case used
    }

    static func session(_ state: State) throws -> Session {
        var pair = try Pair(600)
        switch state {
        case .begun: return try pair.alice.initiate(with: pair.bob)
        case .taken:
            var begun = try pair.alice.initiate(with: pair.bob)
            return try pair.bob.respond(to: try pair.bob.unseal(try pair.alice.send([], in: &begun)))
        case .ofTheInitiator: return pair.atAlice
        case .ofTheResponder: return pair.atBob
        case .used:
            for _ in 0..<3 {
                for _ in 0..<2 { _ = try pair.alice.send(text("lost"), in: &pair.atAlice) }
                _ = try pair.bob.open(try pair.alice.send(text("a"), in: &pair.atAlice), in: &pair.atBob)
                _ = try pair.alice.open(try pair.bob.send(text("b"), in: &pair.atBob), in: &pair.atAlice)
            }
            #expect(pair.atBob.ratchet.skipped.count == 6 && pair.atBob.ratchet.past.count == 3)
            return pair.atBob
        }
    }

    private func read(_ bytes: [UInt8]) throws -> Session { try Session(encoded: SecretBytes(bytes)) }

    private let malformed = SessionError.malformed("a stored session")

    @Test(arguments: State.allCases)
    func isReadBack(state: State) throws {
        let session = try Self.session(state)
        #expect(try Session(encoded: session.encoded) == session)
    }

    @Test func goesOnAfterItWasReadBack() throws {
        var pair = try Pair(610)
        let late = try pair.alice.send(text("late"), in: &pair.atAlice)
        for round in 0..<4 {
            let envelope = try pair.alice.send(text("\(round)"), in: &pair.atAlice)
            pair.atAlice = try Session(encoded: pair.atAlice.encoded)
            #expect(try pair.bob.open(envelope, in: &pair.atBob).content == text("\(round)"))
            pair.atBob = try Session(encoded: pair.atBob.encoded)
            let answer = try pair.bob.send(text("answer"), in: &pair.atBob)
            #expect(try pair.alice.open(answer, in: &pair.atAlice).content == text("answer"))
        }
        #expect(try pair.bob.open(late, in: &pair.atBob).content == text("late"))
        #expect(refusal { try pair.bob.open(late, in: &pair.atBob) } == .duplicate)
    }

    @Test(arguments: State.allCases)
    func isRefusedAtEveryOtherLength(state: State) throws {
        let encoded = try Self.session(state).encoded.exposedCopy()
        for length in encoded.indices {
            #expect(refusal { try read(Array(encoded[..<length])) } == malformed, "\(length) bytes")
        }
        #expect(refusal { try read(encoded + [0]) } == malformed)
        let long = [UInt8](repeating: 1, count: SessionLimits.encodedSessionLength + 1)
        #expect(refusal { try read(long) } == malformed)
    }

    @Test func laterVersionsAreToldApart() throws {
        let encoded = try Self.session(.used).encoded.exposedCopy()
        for version in UInt8.min...UInt8.max where version != 1 {
            #expect(
                refusal { try read([version] + encoded.dropFirst()) } == .unknownVersion("a stored session", version))
        }
    }

    /// What is read is written again as it was: no two encodings stand for the same session.
    @Test(arguments: State.allCases)
    func everyChangedByteIsRefusedOrKept(state: State) throws {
        let encoded = try Self.session(state).encoded.exposedCopy()
        for index in encoded.indices {
            for mask in [1, 0x80, 0xff] as [UInt8] {
                let changed = encoded.flipping(index, mask)
                guard let session = try? read(changed) else { continue }
                #expect(session.encoded.exposedCopy() == changed, "byte \(index)")
            }
        }
    }

    // MARK: Fields

    /// Where the fields stand behind what names session and peer.
    private struct Layout {
        static let initialLength = 1 + 16 + 32 + 132 + 2 + 346
        let peerFlag: Int
        let sendingFlag: Int
        let receivingFlag: Int
        let skippedCount: Int
        let pastCount: Int

        init(_ session: Session) {
            let initial = session.initial?.encoded.count ?? 0
            let ratchet = session.ratchet
            peerFlag = Self.initialLength + 2 + initial + 32 + 32
            sendingFlag = peerFlag + (ratchet.peerRatchetKey == nil ? 1 : 33)
            receivingFlag = sendingFlag + (ratchet.sending == nil ? 1 : 37)
            skippedCount = receivingFlag + (ratchet.receiving == nil ? 1 : 37) + 8
            pastCount = skippedCount + 2 + ratchet.skipped.count * 68
        }
    }

    @Test(arguments: State.allCases)
    func flagsAreZeroOrOne(state: State) throws {
        let session = try Self.session(state)
        let (encoded, layout) = (session.encoded.exposedCopy(), Layout(session))
        for place in [layout.peerFlag, layout.sendingFlag, layout.receivingFlag] {
            #expect(encoded[place] <= 1)
            for flag in UInt8(2)...UInt8.max {
                #expect(refusal { try read(encoded.replacing(from: place, with: [flag])) } == malformed)
            }
        }
    }

    @Test func countsKeepToTheirLimits() throws {
        var session = try Self.session(.used)
        let key = session.ratchet.ownRatchetKey.publicKey
        func skip(_ count: Int) {
            session.ratchet.skipped = (0..<UInt32(count)).map {
                .init(ratchetKey: key, number: $0, key: session.ratchet.rootKey)
            }
        }
        skip(SessionLimits.skippedInAll)
        session.ratchet.past = (0..<SessionLimits.rememberedRatchetKeys).map {
            .init(ratchetKey: key, droppedBelow: UInt32($0))
        }
        #expect(try Session(encoded: session.encoded) == session)
        #expect(session.encoded.count <= SessionLimits.encodedSessionLength)
        skip(SessionLimits.skippedInAll + 1)
        #expect(refusal { try Session(encoded: session.encoded) } == malformed)
        skip(3)
        session.ratchet.past.append(.init(ratchetKey: key, droppedBelow: 0))
        #expect(refusal { try Session(encoded: session.encoded) } == malformed)
    }

    @Test func countsThatPromiseMoreThanThereIsAreRefused() throws {
        let session = try Self.session(.used)
        let (encoded, layout) = (session.encoded.exposedCopy(), Layout(session))
        #expect(Array(encoded[layout.skippedCount..<layout.skippedCount + 2]) == [0, 6])
        #expect(encoded[layout.pastCount] == 3)
        for count in [5, 7, 2_000, 2_001, .max] as [UInt16] {
            let changed = encoded.replacing(from: layout.skippedCount, with: BigEndian.bytes(count))
            #expect(refusal { try read(changed) } == malformed, "\(count) skipped keys")
        }
        for count in UInt8.min...UInt8.max where count != 3 {
            let changed = encoded.replacing(from: layout.pastCount, with: [count])
            #expect(refusal { try read(changed) } == malformed, "\(count) chains")
        }
        // Lengths of the associated data and of the initial part.
        for (place, own) in [(1 + 16 + 32 + 132, UInt16(346)), (Layout.initialLength, 0)] {
            #expect(Array(encoded[place..<place + 2]) == BigEndian.bytes(own))
            for length in [0, 1, 345, 347, 1_000, .max] as [UInt16] where length != own {
                #expect(refusal { try read(encoded.replacing(from: place, with: BigEndian.bytes(length))) } != nil)
            }
        }
    }

    @Test func theLastNumberIsNotSkipped() throws {
        var session = try Self.session(.used)
        let key = session.ratchet.ownRatchetKey.publicKey
        session.ratchet.skipped = [.init(ratchetKey: key, number: .max - 1, key: session.ratchet.rootKey)]
        #expect(try Session(encoded: session.encoded) == session)
        session.ratchet.skipped = [.init(ratchetKey: key, number: .max, key: session.ratchet.rootKey)]
        #expect(refusal { try Session(encoded: session.encoded) } == malformed)
    }

    @Test func statesThatCannotBeAreRefused() throws {
        let (begun, used) = (try Self.session(.begun), try Self.session(.used))
        var impossible: [Session] = []
        // A chain to send in, and nobody to send to.
        var session = begun
        session.ratchet.peerRatchetKey = nil
        impossible.append(session)
        // Received, and not able to send.
        session = used
        session.ratchet.sending = nil
        impossible.append(session)
        // Answered, and still beginning.
        session = used
        session.initial = begun.initial
        impossible.append(session)
        for session in impossible { #expect(refusal { try Session(encoded: session.encoded) } == malformed) }
    }

    @Test func anInitialPartHasNothingBehindIt() throws {
        let session = try Self.session(.begun)
        let encoded = session.encoded.exposedCopy()
        let length = try #require(session.initial).encoded.count
        let end = Layout.initialLength + 2 + length
        let longer =
            encoded.replacing(from: Layout.initialLength, with: BigEndian.bytes(UInt16(length + 1)))[..<end] + [0]
            + encoded[end...]
        #expect(refusal { try read(Array(longer)) } == malformed)
    }
}
