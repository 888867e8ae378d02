import SpeemCrypto
import SpeemIdentity
import Testing

@testable import SpeemSessions

@Suite struct SealedMessageTests {
    private var pair: Pair

    init() throws {
        pair = try Pair(400)
    }

    // MARK: What is inside

    @Test mutating func contentHeadsAndAccountsArrive() throws {
        for round in 0..<3 {
            let envelope = try pair.alice.send(text("round \(round)"), in: &pair.atAlice)
            let opened = try pair.bob.open(envelope, in: &pair.atBob)
            #expect(opened.content == text("round \(round)"))
            #expect(opened.id == envelope.id)
            #expect(opened.sender == pair.alice.account)
            #expect(opened.heads == (try pair.alice.heads))
            let answer = try pair.bob.send(text("answer"), in: &pair.atBob)
            let read = try pair.alice.open(answer, in: &pair.atAlice)
            #expect(read.sender == pair.bob.account)
            #expect(read.heads == (try pair.bob.heads))
        }
    }

    @Test func theFirstMessagesTellHowToAnswer() throws {
        let (alice, bob) = (try Person(410), try Person(411))
        var atAlice = try alice.initiate(with: bob)
        let (one, two) = (try alice.send(text("1"), in: &atAlice), try alice.send(text("2"), in: &atAlice))
        for envelope in [one, two] {
            guard case .initial(let initial, let sender) = try bob.unseal(envelope).kind else {
                Issue.record("not an initial message")
                return
            }
            #expect(sender == alice.party)
            #expect(initial == atAlice.initial)
            #expect(envelope.header.count <= SessionLimits.sealedHeaderLength)
        }
        var atBob = try bob.respond(to: try bob.unseal(two))
        _ = try bob.open(two, in: &atBob)
        _ = try alice.open(try bob.send(text("3"), in: &atBob), in: &atAlice)
        let later = try bob.unseal(try alice.send(text("4"), in: &atAlice))
        #expect(later.kind == .ongoing)
        _ = try bob.open(one, in: &atBob)
    }

    @Test mutating func aResponderSealsNothingBeforeItHasReceived() throws {
        let (alice, bob) = (try Person(420), try Person(421))
        var atAlice = try alice.initiate(with: bob)
        var atBob = try bob.respond(to: try bob.unseal(try alice.send(text("1"), in: &atAlice)))
        let before = atBob
        #expect(refusal { try bob.send(text("too early"), in: &atBob) } == .cannotSend)
        #expect(atBob == before)
    }

    @Test(arguments: weakKeys)
    func aWeakSealKeyChangesNoState(weak: X25519.PublicKey) throws {
        var pair = try Pair(430)
        let device = pair.bob.party.device
        let peer = SessionParty(
            account: pair.bob.account,
            device: DeviceEntry(
                signing: device.signing, identity: device.identity, seal: weak, noise: device.noise))
        pair.atAlice = Session(
            id: pair.atAlice.id, peer: peer, associatedData: pair.atAlice.associatedData, ratchet: pair.atAlice.ratchet,
            initial: nil)
        let before = pair.atAlice
        #expect(refusal { try pair.alice.send(text("x"), in: &pair.atAlice) } == .malformed("the peer's seal key"))
        #expect(pair.atAlice == before)
    }

    // MARK: The outer seal

    @Test func theSealHidesEverything() throws {
        var pair = pair
        let envelope = try pair.alice.send(text("a secret"), in: &pair.atAlice)
        let again = try pair.alice.send(text("a secret"), in: &pair.atAlice)
        // Nothing that a node could sort by: not the session, not the sender, not a ratchet key.
        for hidden in [pair.atAlice.id, pair.alice.account.bytes, pair.atAlice.ratchet.ownRatchetKey.publicKey.bytes] {
            #expect(!envelope.header.contains(hidden))
        }
        #expect(envelope.header.prefix(32) != again.header.prefix(32))
        #expect(envelope.header.count == again.header.count)
    }

    @Test func onlyItsDeviceOpensIt() throws {
        var pair = pair
        let envelope = try pair.alice.send(text("x"), in: &pair.atAlice)
        for key in [pair.alice.keys.seal, pair.bob.keys.identity, pair.bob.keys.noise, try Person(440).keys.seal] {
            #expect(
                refusal { try IncomingHeader(unsealing: envelope.header, with: key) }
                    == .notAuthentic("the outer seal"))
        }
    }

    @Test func aSealOfAnotherLengthIsRefused() throws {
        var pair = pair
        let header = try pair.alice.send(text("x"), in: &pair.atAlice).header
        let key = pair.bob.keys.seal
        for length in header.indices {
            #expect(
                refusal { try IncomingHeader(unsealing: Array(header[..<length]), with: key) }
                    == .notAuthentic("the outer seal"))
        }
        #expect(refusal { try IncomingHeader(unsealing: header + [0], with: key) } == .notAuthentic("the outer seal"))
        let limit = SessionLimits.sealedHeaderLength
        #expect(
            refusal { try IncomingHeader(unsealing: [UInt8](repeating: 0, count: limit), with: key) }
                == .notAuthentic("the outer seal"))
        #expect(
            refusal { try IncomingHeader(unsealing: [UInt8](repeating: 0, count: limit + 1), with: key) }
                == .malformed("a sealed header"))
    }

    @Test func whatIsInsideASealMustBeAHeader() throws {
        var pair = pair
        let bob = pair.bob
        let inside = try SealedBox.open(
            try pair.alice.send(text("x"), in: &pair.atAlice).header, with: bob.keys.seal)
        func unseal(_ bytes: [UInt8]) throws -> IncomingHeader {
            try IncomingHeader(unsealing: SealedBox.seal(bytes, to: bob.keys.seal.publicKey), with: bob.keys.seal)
        }
        #expect(try unseal(inside).sessionID == pair.atAlice.id)
        // Up to the end of the ratchet header; what follows is the ciphertext, of whatever length.
        for length in 0..<(2 + 16 + 41) {
            #expect(refusal { try unseal(Array(inside[..<length])) }?.isMalformed == true, "\(length) bytes")
        }
        for version in UInt8.min...UInt8.max where version != 1 {
            #expect(
                refusal { try unseal([version] + inside.dropFirst()) } == .unknownVersion("a sealed header", version))
        }
        for kind in UInt8(1)...UInt8.max {
            #expect(refusal { try unseal([1, kind] + inside.dropFirst(2)) }?.isMalformed == true, "kind \(kind)")
        }
    }

    // MARK: Accounts and heads

    private func keys(
        sender: AccountPublicKey? = nil, recipient: AccountPublicKey? = nil, body: MessageBody
    ) throws -> MessageKeys {
        MessageKeys(
            body: body, sender: sender ?? pair.alice.account, recipient: recipient ?? pair.bob.account,
            heads: try pair.alice.heads)
    }

    @Test mutating func theAccountsInsideMustBeTheSessions() throws {
        let carol = try Person(450)
        let body = try MessageBody(sealing: text("x"), random: pair.alice.random)
        for keys in [
            try keys(sender: carol.account, body: body), try keys(recipient: carol.account, body: body),
            try keys(sender: pair.bob.account, recipient: pair.alice.account, body: body),
            try keys(sender: pair.bob.account, body: body), try keys(recipient: pair.alice.account, body: body),
        ] {
            let header = try craft(
                keys.encoded, in: &pair.atAlice, for: pair.bob, random: pair.alice.random)
            let before = pair.atBob
            #expect(
                refusal {
                    try pair.atBob.open(header, body: body.ciphertext, local: pair.bob.local, random: pair.bob.random)
                } == .wrongRecipient)
            #expect(pair.atBob == before)
        }
        let right = try craft(
            try keys(body: body).encoded, in: &pair.atAlice, for: pair.bob, random: pair.alice.random)
        let opened = try pair.atBob.open(
            right, body: body.ciphertext, local: pair.bob.local, random: pair.bob.random)
        #expect(opened.content == text("x"))
    }

    @Test mutating func keysOfAnotherShapeAreRefused() throws {
        let body = try MessageBody(sealing: text("x"), random: pair.alice.random)
        let encoded = try keys(body: body).encoded
        #expect(encoded.count == 193)
        let bytes = encoded.exposedCopy()
        let shapes =
            (0..<193).map { (Array(bytes[..<$0]), SessionError.malformed("a message")) }
            + [(bytes + [0], .malformed("a message"))]
            + [0, 2, 255].map { ([$0] + bytes.dropFirst(), .unknownVersion("a message", $0)) }
        for (shape, expected) in shapes {
            #expect(refusal { try MessageKeys(SecretBytes(shape)) } == expected)
        }
        // The same over a session: a sender that holds one cannot change the recipient's state with it.
        for (shape, expected) in shapes where shape.count > 150 {
            let header = try craft(
                SecretBytes(shape), in: &pair.atAlice, for: pair.bob, random: pair.alice.random)
            let before = pair.atBob
            #expect(
                refusal {
                    try pair.atBob.open(header, body: body.ciphertext, local: pair.bob.local, random: pair.bob.random)
                } == expected)
            #expect(pair.atBob == before)
        }
        #expect(try MessageKeys(encoded) == (try keys(body: body)))
    }

    @Test mutating func aMessageOfAnotherSessionIsRefused() throws {
        let envelope = try pair.alice.send(text("x"), in: &pair.atAlice)
        var other = try Pair(460)
        let header = try pair.bob.unseal(envelope)
        let before = other.atBob
        #expect(
            refusal {
                try other.atBob.open(header, body: envelope.body, local: other.bob.local, random: other.bob.random)
            } == .wrongRecipient)
        #expect(other.atBob == before)
    }

    @Test func aRepeatedInitialPartMustNameTheSamePeer() throws {
        let (alice, bob, mallory) = (try Person(470), try Person(471), try Person(472))
        var atAlice = try alice.initiate(with: bob)
        let first = try bob.unseal(try alice.send(text("1"), in: &atAlice))
        let second = try alice.send(text("2"), in: &atAlice)
        var atBob = try bob.respond(to: first)
        let header = try bob.unseal(second)
        guard case .initial(let initial, _) = header.kind else { throw SessionError.malformed("a test") }
        let before = atBob
        for claim in [
            mallory.party, SessionParty(account: mallory.account, device: alice.party.device),
            SessionParty(account: alice.account, device: mallory.party.device),
        ] {
            let forged = try bob.unseal(
                inside: [1, 1] + header.sessionID + claim.account.bytes + claim.device.encoded + initial.encoded
                    + header.message.encoded)
            #expect(
                refusal { try atBob.open(forged, body: second.body, local: bob.local, random: bob.random) }
                    == .notAuthentic("the sender of a message"))
            #expect(atBob == before)
        }
        #expect(try bob.open(second, in: &atBob).content == text("2"))
    }
}
