import SpeemCrypto
import Testing

@testable import SpeemIdentity

/// Keys of low order, to which nothing can be sealed and with which no secret can be shared.
struct WeakKeyTests {
    /// RFC 7748's points of low order, with one encoding of each above p, and the highest bit set.
    private static let weak: [[UInt8]] = {
        let ends = [UInt8](repeating: 0xff, count: 30)
        let eight: [UInt8] = [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09,
            0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
        ]
        let other: [UInt8] = [
            0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44,
            0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
        ]
        return [
            [UInt8](repeating: 0, count: 32), [1] + [UInt8](repeating: 0, count: 31), eight, other,
            [0xec] + ends + [0x7f],
            [0xed] + ends + [0x7f], [0xee] + ends + [0x7f], [0xed] + ends + [0xff],
            [UInt8](repeating: 0, count: 31) + [0x80],
        ]
    }()

    @Test(arguments: weak) func isKnownAsWeak(_ bytes: [UInt8]) throws {
        let key = try X25519.PublicKey(bytes)
        #expect(key.isWeak)
        #expect(throws: CryptoError.weakPublicKey) {
            try X25519.PrivateKey(random: random).sharedSecret(with: key)
        }
    }

    @Test func freshKeysAreNot() {
        for _ in 0..<100 { #expect(!X25519.PrivateKey(random: random).publicKey.isWeak) }
    }

    @Test(arguments: weak) func noRosterListsOne(_ bytes: [UInt8]) throws {
        let weak = try X25519.PublicKey(bytes)
        let account = AccountKey(random: random)
        let keys = DeviceKeys(random: random).entry
        let devices = [
            DeviceEntry(signing: keys.signing, identity: weak, seal: keys.seal, noise: keys.noise),
            DeviceEntry(signing: keys.signing, identity: keys.identity, seal: weak, noise: keys.noise),
            DeviceEntry(signing: keys.signing, identity: keys.identity, seal: keys.seal, noise: weak),
        ]
        for device in devices {
            let entry = try RosterEntry.genesis(account: account, devices: [device], nodes: [])
            #expect(throws: IdentityError.malformed("a key of a device entry")) {
                try Roster(verifying: [entry.encoded], account: account.publicKey)
            }
        }
        let entry = try RosterEntry.genesis(
            account: account, devices: [keys], nodes: [try NodeEntry(noise: weak, addresses: ["a:1"])])
        #expect(throws: IdentityError.malformed("a node's key")) {
            try Roster(verifying: [entry.encoded], account: account.publicKey)
        }
    }
}
