import SpeemCrypto
import Testing

@testable import SpeemIdentity

struct ContactNameTests {
    @Test(arguments: [
        "alice", "Änne Müller", "мир", "世界", "o'brien-2", "🙂", "❤\u{fe0f}", String(repeating: "x", count: 64),
    ])
    func good(_ name: String) {
        #expect(ContactName.problem(name) == nil)
    }

    @Test(arguments: [
        "", " ", " a", "a ", "a\n", "a\u{1b}[2J", "a\u{9b}b", "a\u{202e}b", "a\u{200b}", "a\u{2028}", "a\u{a0}b",
        "\u{3164}",
        "a\u{115f}", "a\u{34f}b", "\u{fe0f}", "a\u{e000}", "a\tb", String(repeating: "x", count: 65),
    ])
    func bad(_ name: String) {
        #expect(ContactName.problem(name) != nil)
    }

    @Test(arguments: [
        ("Alice", "alice"), ("ALICE", "aliCe"), ("straße", "STRASSE"), ("ſam", "Sam"), ("ａｌｉｃｅ", "alice"),
        ("é", "e\u{301}"), ("❤\u{fe0f}", "❤"), ("a  b", "a b"), ("Ωmega", "ωMEGA"), ("\u{212a}im", "Kim"),
    ])
    func looksTheSame(_ one: String, _ other: String) {
        #expect(ContactName.folded(one) == ContactName.folded(other))
    }

    @Test func looksDifferent() {
        #expect(ContactName.folded("alice") != ContactName.folded("alice-2"))
        #expect(ContactName.folded("e") != ContactName.folded("é"))
    }

    /// A peer may claim what it likes: what breaks the rules does not come in.
    @Test(arguments: ["\u{202e}bob", "bob ", "bo\u{200b}b", "bob\u{7}"])
    func claimsAreChecked(_ name: String) throws {
        let (alice, bob) = (try Person(), try Person())
        let key = random.secret(32)
        let bytes = try ContactRequest(
            roster: alice.roster, inviterHead: bob.roster.head, reciprocalSecret: random.secret(16), name: name
        ).encode(requestKey: key, inviter: bob.account.publicKey, device: alice.device.entry.id)
        #expect(throws: IdentityError.malformed("a name")) {
            try ContactRequest.open(
                bytes, requestKeys: [key], inviter: bob.account.publicKey, newcomer: alice.account.publicKey,
                device: alice.device.entry.id)
        }
        #expect(throws: IdentityError.malformed("a name")) {
            try ContactAccept(ContactAccept(head: bob.roster.head, name: name).encoded)
        }
        #expect(try ContactAccept(ContactAccept(head: bob.roster.head, name: "").encoded).name == "")
    }
}
