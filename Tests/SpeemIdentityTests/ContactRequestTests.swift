import SpeemCrypto
import Testing

@testable import SpeemIdentity

struct ContactRequestTests {
    private let key = random.secret(32)

    private func made(_ alice: Person, _ bob: Person, name: String = "alice") throws -> (
        request: ContactRequest, bytes: [UInt8]
    ) {
        let request = ContactRequest(
            roster: alice.roster, inviterHead: bob.roster.head, reciprocalSecret: random.secret(16), name: name)
        return (
            request,
            try request.encode(
                requestKey: key, inviter: bob.account.publicKey, device: alice.device.entry.id)
        )
    }

    private func open(
        _ bytes: [UInt8], keys: [SecretBytes]? = nil, inviter: Person, newcomer: Person, device: DeviceID? = nil
    ) throws -> (request: ContactRequest, invite: Int) {
        try ContactRequest.open(
            bytes, requestKeys: keys ?? [key], inviter: inviter.account.publicKey,
            newcomer: newcomer.account.publicKey, device: device ?? newcomer.device.entry.id)
    }

    @Test func comesBackAsItWasAndTellsWhichInvite() throws {
        let (alice, bob) = (try Person(), try Person())
        let (request, bytes) = try made(alice, bob)
        let keys = [random.secret(32), random.secret(32), key, random.secret(32)]
        let opened = try open(bytes, keys: keys, inviter: bob, newcomer: alice)
        #expect(opened.request == request && opened.invite == 2)
        #expect(opened.request.name == "alice")
    }

    @Test func everyFlippedByteIsRefused() throws {
        let (alice, bob) = (try Person(), try Person())
        let bytes = try made(alice, bob).bytes
        for index in bytes.indices {
            var flipped = bytes
            flipped[index] ^= 1
            #expect(throws: IdentityError.notAuthentic("a contact request"), "byte \(index)") {
                _ = try open(flipped, inviter: bob, newcomer: alice)
            }
        }
        for count in 0..<bytes.count {
            #expect(throws: IdentityError.self) { _ = try open(Array(bytes[..<count]), inviter: bob, newcomer: alice) }
        }
    }

    @Test func isBoundToEverybodyInIt() throws {
        let (alice, bob, carol) = (try Person(), try Person(), try Person())
        let bytes = try made(alice, bob).bytes
        #expect(throws: IdentityError.self) { _ = try open(bytes, inviter: carol, newcomer: alice) }
        #expect(throws: IdentityError.self) { _ = try open(bytes, inviter: bob, newcomer: carol) }
        #expect(throws: IdentityError.self) {
            _ = try open(bytes, inviter: bob, newcomer: alice, device: carol.device.entry.id)
        }
        #expect(throws: IdentityError.self) { _ = try open(bytes, keys: [], inviter: bob, newcomer: alice) }
        #expect(throws: IdentityError.self) {
            _ = try open(bytes, keys: [random.secret(32)], inviter: bob, newcomer: alice)
        }
    }

    /// The node cannot forge a request; a contact that holds the key cannot name a device that it has not.
    @Test func theDeviceMustBeInTheRoster() throws {
        let (alice, bob) = (try Person(), try Person())
        let stranger = DeviceKeys(random: random).entry.id
        let request = ContactRequest(
            roster: alice.roster, inviterHead: bob.roster.head, reciprocalSecret: random.secret(16), name: "")
        let bytes = try request.encode(requestKey: key, inviter: bob.account.publicKey, device: stranger)
        #expect(throws: IdentityError.notAuthentic("a contact request's device")) {
            _ = try open(bytes, inviter: bob, newcomer: alice, device: stranger)
        }
    }

    @Test func names() throws {
        let (alice, bob) = (try Person(), try Person())
        #expect(throws: IdentityError.self) { _ = try made(alice, bob, name: String(repeating: "x", count: 65)) }
        let bytes = try made(alice, bob, name: String(repeating: "ü", count: 32)).bytes
        #expect(try open(bytes, inviter: bob, newcomer: alice).request.name.count == 32)
    }

    @Test func acceptances() throws {
        let bob = try Person()
        let accept = ContactAccept(head: bob.roster.head, name: "bob")
        #expect(try ContactAccept(accept.encoded) == accept)
        for count in accept.encoded.indices {
            #expect(throws: IdentityError.self) { _ = try ContactAccept(Array(accept.encoded[..<count])) }
        }
        #expect(throws: IdentityError.self) { _ = try ContactAccept(accept.encoded + [0]) }
        var later = accept.encoded
        later[0] = 7
        #expect(throws: IdentityError.unknownVersion("a contact acceptance", 7)) { _ = try ContactAccept(later) }
    }
}

struct SafetyNumberTests {
    @Test func bothSeeTheSame() throws {
        let (one, other) = (try Person().account.publicKey, try Person().account.publicKey)
        let number = SafetyNumber(one, other)
        #expect(number == SafetyNumber(other, one))
        #expect(number.digits.count == 60 && number.digits.allSatisfy(\.isNumber))
        #expect(number != SafetyNumber(one, one))
        let lines = number.description.split(separator: "\n")
        #expect(lines.count == 3 && lines.allSatisfy { $0.count == 23 })
        #expect(number.description.filter(\.isNumber) == number.digits)
    }

    /// Computed with Python's hashlib.blake2b as docs/PROTOCOL.md, section 2, says.
    @Test func aKnownNumber() throws {
        let one = try AccountPublicKey([UInt8](repeating: 1, count: 32))
        let other = try AccountPublicKey([UInt8](repeating: 2, count: 32))
        #expect(SafetyNumber(one, other).digits == "900057306658086394981262502668950678739451697923450962942252")
    }
}
