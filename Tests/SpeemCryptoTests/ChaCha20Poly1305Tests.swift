import enum Crypto.ChaChaPoly
import struct Crypto.SymmetricKey
import SpeemCrypto
import Testing

@Suite struct ChaCha20Poly1305Tests {
    let key = SecretBytes(counting(32))
    let nonce = counting(12, from: 100)

    /// RFC 8439, section 2.8.2.
    @Test func matchesTheRFCsEncryptionVector() throws {
        let key = SecretBytes(counting(32, from: 0x80))
        let nonce = try octets("070000004041424344454647")
        let associatedData = try octets("50515253c0c1c2c3c4c5c6c7")
        let plaintext = text(
            "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
                + "sunscreen would be it.")
        let sealed = try octets(
            """
            d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6
            3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36
            92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc
            3ff4def08e4b7a9de576d26586cec64b6116
            1ae10b594f09e26a7e902ecbd0600691
            """)
        #expect(
            ChaCha20Poly1305.seal(plaintext, key: key, nonce: nonce, associatedData: associatedData) == sealed)
        #expect(
            try ChaCha20Poly1305.open(sealed, key: key, nonce: nonce, associatedData: associatedData) == plaintext)
    }

    /// RFC 8439, appendix A.5.
    @Test func matchesTheRFCsDecryptionVector() throws {
        let key = SecretBytes(try octets("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0"))
        let sealed = try octets(
            """
            64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2
            4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf
            332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855
            9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4
            b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e
            af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a
            0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10
            49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29
            a6ad5cb4022b02709b
            eead9d67890cbb22392336fea1851f38
            """)
        let opened = try ChaCha20Poly1305.open(
            sealed, key: key, nonce: octets("000000000102030405060708"),
            associatedData: octets("f33388860000000000004e91"))
        #expect(
            opened
                == text(
                    "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, "
                        + "replaced, or obsoleted by other documents at any time. It is inappropriate to use "
                        + "Internet-Drafts as reference material or to cite them other than as "
                        + "/\u{201c}work in progress./\u{201d}"))
    }

    /// BoringSSL, through swift-crypto, is a second implementation.
    @Test func agreesWithBoringSSL() throws {
        var generator = SeededGenerator(2)
        for length in [0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 129, 1_000, 65_519] {
            let key = generator.bytes(32)
            let nonce = generator.bytes(12)
            let plaintext = generator.bytes(length)
            let associatedData = generator.bytes(length % 33)
            let other = try ChaChaPoly.seal(
                plaintext, using: SymmetricKey(data: key), nonce: ChaChaPoly.Nonce(data: nonce),
                authenticating: associatedData)
            let sealed = ChaCha20Poly1305.seal(
                plaintext, key: SecretBytes(key), nonce: nonce, associatedData: associatedData)
            #expect(sealed == [UInt8](other.ciphertext) + [UInt8](other.tag))
        }
    }

    @Test func opensWhatItSealed() throws {
        for length in 0...130 {
            let plaintext = counting(length)
            let box = ChaCha20Poly1305.seal(plaintext, key: key, nonce: nonce, associatedData: counting(length % 7))
            #expect(box.count == length + ChaCha20Poly1305.tagLength)
            #expect(
                try ChaCha20Poly1305.open(box, key: key, nonce: nonce, associatedData: counting(length % 7))
                    == plaintext)
        }
    }

    @Test func aFlippedBitAnywhereIsRefused() {
        for plaintext in [[], text("m"), text("seventeen bytes!!")] {
            let box = ChaCha20Poly1305.seal(plaintext, key: key, nonce: nonce, associatedData: text("context"))
            forEachBitFlip(of: box) { flipped, byte, bit in
                #expect(throws: CryptoError.authenticationFailed, "byte \(byte), bit \(bit)") {
                    try ChaCha20Poly1305.open(flipped, key: key, nonce: nonce, associatedData: text("context"))
                }
            }
        }
    }

    @Test func anotherNonceKeyOrContextIsRefused() {
        let box = ChaCha20Poly1305.seal(text("message"), key: key, nonce: nonce, associatedData: text("context"))
        forEachBitFlip(of: nonce) { flipped, _, _ in
            #expect(throws: CryptoError.authenticationFailed) {
                try ChaCha20Poly1305.open(box, key: key, nonce: flipped, associatedData: text("context"))
            }
        }
        forEachBitFlip(of: key.exposedCopy()) { flipped, _, _ in
            #expect(throws: CryptoError.authenticationFailed) {
                try ChaCha20Poly1305.open(
                    box, key: SecretBytes(flipped), nonce: nonce, associatedData: text("context"))
            }
        }
        forEachBitFlip(of: text("context")) { flipped, _, _ in
            #expect(throws: CryptoError.authenticationFailed) {
                try ChaCha20Poly1305.open(box, key: key, nonce: nonce, associatedData: flipped)
            }
        }
    }

    @Test func everyShorterBoxIsRefused() {
        let box = ChaCha20Poly1305.seal(text("message"), key: key, nonce: nonce, associatedData: [])
        for length in 0..<box.count {
            #expect(throws: CryptoError.authenticationFailed, "cut to \(length)") {
                try ChaCha20Poly1305.open(Array(box[..<length]), key: key, nonce: nonce, associatedData: [])
            }
        }
        #expect(throws: CryptoError.authenticationFailed) {
            try ChaCha20Poly1305.open(box + [0], key: key, nonce: nonce, associatedData: [])
        }
    }

    @Test func aNonceOfAnotherLengthIsOurMistake() async {
        await #expect(processExitsWith: .failure) {
            _ = ChaCha20Poly1305.seal([], key: SecretBytes(counting(32)), nonce: counting(11), associatedData: [])
        }
        await #expect(processExitsWith: .failure) {
            _ = try ChaCha20Poly1305.open(
                counting(16), key: SecretBytes(counting(16)), nonce: counting(12), associatedData: [])
        }
    }
}
