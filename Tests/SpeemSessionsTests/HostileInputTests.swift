import SpeemCrypto
import SpeemIdentity
import Testing
import TestTools

@testable import SpeemSessions

/// Thousands of inputs as an attacker could send them: garbage, and changes of what is valid. Each is refused with an
/// error of ours, or means exactly what its bytes say; none traps, none changes a state that was there before.
@Suite struct HostileInputTests {
    private static let rounds = 2_000

    /// Garbage and changed forms of `valid`, by turns.
    private func inputs(_ seed: UInt64, _ valid: [[UInt8]], limit: Int = 2_000, rounds: Int = Self.rounds) -> [[UInt8]]
    {
        var generator = SeededGenerator(seed)
        return (0..<rounds).map { round in
            if round % 4 == 0 { return Mutations.garbage(upTo: limit, using: &generator) }
            let original = valid.randomElement(using: &generator) ?? []
            return Mutations.mutate(original, using: &generator)
        }
    }

    @Test func initialParts() throws {
        let (alice, bob) = (try Person(700), try Person(701))
        let valid = try [(false, false), (false, true), (true, false), (true, true)].map {
            try #require(try alice.initiate(with: bob, lastResort: $0.0, oneTime: $0.1).initial).encoded
        }
        var taken = 0
        for input in inputs(1, valid) {
            var reader = ByteReader(input)
            do {
                let part = try InitialPart(&reader)
                #expect(part.encoded == Array(input[..<reader.offset]))
                taken += 1
            } catch {
                #expect(error == .malformed("the initial part of a message"))
            }
        }
        // The test would be worth little if nothing got past the first byte.
        #expect(taken > 100)
    }

    @Test func prekeys() throws {
        let bob = try Person(710)
        let device = bob.party.device
        let valid = [
            bob.signedPrekey.encoded, bob.oneTimePrekey.encoded, bob.kemPrekey(lastResort: false).encoded,
            bob.kemPrekey(lastResort: true).encoded,
        ]
        for input in inputs(2, valid) {
            // Signed prekeys are accepted as they are, and in no other form.
            let isOwn = valid.contains(input)
            #expect(((try? SignedPrekey(input, of: device)) != nil) == (isOwn && input == valid[0]))
            #expect(((try? KEMPrekey(input, of: device)) != nil) == (isOwn && (input == valid[2] || input == valid[3])))
            if let oneTime = try? OneTimePrekey(input) { #expect(oneTime.encoded == input) }
            for (signed, kem) in [(input, valid[2]), (valid[0], input)] where !isOwn {
                #expect(
                    refusal {
                        try PrekeyBundle(device: device, signed: signed, kem: kem, isLastResort: false, oneTime: nil)
                    } != nil)
            }
        }
    }

    /// Signed by their device, and malformed all the same: a contact may be hostile itself.
    @Test func prekeysThatAreSigned() throws {
        let bob = try Person(715)
        let device = bob.party.device
        let bodies = [bob.signedPrekey.encoded, bob.kemPrekey(lastResort: false).encoded].map { Array($0.dropLast(64)) }
        for input in inputs(3, bodies, rounds: 1_000) {
            let signed = input + bob.keys.signing.sign(input, domain: SignedPrekey.domain)
            if let prekey = try? SignedPrekey(signed, of: device) { #expect(prekey.encoded == signed) }
            let kem = input + bob.keys.signing.sign(input, domain: KEMPrekey.domain)
            if let prekey = try? KEMPrekey(kem, of: device) {
                #expect(prekey.encoded == kem)
                // A key that was taken can be used.
                _ = try prekey.key.encapsulate()
            }
        }
    }

    /// As anybody can send them who knows the device's seal key.
    @Test func sealedHeaders() throws {
        let (alice, bob) = (try Person(720), try Person(721))
        var pair = try Pair(722)
        var begun = try alice.initiate(with: bob)
        let first = try SealedBox.open(try alice.send(text("x"), in: &begun).header, with: bob.keys.seal)
        let ongoing = try SealedBox.open(
            try pair.alice.send(text("x"), in: &pair.atAlice).header, with: pair.bob.keys.seal)
        let body = try MessageBody(sealing: text("x"), random: alice.random).ciphertext
        let before = pair.atBob
        var parsed = 0
        for input in inputs(4, [first, ongoing], limit: 3_000) {
            let header: IncomingHeader
            do { header = try bob.unseal(inside: input) } catch {
                #expect(error is SessionError, "\(error)")
                continue
            }
            parsed += 1
            // The body belongs to none of them, so nothing can be opened.
            if case .initial(let initial, _) = header.kind {
                #expect(
                    refusal {
                        var session = try Session.respond(
                            local: bob.local, to: header, prekeys: bob.prekeys(for: initial))
                        _ = try session.open(header, body: body, local: bob.local, random: bob.random)
                    } != nil)
            }
            #expect(
                refusal {
                    try pair.atBob.open(header, body: body, local: pair.bob.local, random: pair.bob.random)
                } != nil)
            #expect(pair.atBob == before)
        }
        #expect(parsed > 100)
        // And the seal itself.
        let sealed = try pair.alice.send(text("x"), in: &pair.atAlice).header
        for input in inputs(5, [sealed], limit: 5_000) where input != sealed {
            #expect(refusal { try IncomingHeader(unsealing: input, with: pair.bob.keys.seal) } != nil)
        }
    }

    /// As a peer can send them that holds the session.
    @Test func ratchetMessages() throws {
        var pair = try Pair(730)
        for _ in 0..<5 { _ = try pair.alice.send(text("lost"), in: &pair.atAlice) }
        let valid = try (0..<4).map { _ in
            try pair.bob.unseal(try pair.alice.send(text("x"), in: &pair.atAlice)).message.encoded
        }
        for input in inputs(6, valid) {
            var reader = ByteReader(input)
            guard let message = try? RatchetMessage(&reader) else { continue }
            #expect(message.encoded == input)
            let before = pair.atBob
            do {
                _ = try pair.atBob.decrypt(message, random: pair.bob.random)
                #expect(valid.contains(input))
                pair.atBob = before
            } catch {
                #expect(pair.atBob == before)
            }
        }
    }

    @Test func whatTheRatchetCarries() throws {
        var pair = try Pair(740)
        let body = try MessageBody(sealing: text("x"), random: pair.alice.random)
        let valid = MessageKeys(
            body: body, sender: pair.alice.account, recipient: pair.bob.account, heads: try pair.alice.heads
        ).encoded.exposedCopy()
        var opened = 0
        for input in inputs(7, [valid], limit: 300) {
            if let keys = try? MessageKeys(SecretBytes(input)) { #expect(keys.encoded == SecretBytes(input)) }
            let sender = pair.atAlice
            let header = try craft(SecretBytes(input), in: &pair.atAlice, for: pair.bob, random: pair.alice.random)
            let before = pair.atBob
            do {
                let message = try pair.atBob.open(
                    header, body: body.ciphertext, local: pair.bob.local, random: pair.bob.random)
                #expect(message.content == text("x") && message.id == body.id)
                // Only the heads can be others: they are the sender's to say.
                #expect(input[..<129] == valid[..<129])
                opened += 1
            } catch {
                #expect(pair.atBob == before)
                pair.atAlice = sender
            }
        }
        #expect(opened > 0)
    }

    @Test func bodies() throws {
        let random = SeededRandomSource(750)
        let body = try MessageBody(sealing: text("what was said"), random: random)
        let label = DomainSeparator("message body").bytes
        let padded = Padme.pad(text("what was said"), minimum: SessionLimits.minimumBody)
        for input in inputs(8, [body.ciphertext, padded], limit: 1_000) {
            if input != body.ciphertext {
                #expect(refusal { try MessageBody.open(input, key: body.key, id: body.id) } != nil)
            }
            // Sealed under the right key and named right: only the padding can be wrong.
            let sealed = XChaCha20Poly1305.seal(input, key: body.key, associatedData: label, random: random)
            let id = MessageID(key: body.key, ciphertext: sealed)
            if let content = try? MessageBody.open(sealed, key: body.key, id: id) {
                #expect(input.starts(with: content + [0x80]))
            }
        }
    }

    @Test func storedSessions() throws {
        let valid = try SessionEncodingTests.State.allCases.map {
            try SessionEncodingTests.session($0).encoded.exposedCopy()
        }
        var read = 0
        for input in inputs(9, valid, limit: 4_000) {
            do throws(SessionError) {
                var session = try Session(encoded: SecretBytes(input))
                #expect(session.encoded == SecretBytes(input))
                // Whatever was read can be used without a trap.
                let body = try MessageBody(sealing: text("x"), random: SystemRandomSource())
                let keys = SecretBytes(body.id.bytes)
                _ = try? session.encrypt(keys, random: SystemRandomSource())
                read += 1
            } catch {
                #expect(error.isMalformed || input.first != 1)
            }
        }
        #expect(read > 100)
    }
}
