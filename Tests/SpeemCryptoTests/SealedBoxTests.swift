import SpeemCrypto
import Testing

@Suite struct SealedBoxTests {
    let recipient: X25519.PrivateKey

    init() throws {
        recipient = try X25519.PrivateKey(SecretBytes(counting(32)))
    }

    /// Made with PyNaCl 1.6.2 and its libsodium: `crypto_box_seal` to the public key of the bytes 00 to 1f.
    @Test func opensABoxSealedElsewhere() throws {
        #expect(
            recipient.publicKey.bytes
                == (try octets("8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f")))
        let box = try octets(
            """
            10d8c2c6b13e5d231ff815c4cccd30a3cc6e11a6e298cbc6bb0baee5f98f1321
            35558287bb5bb038f8fc248d39d27e6079763baf245493dc8b568d29e98b7dd1
            """)
        #expect(try SealedBox.open(box, with: recipient) == text("sealed elsewhere"))
        let empty = try octets(
            """
            755ee3a52ae75382dfa7b593aea111d62f88f6ef47dcb242961fccd3e9c6844a
            eac05f92fa66be5846cef97a01144361
            """)
        #expect(try SealedBox.open(empty, with: recipient).isEmpty)
    }

    @Test func opensWhatItSealed() throws {
        for length in Array(0...70) + [4_096, 65_536] {
            let box = try SealedBox.seal(counting(length), to: recipient.publicKey)
            #expect(box.count == length + SealedBox.overhead)
            #expect(try SealedBox.open(box, with: recipient) == counting(length))
        }
    }

    @Test func twoSealsOfOneMessageHaveNothingInCommon() throws {
        let first = try SealedBox.seal(text("same"), to: recipient.publicKey)
        let second = try SealedBox.seal(text("same"), to: recipient.publicKey)
        #expect(first[..<32] != second[..<32])
        #expect(first[32...] != second[32...])
    }

    @Test func aFlippedBitAnywhereIsRefused() throws {
        for message in [[], text("message")] {
            let box = try SealedBox.seal(message, to: recipient.publicKey)
            // The ephemeral key's highest bit too: X25519 ignores it, the nonce does not.
            forEachBitFlip(of: box) { flipped, byte, bit in
                #expect(throws: CryptoError.authenticationFailed, "byte \(byte), bit \(bit)") {
                    try SealedBox.open(flipped, with: recipient)
                }
            }
        }
    }

    @Test func everyOtherLengthIsRefused() throws {
        let box = try SealedBox.seal(text("message"), to: recipient.publicKey)
        for length in 0..<box.count {
            #expect(throws: CryptoError.authenticationFailed, "cut to \(length)") {
                try SealedBox.open(Array(box[..<length]), with: recipient)
            }
        }
        #expect(throws: CryptoError.authenticationFailed) { try SealedBox.open(box + [0], with: recipient) }
    }

    @Test func anotherRecipientCannotOpen() throws {
        let box = try SealedBox.seal(text("message"), to: recipient.publicKey)
        let other = X25519.PrivateKey(random: SystemRandomSource())
        #expect(throws: CryptoError.authenticationFailed) { try SealedBox.open(box, with: other) }
    }

    @Test(arguments: X25519Tests.weakPoints)
    func nothingIsSealedToAWeakKey(point: String) throws {
        let weak = try X25519.PublicKey(octets(point))
        #expect(throws: CryptoError.weakPublicKey) { try SealedBox.seal(text("message"), to: weak) }
    }

    @Test(arguments: X25519Tests.weakPoints)
    func aBoxWithAWeakEphemeralKeyIsRefused(point: String) throws {
        let box = try SealedBox.seal(text("message"), to: recipient.publicKey)
        let forged = try octets(point) + box[32...]
        #expect(throws: CryptoError.authenticationFailed) { try SealedBox.open(forged, with: recipient) }
    }

    @Test func noiseIsRefused() {
        var generator = SeededGenerator(9)
        for _ in 0..<300 {
            let noise = generator.bytes(Int(generator.next() % 120))
            #expect(throws: CryptoError.authenticationFailed) { try SealedBox.open(noise, with: recipient) }
        }
    }
}
