import SpeemCrypto
import SpeemIdentity
import Testing

@testable import SpeemSessions

/// The conversations that reference/vectors.py wrote down: what Swift derives, seals and opens is the same to the byte.
@Suite struct VectorTests {
    static let names = ["one-time.json", "last-resort.json", "mixed.json", "out-of-order.json"]

    @Test(arguments: names)
    func bothSidesDeriveWhatIsWritten(name: String) throws {
        let vector = try Vector.load(name)
        let written = vector.agreement
        let (alice, bob) = (try vector.alice.local, try vector.bob.local)
        let bundle = try vector.prekeys.bundle(of: bob.party.device)
        let ciphertext = Array(written.initial.bytes.suffix(MLKEM.ciphertextLength))
        let (atAlice, initial) = try PQXDH.initiate(
            local: alice, peer: bob.party, bundle: bundle, base: X25519.PrivateKey(written.baseSecret.secret),
            encapsulated: (ciphertext, written.kemSecret.secret))
        #expect(initial.encoded == written.initial.bytes)
        var reader = ByteReader(written.initial.bytes)
        #expect(try InitialPart(&reader) == initial)
        let prekeys = try vector.prekeys.privateHalves
        #expect(prekeys.signed.publicKey == bundle.signed.key)
        #expect(prekeys.kem.publicKey == bundle.kem.key)
        #expect(prekeys.oneTime?.publicKey == bundle.oneTime?.key)
        #expect(try prekeys.kem.decapsulate(ciphertext) == written.kemSecret.secret)
        let atBob = try PQXDH.respond(local: bob, peer: alice.party, initial: initial, prekeys: prekeys)
        for agreement in [atAlice, atBob] {
            #expect(agreement.sharedSecret == written.sharedSecret.secret)
            #expect(agreement.associatedData == written.associatedData.bytes)
            #expect(agreement.sessionID == written.sessionId.bytes)
        }
    }

    /// Alice's session with the ratchet key that is written, and Bob before he has heard of it.
    private func begin(_ vector: Vector) throws -> Conversation {
        let (alice, bob) = (try vector.alice.local, try vector.bob.local)
        var reader = ByteReader(vector.agreement.initial.bytes)
        let bundle = try vector.prekeys.bundle(of: bob.party.device)
        let session = Session(
            id: vector.agreement.sessionId.bytes, peer: bob.party,
            associatedData: vector.agreement.associatedData.bytes,
            ratchet: try DoubleRatchet(
                initiator: vector.agreement.sharedSecret.secret, peer: bundle.signed.key,
                random: ScriptedRandomSource(vector.agreement.ratchetSecret.bytes)),
            initial: try InitialPart(&reader))
        return Conversation(
            alice: ConversationSide(local: alice, session: session, prekeys: nil),
            bob: ConversationSide(local: bob, session: nil, prekeys: try vector.prekeys.privateHalves))
    }

    @Test(arguments: names)
    func everyStepIsAsWritten(name: String) throws {
        let vector = try Vector.load(name)
        var conversation = try begin(vector)
        var results: [String: Int] = [:]
        for (index, event) in vector.events.enumerated() {
            switch event {
            case .send(let written): try send(written, in: &conversation, at: index)
            case .deliver(let written):
                try deliver(written, in: &conversation, at: index)
                results[written.result, default: 0] += 1
            }
        }
        // No vector is empty, and the long one has every kind of end.
        #expect(results["opened", default: 0] > 5 && results["duplicate", default: 0] >= 2)
        if name == "out-of-order.json" { #expect(results["notAuthentic", default: 0] > 0) }
    }

    private func send(_ written: Vector.Send, in conversation: inout Conversation, at index: Int) throws {
        #expect(written.send == conversation.count)
        let ratchetRandom = ScriptedRandomSource(written.random.bytes)
        let nonce = written.body.bytes.prefix(XChaCha20Poly1305.nonceLength)
        let (body, header) = try conversation.send(
            written.content.bytes, from: written.from, heads: MessageHeads(written.heads),
            bodyRandom: ScriptedRandomSource(written.key.bytes + nonce), ratchetRandom: ratchetRandom)
        #expect(ratchetRandom.remaining == 0)
        #expect(body.ciphertext == written.body.bytes, "event \(index)")
        #expect(body.id.bytes == written.id.bytes, "event \(index)")
        // The seal's ephemeral key is nobody's to know: what is inside must be the same.
        let seal = try conversation.side(written.from.other).local.keys.seal
        let inside = try SealedBox.open(header, with: seal)
        #expect(inside == (try SealedBox.open(written.header.bytes, with: seal)), "event \(index)")
        #expect(Array(inside.suffix(written.ratchetMessage.bytes.count)) == written.ratchetMessage.bytes)
        conversation.keep(written)
    }

    private func deliver(_ written: Vector.Deliver, in conversation: inout Conversation, at index: Int) throws {
        let random = ScriptedRandomSource(written.random.bytes)
        let (result, opened) = try conversation.deliver(written.deliver, random: random)
        #expect(result == written.result, "event \(index)")
        #expect(random.remaining == 0, "event \(index)")
        let sent = conversation.sent[written.deliver]
        if let opened {
            #expect(opened.content == sent.content.bytes && opened.id.bytes == sent.id.bytes, "event \(index)")
            #expect(opened.heads == (try MessageHeads(sent.heads)), "event \(index)")
            #expect(opened.sender == (try conversation.side(sent.from).local.account), "event \(index)")
        }
        let session = try #require(try conversation.side(sent.from.other).session)
        #expect(session.ratchet.rootKey == written.rootKey.secret, "event \(index)")
        #expect(session.ratchet.skipped.count == written.skipped, "event \(index)")
    }
}
