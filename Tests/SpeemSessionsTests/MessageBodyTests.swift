import Foundation
import SpeemCrypto
import Testing

@testable import SpeemSessions

@Suite struct MessageBodyTests {
    private let random = SeededRandomSource(300)

    private func body(_ content: [UInt8]) throws -> MessageBody { try MessageBody(sealing: content, random: random) }

    @Test(arguments: [0, 1, 2, 254, 255, 256, 257, 4_096, SessionLimits.contentLength])
    func opensToWhatWasSealed(length: Int) throws {
        var generator = SeededGenerator(UInt64(length))
        let content = generator.bytes(length)
        let body = try body(content)
        #expect(try MessageBody.open(body.ciphertext, key: body.key, id: body.id) == content)
        #expect(body.ciphertext.count <= MessageBody.maxLength)
    }

    @Test func contentThatLooksLikePaddingIsKept() throws {
        for content in [[0x80], [0], [0x80, 0, 0], [0, 0x80], [UInt8](repeating: 0, count: 300)] as [[UInt8]] {
            let body = try body(content)
            #expect(try MessageBody.open(body.ciphertext, key: body.key, id: body.id) == content)
        }
    }

    @Test func shortContentsLookTheSame() throws {
        let lengths = Set(try (0...255).map { try body([UInt8](repeating: 7, count: $0)).ciphertext.count })
        #expect(lengths == [256 + XChaCha20Poly1305.overhead])
        #expect(try body([UInt8](repeating: 7, count: 256)).ciphertext.count > 256 + XChaCha20Poly1305.overhead)
    }

    @Test func contentOverTheLimitIsRefused() throws {
        let limit = SessionLimits.contentLength
        let error = refusal { try body([UInt8](repeating: 0, count: limit + 1)) }
        #expect(error == .tooLong(limit + 1, limit: limit))
    }

    @Test func keyAndNonceAreFreshForEachBody() throws {
        let (one, other) = (try body(text("a")), try body(text("a")))
        #expect(one.key != other.key && one.id != other.id)
        #expect(one.ciphertext.prefix(24) != other.ciphertext.prefix(24))
    }

    @Test func everyByteCounts() throws {
        let body = try body(text("what was said"))
        for index in body.ciphertext.indices {
            let error = refusal { try MessageBody.open(body.ciphertext.flipping(index), key: body.key, id: body.id) }
            #expect(error == .notAuthentic("the body of a message"), "byte \(index) of the ciphertext")
        }
        for index in 0..<32 {
            let key = SecretBytes(body.key.exposedCopy().flipping(index))
            #expect(
                refusal { try MessageBody.open(body.ciphertext, key: key, id: body.id) }
                    == .notAuthentic("the body of a message"), "byte \(index) of the key")
            let id = try MessageID(body.id.bytes.flipping(index))
            #expect(
                refusal { try MessageBody.open(body.ciphertext, key: body.key, id: id) }
                    == .notAuthentic("the body of a message"), "byte \(index) of the id")
        }
    }

    @Test func everyOtherLengthIsRefused() throws {
        let body = try body(text("what was said"))
        for length in body.ciphertext.indices {
            let cut = Array(body.ciphertext[..<length])
            #expect(
                refusal { try MessageBody.open(cut, key: body.key, id: body.id) }
                    == .notAuthentic("the body of a message"))
            // Also under the id that the cut ciphertext has.
            let id = MessageID(key: body.key, ciphertext: cut)
            #expect(
                refusal { try MessageBody.open(cut, key: body.key, id: id) } == .notAuthentic("the body of a message"))
        }
        let long = [UInt8](repeating: 0, count: MessageBody.maxLength + 1)
        let id = MessageID(key: body.key, ciphertext: long)
        #expect(
            refusal { try MessageBody.open(long, key: body.key, id: id) } == .malformed("the body of a message"))
    }

    @Test func aBodyWithoutPaddingIsRefused() throws {
        let key = random.secret(32)
        let label = DomainSeparator("message body").bytes
        for plaintext in [[], [0], [1, 2, 3], [0x80, 1], [UInt8](repeating: 0, count: 256)] as [[UInt8]] {
            let ciphertext = XChaCha20Poly1305.seal(plaintext, key: key, associatedData: label, random: random)
            let id = MessageID(key: key, ciphertext: ciphertext)
            #expect(
                refusal { try MessageBody.open(ciphertext, key: key, id: id) }
                    == .notAuthentic("the body of a message"))
        }
    }

    @Test func aBoxThatIsNoBodyIsRefused() throws {
        let key = random.secret(32)
        let padded = Padme.pad(text("other"), minimum: SessionLimits.minimumBody)
        for label in [[], DomainSeparator("message id").bytes, text("speem/1 message body")] {
            let ciphertext = XChaCha20Poly1305.seal(padded, key: key, associatedData: label, random: random)
            let id = MessageID(key: key, ciphertext: ciphertext)
            #expect(
                refusal { try MessageBody.open(ciphertext, key: key, id: id) }
                    == .notAuthentic("the body of a message"))
        }
    }

    @Test func anIDHas32Bytes() throws {
        for count in [0, 1, 31, 33, 64] {
            #expect(refusal { try MessageID([UInt8](repeating: 0, count: count)) } == .malformed("a message id"))
        }
    }

    @Test func theIDIsAHashOverKeyAndCiphertext() throws {
        let body = try body(text("a"))
        let (key, count) = (body.key.exposedCopy(), UInt64(body.ciphertext.count))
        let hashed =
            text("speem/1 message id") + [0] + LittleEndian.bytes(32) + key + LittleEndian.bytes(count)
            + body.ciphertext
        #expect(body.id.bytes == BLAKE2b.hash(hashed))
    }
}

/// A ciphertext that was made to open under two keys (reference/two_bodies.py): only the id tells the bodies apart.
@Suite struct TwoBodiesTests {
    private struct Crafted: Decodable {
        struct Body: Decodable {
            let key: HexBytes
            let content: HexBytes
            let id: HexBytes
        }

        let ciphertext: HexBytes
        let bodies: [Body]
    }

    private let ciphertext: [UInt8]
    private let one: Crafted.Body
    private let other: Crafted.Body

    init() throws {
        let file = Reference.vectors.appending(path: "two-bodies.json")
        let crafted = try JSONDecoder().decode(Crafted.self, from: Data(contentsOf: file))
        try #require(crafted.bodies.count == 2)
        ciphertext = crafted.ciphertext.bytes
        (one, other) = (crafted.bodies[0], crafted.bodies[1])
    }

    @Test func theCipherTakesBothKeys() throws {
        let label = DomainSeparator("message body").bytes
        for body in [one, other] {
            let padded = try XChaCha20Poly1305.open(ciphertext, key: body.key.secret, associatedData: label)
            #expect(try Padme.unpad(padded) == body.content.bytes)
        }
        #expect(one.content != other.content)
        #expect(one.content.bytes.starts(with: text("Meet me at noon at the old mill.")))
        #expect(other.content.bytes.dropFirst(32).starts(with: text("Meet me at nine, and come alone.")))
    }

    @Test func theIDTakesOne() throws {
        for (body, wrong) in [(one, other), (other, one)] {
            let id = try MessageID(body.id.bytes)
            #expect(try MessageBody.open(ciphertext, key: body.key.secret, id: id) == body.content.bytes)
            #expect(
                refusal { try MessageBody.open(ciphertext, key: wrong.key.secret, id: id) }
                    == .notAuthentic("the body of a message"))
        }
    }

    /// Alice sends one envelope body to two devices and tells each another key: whoever does not get the id's key
    /// refuses, and nothing of the session has changed.
    @Test func twoRecipientsCannotBeToldTwoThingsUnderOneID() throws {
        var pair = try Pair(310)
        let (alice, bob) = (pair.alice, pair.bob)
        func keys(_ body: Crafted.Body) throws -> SecretBytes {
            messageKeys(
                key: body.key.secret, id: one.id.bytes, sender: alice.account, recipient: bob.account,
                heads: try alice.heads)
        }
        let header = try craft(try keys(other), in: &pair.atAlice, for: bob, random: alice.random)
        let before = pair.atBob
        #expect(
            refusal { try pair.atBob.open(header, body: ciphertext, local: bob.local, random: bob.random) }
                == .notAuthentic("the body of a message"))
        #expect(pair.atBob == before)
        let right = try craft(try keys(one), in: &pair.atAlice, for: bob, random: alice.random)
        let opened = try pair.atBob.open(right, body: ciphertext, local: bob.local, random: bob.random)
        #expect(opened.content == one.content.bytes && opened.id.bytes == one.id.bytes)
    }
}
