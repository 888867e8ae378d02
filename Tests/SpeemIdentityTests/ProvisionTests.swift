import SpeemCrypto
import Testing

@testable import SpeemIdentity

struct ProvisionTests {
    private let secret = SecretBytes([UInt8](0..<16))

    @Test func keysAreDerivedUnderLabelsOfTheirOwn() {
        let keys = ProvisionKeys(secret: secret)
        let all = [
            keys.invite.initiatorKey.secret, keys.invite.preSharedKey, keys.invite.grantPreSharedKey,
            keys.invite.requestKey, keys.node.secret, keys.discovery,
        ].map { Hex.encode($0.exposedCopy()) }
        #expect(Set(all).count == all.count)
        // HKDF-SHA-256 with the secret 00…0f and these labels, computed with Python's hmac: nobody changes one by accident.
        #expect(all[0] == "1cfc58426821099539cab347c3b9c723157f63904bd1d64e66904a76e57cd9c6")
        #expect(all[4] == "9cf87900b8f0f89cda4e59fc7f5ac10faeda283831b904a1bd1bcb7f9f0429c2")
        #expect(all[5] == "a3aa914bd946edac2b883821b135ec3a674f18e31b2e999db5a7489a20b83eec")
    }

    @Test func anotherSecretGivesOtherKeys() {
        let keys = ProvisionKeys(secret: secret)
        let other = ProvisionKeys(secret: SecretBytes([UInt8](1..<17)))
        #expect(other.node != keys.node)
        #expect(other.discovery != keys.discovery)
        #expect(other.invite.initiatorKey != keys.invite.initiatorKey)
    }

    @Test func theSecretStaysOutOfDescriptions() {
        let provision = Provision(account: AccountKey(random: random).publicKey, secret: secret, expires: 7)
        #expect(!"\(provision)".contains(Hex.encode(secret.exposedCopy())))
        #expect(provision.keys.node == ProvisionKeys(secret: secret).node)
    }
}
