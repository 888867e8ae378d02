import SpeemCrypto
import Testing

@testable import SpeemStore

struct PassphraseTests {
    private func refusal(_ bytes: [UInt8]) -> Passphrase.Refusal? {
        do throws(Passphrase.Refusal) {
            let passphrase = try Passphrase(SecretBytes(bytes))
            #expect(passphrase.secret.exposedCopy() == bytes)
            return nil
        } catch {
            return error
        }
    }

    @Test func oneLineOfText() {
        for text in ["a", " ", "correct horse battery staple", "žluťoučký kůň 🐎", "\u{80}"] {
            #expect(refusal(Array(text.utf8)) == nil, "\(text)")
        }
    }

    @Test func itsLength() {
        #expect(refusal([]) == .empty)
        #expect(refusal([UInt8](repeating: 0x61, count: 1024)) == nil)
        #expect(refusal([UInt8](repeating: 0x61, count: 1025)) == .tooLong)
    }

    @Test func onlyUTF8() {
        for bytes in [[0xff], [0x61, 0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xf5, 0x80, 0x80, 0x80]] as [[UInt8]] {
            #expect(refusal(bytes) == .notUTF8, "\(bytes)")
        }
    }

    @Test func nothingThatCannotBeTyped() {
        for byte in [0, 3, 9, 10, 13, 0x1b, 0x7f] as [UInt8] {
            #expect(refusal([0x61, byte, 0x62]) == .controlCharacter, "\(byte)")
        }
    }

    @Test func itsWordsShowNothingOfIt() throws {
        let passphrase = try Passphrase(SecretBytes(Array("hunter2".utf8)))
        #expect(!"\(passphrase)".contains("hunter2"))
        for refusal in [Passphrase.Refusal.empty, .tooLong, .notUTF8, .controlCharacter] {
            #expect("\(refusal)".hasPrefix("the passphrase "))
        }
    }
}
