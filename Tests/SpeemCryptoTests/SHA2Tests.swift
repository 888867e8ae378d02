import Crypto
import SpeemCrypto
import Testing

@Suite struct SHA2Tests {
    static let oneBlock = "abc"
    static let twoBlocks256 = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
    static let twoBlocks512 =
        "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrst"
        + "nopqrstu"

    /// FIPS 180-4: the examples of NIST's Cryptographic Toolkit, and the empty message of its test vectors (SHAVS).
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (oneBlock, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (twoBlocks256, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
    ])
    func sha256MatchesTheStandardsExamples(message: String, digest: String) throws {
        #expect(SpeemCrypto.SHA256.hash(text(message)) == (try octets(digest)))
    }

    /// The same sources, for SHA-512.
    @Test(arguments: [
        (
            "",
            """
            cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce
            47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e
            """
        ),
        (
            oneBlock,
            """
            ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a
            2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f
            """
        ),
        (
            twoBlocks512,
            """
            8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018
            501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909
            """
        ),
    ])
    func sha512MatchesTheStandardsExamples(message: String, digest: String) throws {
        #expect(SpeemCrypto.SHA512.hash(text(message)) == (try octets(digest)))
    }

    /// FIPS 180-4 examples: a million times "a".
    @Test func aMillionBytesMatchTheStandardsExamples() throws {
        let message = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
        #expect(
            SpeemCrypto.SHA256.hash(message)
                == (try octets("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")))
        #expect(
            SpeemCrypto.SHA512.hash(message)
                == (try octets(
                    """
                    e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb
                    de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b
                    """)))
    }

    /// BoringSSL, through swift-crypto, is a second implementation; these lengths cross both hashes' block borders.
    @Test func agreesWithBoringSSLAtEveryLength() {
        var generator = SeededGenerator(3)
        for length in 0...260 {
            let message = generator.bytes(length)
            let digest256 = SpeemCrypto.SHA256.hash(message)
            let digest512 = SpeemCrypto.SHA512.hash(message)
            #expect(digest256.count == SpeemCrypto.SHA256.length && digest512.count == SpeemCrypto.SHA512.length)
            #expect(digest256 == SpeemCrypto.SHA256.hash(SecretBytes(message)))
            #expect(digest256 == Array(Crypto.SHA256.hash(data: message)))
            #expect(digest512 == SpeemCrypto.SHA512.hash(SecretBytes(message)).exposedCopy())
            #expect(digest512 == Array(Crypto.SHA512.hash(data: message)))
        }
    }
}
