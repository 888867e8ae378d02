import SpeemCrypto
import Testing

@testable import SpeemSessions

/// Two ends of a ratchet, the initiator's first.
struct RatchetPair {
    let random: SeededRandomSource
    var alice: DoubleRatchet
    var bob: DoubleRatchet
    let associatedData = text("who speaks with whom")

    init(_ seed: UInt64) throws {
        random = SeededRandomSource(seed)
        let secret = random.secret(32)
        let signedPrekey = X25519.PrivateKey(random: random)
        alice = try DoubleRatchet(initiator: secret, peer: signedPrekey.publicKey, random: random)
        bob = DoubleRatchet(responder: secret, signedPrekey: signedPrekey)
    }

    mutating func fromAlice(_ content: String) throws -> RatchetMessage {
        try alice.encrypt(SecretBytes(text(content)), associatedData: associatedData, random: random)
    }

    mutating func fromBob(_ content: String) throws -> RatchetMessage {
        try bob.encrypt(SecretBytes(text(content)), associatedData: associatedData, random: random)
    }

    mutating func toBob(_ message: RatchetMessage) throws -> String {
        let plaintext = try bob.decrypt(message, associatedData: associatedData, random: random)
        return String(decoding: plaintext.exposedCopy(), as: UTF8.self)
    }

    mutating func toAlice(_ message: RatchetMessage) throws -> String {
        let plaintext = try alice.decrypt(message, associatedData: associatedData, random: random)
        return String(decoding: plaintext.exposedCopy(), as: UTF8.self)
    }

    /// One message each way: both turn their ratchet.
    mutating func exchange() throws {
        #expect(try toBob(fromAlice("ping")) == "ping")
        #expect(try toAlice(fromBob("pong")) == "pong")
    }
}

extension RatchetMessage {
    /// The same ciphertext under another header.
    func with(ratchetKey: X25519.PublicKey? = nil, previousCount: UInt32? = nil, number: UInt32? = nil) -> Self {
        RatchetMessage(
            header: Header(
                ratchetKey: ratchetKey ?? header.ratchetKey, previousCount: previousCount ?? header.previousCount,
                number: number ?? header.number), ciphertext: ciphertext)
    }
}

@Suite struct DoubleRatchetTests {
    private var pair: RatchetPair

    init() throws {
        pair = try RatchetPair(11)
    }

    @Test mutating func aConversationInOrder() throws {
        for round in 0..<20 {
            for index in 0..<(round % 4 + 1) {
                let content = "alice \(round) \(index)"
                #expect(try pair.toBob(pair.fromAlice(content)) == content)
            }
            for index in 0..<(round % 3 + 1) {
                let content = "bob \(round) \(index)"
                #expect(try pair.toAlice(pair.fromBob(content)) == content)
            }
        }
        #expect(pair.alice.skipped.isEmpty && pair.bob.skipped.isEmpty)
    }

    @Test mutating func aResponderCannotSendFirst() throws {
        let before = pair.bob
        #expect(!pair.bob.canSend)
        #expect(refusal { try pair.fromBob("too early") } == .cannotSend)
        #expect(pair.bob == before)
        _ = try pair.toBob(pair.fromAlice("first"))
        #expect(pair.bob.canSend)
        #expect(try pair.toAlice(pair.fromBob("now")) == "now")
    }

    @Test mutating func headersCountAsTheSpecificationSays() throws {
        let first = try pair.fromAlice("0")
        let second = try pair.fromAlice("1")
        #expect(first.header.ratchetKey == second.header.ratchetKey)
        #expect([first, second].map(\.header.number) == [0, 1])
        #expect([first, second].map(\.header.previousCount) == [0, 0])
        _ = try pair.toBob(second)
        let answer = try pair.fromBob("2")
        #expect(answer.header.number == 0 && answer.header.previousCount == 0)
        _ = try pair.toAlice(answer)
        let next = try pair.fromAlice("3")
        #expect(next.header.ratchetKey != first.header.ratchetKey)
        #expect(next.header.number == 0 && next.header.previousCount == 2)
    }

    @Test mutating func eachTurnMakesNewKeys() throws {
        var roots: [SecretBytes] = []
        var ratchetKeys = Set<X25519.PublicKey>()
        for _ in 0..<10 {
            try pair.exchange()
            #expect(!roots.contains(pair.alice.rootKey))
            roots.append(pair.alice.rootKey)
            #expect(ratchetKeys.insert(pair.alice.ownRatchetKey.publicKey).inserted)
            #expect(ratchetKeys.insert(pair.bob.ownRatchetKey.publicKey).inserted)
            #expect(pair.bob.sending?.key == pair.alice.receiving?.key)
        }
    }

    @Test mutating func theSameStateNeverGivesTheSameCiphertext() throws {
        // A state that was rolled back encrypts another message under the same key: the nonce is random.
        let restored = pair.alice
        let first = try pair.fromAlice("same")
        pair.alice = restored
        let second = try pair.fromAlice("same")
        #expect(first.header == second.header)
        #expect(first.ciphertext.prefix(24) != second.ciphertext.prefix(24))
        #expect(first.ciphertext.dropFirst(24) != second.ciphertext.dropFirst(24))
    }

    @Test mutating func keysAreGoneOnceUsed() throws {
        let messages = try (0..<5).map { try pair.fromAlice("\($0)") }
        _ = try pair.toBob(messages[4])
        #expect(pair.bob.skipped.map(\.number) == [0, 1, 2, 3])
        _ = try pair.toBob(messages[2])
        #expect(pair.bob.skipped.map(\.number) == [0, 1, 3])
        for number in [3, 0, 1] { #expect(try pair.toBob(messages[number]) == "\(number)") }
        #expect(pair.bob.skipped.isEmpty)
    }

    // MARK: - Duplicates

    @Test mutating func duplicatesOfTheCurrentChain() throws {
        let messages = try (0..<3).map { try pair.fromAlice("\($0)") }
        for number in [0, 2, 1] { _ = try pair.toBob(messages[number]) }
        let before = pair.bob
        for message in messages { #expect(refusal { try pair.toBob(message) } == .duplicate) }
        #expect(pair.bob == before)
    }

    @Test mutating func duplicatesOfEarlierChains() throws {
        var sent: [RatchetMessage] = []
        for turn in 0...SessionLimits.rememberedRatchetKeys {
            sent.append(try pair.fromAlice("\(turn)"))
            _ = try pair.toBob(sent[turn])
            _ = try pair.toAlice(pair.fromBob("turn"))
        }
        let before = pair.bob
        // The current chain and all that are remembered.
        #expect(pair.bob.past.count == SessionLimits.rememberedRatchetKeys)
        for message in sent { #expect(refusal { try pair.toBob(message) } == .duplicate) }
        #expect(pair.bob == before)
        // One turn later the oldest is no longer known for a duplicate, and still refused.
        _ = try pair.toBob(pair.fromAlice("one more"))
        let after = pair.bob
        #expect(refusal { try pair.toBob(sent[0]) } == .notAuthentic("a message"))
        #expect(refusal { try pair.toBob(sent[1]) } == .duplicate)
        #expect(pair.bob == after)
    }

    @Test mutating func aSkippedMessageOfAForgottenChainIsStillRead() throws {
        let late = try pair.fromAlice("late")
        _ = try pair.toBob(pair.fromAlice("in time"))
        for _ in 0..<(SessionLimits.rememberedRatchetKeys + 4) {
            _ = try pair.toAlice(pair.fromBob("turn"))
            _ = try pair.toBob(pair.fromAlice("turn"))
        }
        #expect(try pair.toBob(late) == "late")
        #expect(refusal { try pair.toBob(late) } == .notAuthentic("a message"))
    }

    // MARK: - Limits

    @Test mutating func aStepSkipsUpToTheLimit() throws {
        let limit = SessionLimits.skippedPerStep
        let messages = try (0...(limit + 1)).map { try pair.fromAlice("\($0)") }
        let before = pair.bob
        #expect(refusal { try pair.toBob(messages[limit + 1]) } == .tooManySkipped(limit + 1, limit: limit))
        #expect(pair.bob == before)
        #expect(try pair.toBob(messages[limit]) == "\(limit)")
        #expect(pair.bob.skipped.count == limit)
        #expect(try pair.toBob(messages[limit + 1]) == "\(limit + 1)")
        #expect(try pair.toBob(messages[0]) == "0")
    }

    @Test mutating func theChainBeforeCountsAgainstTheLimitToo() throws {
        let limit = SessionLimits.skippedPerStep
        _ = try pair.toBob(pair.fromAlice("first"))
        for _ in 0..<limit { _ = try pair.fromAlice("lost") }
        _ = try pair.toAlice(pair.fromBob("turn"))
        let next = try pair.fromAlice("next")
        #expect(next.header.previousCount == UInt32(limit + 1))
        let before = pair.bob
        #expect(
            refusal { try pair.toBob(next.with(previousCount: UInt32(limit + 2))) }
                == .tooManySkipped(limit + 1, limit: limit))
        #expect(pair.bob == before)
        #expect(try pair.toBob(next) == "next")
        #expect(pair.bob.skipped.count == limit)
    }

    @Test mutating func inAllTheOldestKeysGoFirst() throws {
        let step = SessionLimits.skippedPerStep
        var sent: [RatchetMessage] = []
        for _ in 0..<3 {
            for _ in 0...step { sent.append(try pair.fromAlice("\(sent.count)")) }
            _ = try pair.toBob(sent[sent.count - 1])
        }
        // 3,000 were skipped and 2,000 are kept: the first thousand is gone.
        #expect(pair.bob.skipped.count == SessionLimits.skippedInAll)
        let before = pair.bob
        #expect(refusal { try pair.toBob(sent[0]) } == .keyGone)
        #expect(refusal { try pair.toBob(sent[step - 1]) } == .keyGone)
        // Received, and above the last key that was dropped.
        #expect(refusal { try pair.toBob(sent[step]) } == .duplicate)
        #expect(pair.bob == before)
        #expect(try pair.toBob(sent[step + 1]) == "\(step + 1)")
        #expect(refusal { try pair.toBob(sent[step + 1]) } == .duplicate)
        #expect(try pair.toBob(sent[2 * step]) == "\(2 * step)")
    }

    @Test mutating func keysDroppedFromAnEarlierChainAreRememberedAsGone() throws {
        let step = SessionLimits.skippedPerStep
        let old = try (0...10).map { try pair.fromAlice("old \($0)") }
        _ = try pair.toBob(old[10])
        _ = try pair.toAlice(pair.fromBob("turn"))
        var last: RatchetMessage?
        for _ in 0..<2 {
            for _ in 0...step { last = try pair.fromAlice("new") }
            _ = try pair.toBob(#require(last))
        }
        #expect(pair.bob.skipped.count == SessionLimits.skippedInAll)
        for number in 0..<10 { #expect(refusal { try pair.toBob(old[number]) } == .keyGone) }
        #expect(refusal { try pair.toBob(old[10]) } == .duplicate)
    }

    // MARK: - Counters at their end

    @Test mutating func aSendingChainEndsWithAnErrorNotATrap() throws {
        try pair.exchange()
        _ = try pair.toBob(pair.fromAlice("first"))
        pair.alice.sending?.next = .max - 1
        pair.bob.receiving?.next = .max - 1
        let last = try pair.fromAlice("last")
        #expect(last.header.number == UInt32.max - 1)
        let before = pair.alice
        #expect(refusal { try pair.fromAlice("one too many") } == .exhausted)
        #expect(pair.alice == before)
        // The next turn begins a new chain, and says how long the old one was.
        #expect(try pair.toBob(last) == "last")
        _ = try pair.toAlice(pair.fromBob("turn"))
        let next = try pair.fromAlice("next")
        #expect(next.header.previousCount == UInt32.max)
        #expect(next.header.number == 0)
        #expect(try pair.toBob(next) == "next")
    }

    @Test(arguments: [0, 1, 999, 1000, 1001, .max - 1001, .max - 1000, .max - 1, .max] as [UInt32])
    mutating func numbersAtTheirLimitsAreRefused(number: UInt32) throws {
        try pair.exchange()
        let sent = try pair.fromAlice("x")
        let message = RatchetMessage(header: sent.header, ciphertext: sent.ciphertext.flipping(30))
        let stranger = X25519.PrivateKey(random: pair.random).publicKey
        for next in [0, 1, 500, .max - 1001, .max - 1000, .max - 1, .max] as [UInt32] {
            pair.bob.receiving?.next = next
            let before = pair.bob
            for previous in [0, 1, 1000, .max - 1, .max] as [UInt32] {
                for key in [nil, stranger] {
                    let forged = message.with(ratchetKey: key, previousCount: previous, number: number)
                    #expect(refusal { try pair.toBob(forged) } != nil)
                    #expect(pair.bob == before)
                }
            }
        }
    }

    @Test mutating func aReceivingChainEndsWithAnErrorNotATrap() throws {
        try pair.exchange()
        let message = try pair.fromAlice("x")
        _ = try pair.toBob(message)
        pair.bob.receiving?.next = .max - 3
        #expect(refusal { try pair.toBob(message.with(number: .max)) } == .exhausted)
        #expect(refusal { try pair.toBob(message.with(number: .max - 1)) } == .notAuthentic("a message"))
        pair.bob.receiving?.next = .max
        #expect(refusal { try pair.toBob(message.with(number: .max)) } == .exhausted)
        #expect(refusal { try pair.toBob(message.with(number: .max - 1)) } == .duplicate)
    }

    // MARK: - Tampering

    @Test(arguments: ["current chain", "new chain", "skipped key", "first of all"])
    mutating func everyBitOfAMessageCounts(situation: String) throws {
        let message: RatchetMessage
        switch situation {
        case "current chain":
            try pair.exchange()
            _ = try pair.toBob(pair.fromAlice("before"))
            message = try pair.fromAlice("content")
        case "new chain":
            try pair.exchange()
            message = try pair.fromAlice("content")
        case "skipped key":
            try pair.exchange()
            message = try pair.fromAlice("content")
            _ = try pair.toBob(pair.fromAlice("after"))
        default: message = try pair.fromAlice("content")
        }
        let before = pair.bob
        let encoded = message.encoded
        for index in encoded.indices {
            for bit in 0..<8 {
                var reader = ByteReader(encoded.flipping(index, 1 << UInt8(bit)))
                let error = refusal { try pair.toBob(try RatchetMessage(&reader)) }
                // Counters can claim too large a gap or a number that was read; all else fails to authenticate.
                switch index {
                case 0: #expect(error == .malformed("a ratchet message"))
                case 33..<37: #expect(error?.isNotAuthentic == true || error?.isTooManySkipped == true)
                case 37..<41:
                    #expect(error?.isNotAuthentic == true || error?.isTooManySkipped == true || error == .duplicate)
                default: #expect(error == .notAuthentic("a message"), "byte \(index)")
                }
                #expect(pair.bob == before)
            }
        }
        #expect(try pair.toBob(message) == "content")
    }

    @Test mutating func otherAssociatedDataIsNotAuthentic() throws {
        let message = try pair.fromAlice("content")
        let before = pair.bob
        for associatedData in [[], text("who speaks with who"), text("who speaks with whom ")] {
            #expect(
                refusal { try pair.bob.decrypt(message, associatedData: associatedData, random: pair.random) }
                    == .notAuthentic("a message"))
        }
        #expect(pair.bob == before)
        #expect(try pair.toBob(message) == "content")
    }

    @Test mutating func shortCiphertextsAreNotAuthentic() throws {
        let message = try pair.fromAlice("content")
        for length in 0..<message.ciphertext.count {
            let cut = RatchetMessage(header: message.header, ciphertext: Array(message.ciphertext[..<length]))
            #expect(refusal { try pair.toBob(cut) } == .notAuthentic("a message"))
        }
    }

    @Test(arguments: weakKeys)
    mutating func weakRatchetKeysAreRefused(weak: X25519.PublicKey) throws {
        try pair.exchange()
        let message = try pair.fromAlice("content")
        let before = pair.bob
        #expect(refusal { try pair.toBob(message.with(ratchetKey: weak)) } == .malformed("a ratchet key"))
        #expect(pair.bob == before)
    }

    @Test mutating func nothingComesUnderTheSignedPrekey() throws {
        // An initiator knows the responder's signed prekey as its first ratchet key, and has no chain for it.
        let signedPrekey = try #require(pair.alice.peerRatchetKey)
        let message = try pair.fromAlice("to bob")
        let forged = message.with(ratchetKey: signedPrekey)
        #expect(refusal { try pair.toAlice(forged) } == .notAuthentic("a message"))
        try pair.exchange()
        #expect(refusal { try pair.toAlice(forged) } == .notAuthentic("a message"))
    }

    @Test mutating func aMessageThatIsReflectedIsRefused() throws {
        try pair.exchange()
        let message = try pair.fromAlice("content")
        let before = pair.alice
        #expect(refusal { try pair.toAlice(message) } == .notAuthentic("a message"))
        #expect(pair.alice == before)
    }

    @Test mutating func strangersDoNotUnderstandEachOther() throws {
        var other = try RatchetPair(12)
        try pair.exchange()
        try other.exchange()
        let message = try pair.fromAlice("content")
        #expect(refusal { try other.toBob(message) } == .notAuthentic("a message"))
    }
}

@Suite struct RatchetMessageTests {
    @Test func isReadBack() throws {
        var generator = SeededGenerator(1)
        let message = RatchetMessage(
            header: RatchetMessage.Header(
                ratchetKey: try X25519.PublicKey(generator.bytes(32)), previousCount: 0x0102_0304, number: 0x0a0b_0c0d),
            ciphertext: generator.bytes(50))
        #expect(message.header.encoded.count == 41)
        #expect(message.encoded[0] == 0x0c)
        #expect(Array(message.encoded[33..<41]) == [1, 2, 3, 4, 10, 11, 12, 13])
        var reader = ByteReader(message.encoded)
        #expect(try RatchetMessage(&reader) == message)
        #expect(reader.remaining == 0)
    }

    @Test func isRefusedWithoutAWholeHeader() throws {
        let header = RatchetMessage.Header(ratchetKey: weakKeys[0], previousCount: 0, number: 0).encoded
        for length in 0..<header.count {
            var reader = ByteReader(Array(header[..<length]))
            #expect(refusal { try RatchetMessage(&reader) } == .malformed("a ratchet message"))
        }
        var reader = ByteReader(header)
        #expect(try RatchetMessage(&reader).ciphertext == [])
    }
}
