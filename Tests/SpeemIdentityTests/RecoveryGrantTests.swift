import SpeemCrypto
import Testing

@testable import SpeemIdentity

struct RecoveryGrantTests {
    @Test func theWordsAloneDeriveIt() throws {
        let account = AccountKey(random: random)
        let again = try AccountKey(words: account.words.words.joined(separator: " "))
        #expect(account.recoveryGrant.initiatorKey.publicKey == again.recoveryGrant.initiatorKey.publicKey)
        #expect(account.recoveryGrant.preSharedKey == again.recoveryGrant.preSharedKey)
        #expect(again.publicKey == account.publicKey)
    }

    @Test func accountsAndLabelsDiffer() throws {
        let one = AccountKey(random: random).recoveryGrant
        let other = AccountKey(random: random).recoveryGrant
        #expect(one.initiatorKey.publicKey != other.initiatorKey.publicKey)
        #expect(one.preSharedKey != other.preSharedKey)
        #expect(one.initiatorKey.secret != one.preSharedKey)
    }
}
