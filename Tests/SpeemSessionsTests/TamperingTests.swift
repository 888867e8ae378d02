import SpeemCrypto
import SpeemIdentity
import Testing

@testable import SpeemSessions

/// A tampered message changes no state: every byte of header and body, outside of the seal and inside.
@Suite struct TamperingTests {
    /// Opens as a device does: the session is kept only when all is right.
    private func open(
        _ header: [UInt8], _ body: [UInt8], _ bob: Person, _ session: inout Session?
    ) throws -> OpenedMessage {
        let header = try bob.unseal(
            Envelope(header: header, body: body, id: MessageID([UInt8](repeating: 0, count: 32))))
        var taken = try session ?? bob.respond(to: header)
        let opened = try taken.open(header, body: body, local: bob.local, random: bob.random)
        session = taken
        return opened
    }

    /// Every single changed byte of `envelope` is refused and leaves `session` as it is; then the envelope itself opens.
    ///
    /// - Parameter ignored: places inside the seal that are not looked at.
    private func expectRefusals(
        _ envelope: Envelope, _ bob: Person, _ session: Session?, content: [UInt8], ignored: Range<Int> = 0..<0
    ) throws {
        let before = session
        var session = session
        for index in envelope.header.indices {
            let error = refusal { try open(envelope.header.flipping(index, 0x80), envelope.body, bob, &session) }
            // The X25519 key that a seal begins with has a bit that does not count (RFC 7748, section 5), but the
            // nonce is a hash over all of it.
            #expect(error == .notAuthentic("the outer seal"), "byte \(index) of the header")
            #expect(session == before)
        }
        let inside = try SealedBox.open(envelope.header, with: bob.keys.seal)
        for index in inside.indices {
            let resealed = try SealedBox.seal(inside.flipping(index), to: bob.keys.seal.publicKey)
            if ignored.contains(index) {
                var copy = session
                #expect(try open(resealed, envelope.body, bob, &copy).content == content)
                continue
            }
            #expect(refusal { try open(resealed, envelope.body, bob, &session) } != nil, "byte \(index) inside")
            #expect(session == before, "byte \(index) inside")
        }
        for index in envelope.body.indices {
            let error = refusal { try open(envelope.header, envelope.body.flipping(index), bob, &session) }
            #expect(error == .notAuthentic("the body of a message"), "byte \(index) of the body")
            #expect(session == before)
        }
        for length in inside.indices {
            let resealed = try SealedBox.seal(Array(inside[..<length]), to: bob.keys.seal.publicKey)
            #expect(refusal { try open(resealed, envelope.body, bob, &session) } != nil, "\(length) bytes inside")
            #expect(session == before)
        }
        #expect(try open(envelope.header, envelope.body, bob, &session).content == content)
        #expect(session != before)
    }

    @Test func inASession() throws {
        var pair = try Pair(500)
        let envelope = try pair.alice.send(text("in a session"), in: &pair.atAlice)
        try expectRefusals(envelope, pair.bob, pair.atBob, content: text("in a session"))
    }

    /// A message for which the ratchet turns, and others are skipped.
    @Test func whereTheRatchetTurns() throws {
        var pair = try Pair(510)
        _ = try pair.bob.open(try pair.alice.send(text("a"), in: &pair.atAlice), in: &pair.atBob)
        for _ in 0..<2 { _ = try pair.alice.send(text("lost"), in: &pair.atAlice) }
        _ = try pair.alice.open(try pair.bob.send(text("b"), in: &pair.atBob), in: &pair.atAlice)
        for _ in 0..<3 { _ = try pair.alice.send(text("lost too"), in: &pair.atAlice) }
        let envelope = try pair.alice.send(text("after a turn"), in: &pair.atAlice)
        let inside = try pair.bob.unseal(envelope)
        #expect(inside.message.header.number == 3 && inside.message.header.previousCount == 3)
        #expect(inside.message.header.ratchetKey != pair.atBob.ratchet.peerRatchetKey)
        try expectRefusals(envelope, pair.bob, pair.atBob, content: text("after a turn"))
    }

    /// A late message, whose key was kept.
    @Test func whereTheKeyWasKept() throws {
        var pair = try Pair(520)
        let late = try pair.alice.send(text("late"), in: &pair.atAlice)
        _ = try pair.bob.open(try pair.alice.send(text("early"), in: &pair.atAlice), in: &pair.atBob)
        #expect(pair.atBob.ratchet.skipped.count == 1)
        try expectRefusals(late, pair.bob, pair.atBob, content: text("late"))
    }

    /// The message that begins a session: there is none before, and none after a tampered one.
    @Test(arguments: [false, true])
    func beforeThereIsASession(oneTime: Bool) throws {
        let (alice, bob) = (try Person(530), try Person(531))
        var atAlice = try alice.initiate(with: bob, oneTime: oneTime)
        let envelope = try alice.send(text("first"), in: &atAlice)
        try expectRefusals(envelope, bob, nil, content: text("first"))
    }

    /// The second of two messages that begin a session: its initial part is known by then, and not looked at.
    @Test func aRepeatedInitialPart() throws {
        let (alice, bob) = (try Person(540), try Person(541))
        var atAlice = try alice.initiate(with: bob)
        let first = try alice.send(text("first"), in: &atAlice)
        let second = try alice.send(text("second"), in: &atAlice)
        var atBob = try bob.respond(to: try bob.unseal(first))
        _ = try bob.open(first, in: &atBob)
        let start = 2 + 16 + 32 + 132
        let initial = try #require(atAlice.initial)
        // All of it but the type of the base key and the flag of the one-time prekey, which must still be ones.
        let inside = try SealedBox.open(second.header, with: bob.keys.seal)
        let before = atBob
        for index in start..<(start + initial.encoded.count) {
            let resealed = try SealedBox.seal(inside.flipping(index), to: bob.keys.seal.publicKey)
            var copy: Session? = atBob
            let error = refusal { try open(resealed, second.body, bob, &copy) }
            let mustBe = index == start || index == start + 50
            #expect((error == nil) != mustBe, "byte \(index)")
            if mustBe { #expect(copy == before) }
        }
        #expect(try bob.open(second, in: &atBob).content == text("second"))
    }

    /// Header and body belong together.
    @Test func bodiesCannotBeExchanged() throws {
        var pair = try Pair(550)
        let envelopes = try (0..<4).map { try pair.alice.send(text("\($0)"), in: &pair.atAlice) }
        let before = pair.atBob
        for (index, envelope) in envelopes.enumerated() {
            for (other, body) in envelopes.enumerated() where other != index {
                let mixed = Envelope(header: envelope.header, body: body.body, id: envelope.id)
                #expect(
                    refusal { try pair.bob.open(mixed, in: &pair.atBob) } == .notAuthentic("the body of a message"))
                #expect(pair.atBob == before)
            }
        }
        for (index, envelope) in envelopes.enumerated() {
            #expect(try pair.bob.open(envelope, in: &pair.atBob).content == text("\(index)"))
        }
    }
}
