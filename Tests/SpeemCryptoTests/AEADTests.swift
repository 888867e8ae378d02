import SpeemCrypto
import Testing

@Suite struct XChaCha20Poly1305Tests {
    let key = SecretBytes(counting(32, from: 0x80))

    /// draft-irtf-cfrg-xchacha-03, appendix A.3.1.
    struct Draft {
        let plaintext = text(
            "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
                + "sunscreen would be it.")
        let associatedData: [UInt8]
        let nonce = counting(24, from: 0x40)
        let sealed: [UInt8]

        init() throws {
            associatedData = try octets("50515253c0c1c2c3c4c5c6c7")
            sealed = try octets(
                """
                bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb
                731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452
                2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9
                21f9664c97637da9768812f615c68b13b52e
                c0875924c1c7987947deafd8780acf49
                """)
        }
    }

    @Test func sealsTheDraftsVector() throws {
        let draft = try Draft()
        let random = ScriptedRandomSource(draft.nonce)
        let box = XChaCha20Poly1305.seal(
            draft.plaintext, key: key, associatedData: draft.associatedData, random: random)
        #expect(box == draft.nonce + draft.sealed)
        #expect(random.taken == XChaCha20Poly1305.nonceLength)
    }

    @Test func opensTheDraftsVector() throws {
        let draft = try Draft()
        #expect(
            try XChaCha20Poly1305.open(draft.nonce + draft.sealed, key: key, associatedData: draft.associatedData)
                == draft.plaintext)
    }

    @Test func encryptsTheDraftsVectorInPlace() throws {
        let draft = try Draft()
        var body = draft.plaintext
        var tag = [UInt8](repeating: 0, count: XChaCha20Poly1305.tagLength)
        encrypt(&body, tag: &tag, nonce: draft.nonce, associatedData: draft.associatedData)
        #expect(body + tag == draft.sealed)
        #expect(decrypt(&body, tag: tag, nonce: draft.nonce, associatedData: draft.associatedData))
        #expect(body == draft.plaintext)
    }

    @Test func opensWhatItSealedAtEveryLengthAroundABlock() throws {
        var generator = SeededGenerator(1)
        for length in Array(0...130) + [4_056, 65_536] {
            let plaintext = generator.bytes(length)
            let associatedData = generator.bytes(length % 19)
            let box = XChaCha20Poly1305.seal(
                plaintext, key: key, associatedData: associatedData, random: SystemRandomSource())
            #expect(box.count == length + XChaCha20Poly1305.overhead)
            #expect(try XChaCha20Poly1305.open(box, key: key, associatedData: associatedData) == plaintext)
        }
    }

    @Test func aFlippedBitAnywhereIsRefused() throws {
        for plaintext in [[], text("m"), text("seventeen bytes!!")] {
            let box = XChaCha20Poly1305.seal(
                plaintext, key: key, associatedData: text("context"), random: SystemRandomSource())
            forEachBitFlip(of: box) { flipped, byte, bit in
                #expect(throws: CryptoError.authenticationFailed, "byte \(byte), bit \(bit)") {
                    try XChaCha20Poly1305.open(flipped, key: key, associatedData: text("context"))
                }
            }
        }
    }

    @Test func otherAssociatedDataIsRefused() throws {
        let associatedData = text("context")
        let box = XChaCha20Poly1305.seal(
            text("message"), key: key, associatedData: associatedData, random: SystemRandomSource())
        var others = [[], associatedData + [0], [0] + associatedData, Array(associatedData.dropLast())]
        forEachBitFlip(of: associatedData) { flipped, _, _ in others.append(flipped) }
        for other in others {
            #expect(throws: CryptoError.authenticationFailed) {
                try XChaCha20Poly1305.open(box, key: key, associatedData: other)
            }
        }
    }

    @Test func aByteCannotMoveBetweenMessageAndAssociatedData() throws {
        let box = XChaCha20Poly1305.seal([], key: key, associatedData: text("ab"), random: SystemRandomSource())
        let nonce = box[..<24]
        let tag = box[24...]
        #expect(throws: CryptoError.authenticationFailed) {
            try XChaCha20Poly1305.open(nonce + text("b") + tag, key: key, associatedData: text("a"))
        }
    }

    @Test func anotherKeyIsRefused() throws {
        let box = XChaCha20Poly1305.seal(text("message"), key: key, random: SystemRandomSource())
        forEachBitFlip(of: key.exposedCopy()) { flipped, byte, bit in
            #expect(throws: CryptoError.authenticationFailed, "byte \(byte), bit \(bit)") {
                try XChaCha20Poly1305.open(box, key: SecretBytes(flipped))
            }
        }
    }

    @Test func everyOtherLengthIsRefused() throws {
        let box = XChaCha20Poly1305.seal(text("message"), key: key, random: SystemRandomSource())
        for length in 0..<box.count {
            #expect(throws: CryptoError.authenticationFailed, "cut to \(length)") {
                try XChaCha20Poly1305.open(Array(box[..<length]), key: key)
            }
        }
        #expect(throws: CryptoError.authenticationFailed) { try XChaCha20Poly1305.open(box + [0], key: key) }
        #expect(throws: CryptoError.authenticationFailed) { try XChaCha20Poly1305.open([0] + box, key: key) }
    }

    @Test func everySealDrawsANonceOfItsOwn() {
        let random = ScriptedRandomSource(counting(48))
        let first = XChaCha20Poly1305.seal(text("same"), key: key, random: random)
        let second = XChaCha20Poly1305.seal(text("same"), key: key, random: random)
        #expect(first[..<24] == counting(48)[..<24])
        #expect(second[..<24] == counting(48)[24...])
        #expect(first[24...] != second[24...])
    }

    @Test func aFailedDecryptionInPlaceShowsNoPlaintext() {
        let plaintext = text("a secret that must not be seen")
        var body = plaintext
        var tag = [UInt8](repeating: 0, count: 16)
        let nonce = counting(24)
        encrypt(&body, tag: &tag, nonce: nonce, associatedData: [])
        tag[15] ^= 1
        #expect(!decrypt(&body, tag: tag, nonce: nonce, associatedData: []))
        #expect(body.count == plaintext.count && zip(body, plaintext).allSatisfy { $0 == 0 || $0 != $1 })
    }

    @Test func buffersWithoutAnAddressAreEmptyMessages() {
        let nonce = counting(24)
        var tag = [UInt8](repeating: 0, count: 16)
        let none = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        nonce.withUnsafeBytes { nonce in
            tag.withUnsafeMutableBytes { tag in
                XChaCha20Poly1305.encrypt(
                    inPlace: none, tag: tag, nonce: nonce, associatedData: UnsafeRawBufferPointer(none), key: key)
                #expect(
                    XChaCha20Poly1305.decrypt(
                        inPlace: none, tag: UnsafeRawBufferPointer(tag), nonce: nonce,
                        associatedData: UnsafeRawBufferPointer(none), key: key))
            }
        }
        #expect(XChaCha20Poly1305.seal([], key: key, random: ScriptedRandomSource(nonce)) == nonce + tag)
    }

    @Test func aKeyOfAnotherLengthIsOurMistake() async {
        await #expect(processExitsWith: .failure) {
            _ = XChaCha20Poly1305.seal([], key: SecretBytes(counting(31)), random: SystemRandomSource())
        }
        await #expect(processExitsWith: .failure) {
            _ = try XChaCha20Poly1305.open(counting(60), key: SecretBytes(counting(33)))
        }
    }

    private func encrypt(
        _ body: inout [UInt8], tag: inout [UInt8], nonce: [UInt8], associatedData: [UInt8]
    ) {
        body.withUnsafeMutableBytes { body in
            tag.withUnsafeMutableBytes { tag in
                nonce.withUnsafeBytes { nonce in
                    associatedData.withUnsafeBytes {
                        XChaCha20Poly1305.encrypt(
                            inPlace: body, tag: tag, nonce: nonce, associatedData: $0, key: key)
                    }
                }
            }
        }
    }

    private func decrypt(_ body: inout [UInt8], tag: [UInt8], nonce: [UInt8], associatedData: [UInt8]) -> Bool {
        body.withUnsafeMutableBytes { body in
            tag.withUnsafeBytes { tag in
                nonce.withUnsafeBytes { nonce in
                    associatedData.withUnsafeBytes {
                        XChaCha20Poly1305.decrypt(
                            inPlace: body, tag: tag, nonce: nonce, associatedData: $0, key: key)
                    }
                }
            }
        }
    }
}
