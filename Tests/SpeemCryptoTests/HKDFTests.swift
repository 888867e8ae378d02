import Crypto
import SpeemCrypto
import Testing

@Suite struct HMACSHA256Tests {
    /// RFC 4231, sections 4.2 to 4.8, but 4.6, which truncates the tag.
    static let vectors: [(key: [UInt8], message: [UInt8], tag: String)] = [
        (
            [UInt8](repeating: 0x0b, count: 20), text("Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            text("Jefe"), text("what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            [UInt8](repeating: 0xaa, count: 20), [UInt8](repeating: 0xdd, count: 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
        ),
        (
            counting(25, from: 1), [UInt8](repeating: 0xcd, count: 50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131), text("Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131),
            text(
                "This is a test using a larger than block-size key and a larger than block-size data. The key needs "
                    + "to be hashed before being used by the HMAC algorithm."),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
        ),
    ]

    @Test(arguments: vectors.indices)
    func matchesTheRFCsVectors(index: Int) throws {
        let (key, message, tag) = Self.vectors[index]
        #expect(HMACSHA256.tag(message, key: SecretBytes(key)).exposedCopy() == (try octets(tag)))
    }

    /// RFC 4231, section 4.6: only the first 16 bytes are published.
    @Test func matchesTheRFCsTruncatedVector() throws {
        let tag = HMACSHA256.tag(
            text("Test With Truncation"), key: SecretBytes([UInt8](repeating: 0x0c, count: 20)))
        #expect(Array(tag.exposedCopy()[..<16]) == (try octets("a3b6167473100ee06e0c796c2955552b")))
    }

    @Test func agreesWithBoringSSLAtEveryKeyLength() {
        var generator = SeededGenerator(4)
        for length in 0...130 {
            let key = generator.bytes(length)
            let message = generator.bytes((length * 7) % 150)
            let other = Crypto.HMAC<Crypto.SHA256>.authenticationCode(for: message, using: SymmetricKey(data: key))
            #expect(HMACSHA256.tag(message, key: SecretBytes(key)).exposedCopy() == Array(other))
        }
    }

    @Test func aTagDependsOnEveryBitOfKeyAndMessage() {
        let key = counting(32)
        let message = text("message")
        var seen: Set<[UInt8]> = [HMACSHA256.tag(message, key: SecretBytes(key)).exposedCopy()]
        forEachBitFlip(of: key) { flipped, _, _ in
            #expect(seen.insert(HMACSHA256.tag(message, key: SecretBytes(flipped)).exposedCopy()).inserted)
        }
        forEachBitFlip(of: message) { flipped, _, _ in
            #expect(seen.insert(HMACSHA256.tag(flipped, key: SecretBytes(key)).exposedCopy()).inserted)
        }
    }
}

@Suite struct HKDFTests {
    /// RFC 5869, appendices A.1 to A.3: input key, salt, info, output.
    static let vectors: [(secret: [UInt8], salt: [UInt8], info: [UInt8], output: String)] = [
        (
            [UInt8](repeating: 0x0b, count: 22), counting(13), counting(10, from: 0xf0),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        ),
        (
            counting(80), counting(80, from: 0x60), counting(80, from: 0xb0),
            """
            b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c
            59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71
            cc30c58179ec3e87c14c01d5c1f3434f1d87
            """
        ),
        (
            [UInt8](repeating: 0x0b, count: 22), [], [],
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        ),
    ]

    @Test(arguments: vectors.indices)
    func matchesTheRFCsVectors(index: Int) throws {
        let (secret, salt, info, output) = Self.vectors[index]
        let expected = try octets(output)
        let derived = SpeemCrypto.HKDF.derive(
            secret: SecretBytes(secret), salt: salt, info: info, length: expected.count)
        #expect(derived.exposedCopy() == expected)
        let underSecretSalt = SpeemCrypto.HKDF.derive(
            secret: SecretBytes(secret), salt: SecretBytes(salt), info: info, length: expected.count)
        #expect(underSecretSalt == derived)
    }

    @Test func agreesWithBoringSSLAtBlockBorders() {
        var generator = SeededGenerator(5)
        for length in [1, 31, 32, 33, 63, 64, 65, 96, 1_000, 8_159, 8_160] {
            let secret = generator.bytes(length % 70)
            let salt = generator.bytes(length % 100)
            let info = generator.bytes(length % 130)
            let other = Crypto.HKDF<Crypto.SHA256>.deriveKey(
                inputKeyMaterial: SymmetricKey(data: secret), salt: salt, info: info, outputByteCount: length)
            let derived = SpeemCrypto.HKDF.derive(
                secret: SecretBytes(secret), salt: salt, info: info, length: length)
            #expect(derived.exposedCopy() == other.withUnsafeBytes { Array($0) })
        }
    }

    @Test func aShorterOutputIsTheBeginningOfALongerOne() {
        let secret = SecretBytes(counting(32))
        let longest = SpeemCrypto.HKDF.derive(
            secret: secret, info: text("label"), length: SpeemCrypto.HKDF.maxOutput)
        #expect(longest.count == 255 * 32)
        for length in [1, 16, 32, 33, 64, 100, 8_159] {
            let shorter = SpeemCrypto.HKDF.derive(secret: secret, info: text("label"), length: length)
            #expect(shorter == longest.slice(0..<length))
        }
    }

    @Test func noTwoBlocksOfTheLongestOutputAreEqual() {
        let longest = SpeemCrypto.HKDF.derive(
            secret: SecretBytes(counting(32)), info: [], length: SpeemCrypto.HKDF.maxOutput)
        let blocks = (0..<255).map { longest.slice(($0 * 32)..<($0 * 32 + 32)).exposedCopy() }
        #expect(Set(blocks).count == 255)
    }

    @Test func anEmptySaltStandsForAsManyZerosAsTheHashIsLong() {
        let secret = SecretBytes(counting(32))
        let empty = SpeemCrypto.HKDF.derive(secret: secret, info: text("label"), length: 32)
        let zeros = SpeemCrypto.HKDF.derive(
            secret: secret, salt: [UInt8](repeating: 0, count: 32), info: text("label"), length: 32)
        #expect(empty == zeros)
        #expect(
            SpeemCrypto.HKDF.derive(secret: secret, salt: SecretBytes([]), info: text("label"), length: 32) == zeros)
    }

    @Test func everyInputChangesTheOutput() {
        func derive(_ secret: [UInt8], _ salt: [UInt8], _ info: [UInt8]) -> [UInt8] {
            SpeemCrypto.HKDF.derive(secret: SecretBytes(secret), salt: salt, info: info, length: 32).exposedCopy()
        }
        let outputs = [
            derive(text("secret"), text("salt"), text("info")),
            derive(text("Secret"), text("salt"), text("info")),
            derive(text("secret"), text("Salt"), text("info")),
            derive(text("secret"), text("salt"), text("Info")),
            derive(text("secret"), text("salt"), []),
            derive(text("secret"), [], text("info")),
            derive([], text("salt"), text("info")),
            derive(text("secretsalt"), [], text("info")),
        ]
        #expect(Set(outputs).count == outputs.count)
    }

    @Test func aLengthThatTheRFCForbidsIsOurMistake() async {
        await #expect(processExitsWith: .failure) {
            _ = SpeemCrypto.HKDF.derive(secret: SecretBytes([1]), info: [], length: 8_161)
        }
        await #expect(processExitsWith: .failure) {
            _ = SpeemCrypto.HKDF.derive(secret: SecretBytes([1]), info: [], length: 0)
        }
    }
}
