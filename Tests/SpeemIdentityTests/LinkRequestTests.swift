import SpeemCrypto
import Testing

@testable import SpeemIdentity

struct LinkRequestTests {
    private let key = random.secret(32)
    private let phone = DeviceKeys(random: random)
    private let initiator = X25519.PrivateKey(random: random).publicKey

    private func request(_ alice: Person, name: String = "phone") -> LinkRequest {
        LinkRequest(head: alice.roster.head, device: phone.entry, initiatorKey: initiator, name: name)
    }

    @Test func comesBackAsItWasAndTellsWhichInvite() throws {
        let alice = try Person()
        let bytes = try request(alice).encode(requestKey: key, account: alice.account.publicKey)
        let opened = try LinkRequest.open(
            bytes, requestKeys: [random.secret(32), key], account: alice.account.publicKey, device: phone.entry.id)
        #expect(opened.request == request(alice) && opened.invite == 1)
    }

    @Test func everyFlippedByteAndEveryCutIsRefused() throws {
        let alice = try Person()
        let bytes = try request(alice).encode(requestKey: key, account: alice.account.publicKey)
        for index in bytes.indices {
            var flipped = bytes
            flipped[index] ^= 1
            #expect(throws: IdentityError.notAuthentic("a link request"), "byte \(index)") {
                _ = try LinkRequest.open(
                    flipped, requestKeys: [key], account: alice.account.publicKey, device: phone.entry.id)
            }
            #expect(throws: IdentityError.self) {
                _ = try LinkRequest.open(
                    Array(bytes[..<index]), requestKeys: [key], account: alice.account.publicKey,
                    device: phone.entry.id)
            }
        }
    }

    /// The node, which relays it, can neither offer a device of its own nor use it for another account or session.
    @Test func isBoundToAccountInviteAndDevice() throws {
        let (alice, bob) = (try Person(), try Person())
        let bytes = try request(alice).encode(requestKey: key, account: alice.account.publicKey)
        func open(_ keys: [SecretBytes], _ account: AccountPublicKey, _ device: DeviceID) throws {
            _ = try LinkRequest.open(bytes, requestKeys: keys, account: account, device: device)
        }
        #expect(throws: IdentityError.self) { try open([random.secret(32)], alice.account.publicKey, phone.entry.id) }
        #expect(throws: IdentityError.self) { try open([], alice.account.publicKey, phone.entry.id) }
        #expect(throws: IdentityError.self) { try open([key], bob.account.publicKey, phone.entry.id) }
        #expect(throws: IdentityError.self) { try open([key], alice.account.publicKey, bob.device.entry.id) }
    }

    @Test func aLongNameIsRefused() throws {
        let alice = try Person()
        #expect(throws: IdentityError.self) {
            _ = try request(alice, name: String(repeating: "x", count: 65)).encode(
                requestKey: key, account: alice.account.publicKey)
        }
    }
}
