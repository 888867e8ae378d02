import SpeemCrypto
import Testing

@testable import SpeemIdentity

struct InviteTests {
    private func invite(_ kind: Invite.Kind) throws -> Invite {
        let person = try Person()
        let inviter = Invite.Inviter(
            account: person.account.publicKey, head: person.roster.head, device: person.roster.devices[0].id)
        let purpose: Invite.Purpose =
            switch kind {
            case .claim: .claim
            case .link: .link(inviter)
            case .contact: .contact(inviter)
            }
        return Invite(
            purpose: purpose, expires: 1_800_000_000, node: person.node, secret: random.secret(Invite.secretLength))
    }

    @Test(arguments: [Invite.Kind.claim, .link, .contact])
    func comesBackAsItWas(kind: Invite.Kind) throws {
        let invite = try invite(kind)
        #expect(invite.text.hasPrefix("speem:"))
        for text in [
            invite.text, invite.qrText, " " + invite.text + "\n",
            String(invite.text.enumerated().flatMap { $0.offset % 40 == 39 ? [$0.element, "\n"] : [$0.element] }),
        ] { #expect(try Invite(text: text) == invite) }
        #expect(invite.purpose.kind == kind)
        // A QR code's alphanumeric mode has exactly these.
        #expect(invite.qrText.allSatisfy { $0.isNumber || ($0.isUppercase && $0.isASCII) || $0 == ":" })
    }

    @Test(arguments: [Invite.Kind.claim, .contact])
    func everyMistypedCharacterIsFound(kind: Invite.Kind) throws {
        let text = Array(try invite(kind).text)
        for index in text.indices {
            var wrong = text
            wrong[index] = text[index] == "a" ? "b" : "a"
            #expect(throws: Invite.TextError.self, "character \(index)") { _ = try Invite(text: String(wrong)) }
            #expect(throws: Invite.TextError.self, "cut at \(index)") { _ = try Invite(text: String(text[..<index])) }
        }
        #expect(throws: Invite.TextError.mistyped) { _ = try Invite(text: String(text) + "aa") }
    }

    @Test func whatIsNoInvite() {
        #expect(throws: Invite.TextError.notAnInvite) { _ = try Invite(text: "") }
        #expect(throws: Invite.TextError.notAnInvite) { _ = try Invite(text: "https://example.org") }
        #expect(throws: Invite.TextError.mistyped) { _ = try Invite(text: "speem:") }
        #expect(throws: Invite.TextError.tooLong(limit: 4096)) {
            _ = try Invite(text: "speem:" + String(repeating: "a", count: 5000))
        }
    }

    private func text(_ body: [UInt8]) -> String {
        let checksum = BLAKE2b.hash(domain: DomainSeparator("invite checksum"), body, length: 16)[..<4]
        return "speem:" + Base32.encode(body + checksum)
    }

    @Test func laterVersionsAndKindsAreToldApart() throws {
        #expect(throws: Invite.TextError.unknownVersion(2)) {
            _ = try Invite(text: text([2] + [UInt8](repeating: 0, count: 80)))
        }
        #expect(throws: Invite.TextError.unknownKind(9)) {
            _ = try Invite(text: text([1, 9] + [UInt8](repeating: 0, count: 80)))
        }
    }

    @Test(arguments: 0..<200)
    func garbageWithARightChecksumNeverTraps(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        let body =
            [1, UInt8.random(in: 1...3, using: &generator)]
            + generator.bytes(Int.random(in: 0...300, using: &generator))
        #expect((try? Invite(text: text(body))) == nil)
    }

    @Test func theSecretStaysOutOfDescriptions() throws {
        let invite = try invite(.contact)
        #expect(!"\(invite)".contains(Hex.encode(invite.secret.exposedCopy())))
    }

    @Test func keysAreDerivedUnderLabelsOfTheirOwn() throws {
        let keys = InviteKeys(secret: SecretBytes([UInt8](0..<16)))
        let all = [
            keys.initiatorKey.secret, keys.preSharedKey, keys.grantPreSharedKey, keys.requestKey,
        ].map { Hex.encode($0.exposedCopy()) }
        #expect(Set(all).count == 4)
        // HKDF-SHA-256 with the secret 00…0f and these labels, computed with Python's hmac: nobody changes one by accident.
        #expect(
            all == [
                "1cfc58426821099539cab347c3b9c723157f63904bd1d64e66904a76e57cd9c6",
                "7d51341323f9ac05a03cbe3857b1c5c82809cb9957569eeb5a9fd217b877b285",
                "70ce49f362e3e7af0be23126e58b28b985f42745c055dae8405880f355c559d1",
                "9779203561e423907a369e59505519b19c54f90b3e57d0346f4eb65bb6a8cf0c",
            ])
        let other = InviteKeys(secret: SecretBytes([UInt8](1..<17)))
        #expect(other.requestKey != keys.requestKey)
    }
}
