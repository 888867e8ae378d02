import enum Crypto.Curve25519
import Testing

@testable import SpeemCrypto

@Suite struct Ed25519Tests {
    static let domain = DomainSeparator("test signature")
    let key: Ed25519.PrivateKey

    init() throws {
        key = try Ed25519.PrivateKey(seed: SecretBytes(counting(32)))
    }

    /// RFC 8032, section 7.1: TEST 1, TEST 2, TEST 3 and TEST SHA(abc), whose message is SHA-512 of "abc".
    @Test(arguments: [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            """
            e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155
            5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b
            """
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            """
            92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
            085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00
            """
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            """
            6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac
            18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a
            """
        ),
        (
            "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
            "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
            """
            ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a
            2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f
            """,
            """
            dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589
            09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704
            """
        ),
    ])
    func matchesTheRFCsVectors(seed: String, publicKey: String, message: String, signature: String) throws {
        let key = try Ed25519.PrivateKey(seed: SecretBytes(octets(seed)))
        #expect(key.publicKey.bytes == (try octets(publicKey)))
        #expect(key.signature(of: try octets(message)) == (try octets(signature)))
        #expect(key.publicKey.isValid(try octets(signature), of: try octets(message)))
    }

    @Test func aSignatureCoversTheDomainAndThenTheMessage() throws {
        for message in [[], text("m"), counting(1_000)] {
            let signature = key.sign(message, domain: Self.domain)
            #expect(signature.count == Ed25519.signatureLength)
            #expect(signature == key.signature(of: Self.domain.bytes + message))
            try key.publicKey.verify(signature, of: message, domain: Self.domain)
        }
    }

    /// BoringSSL, through swift-crypto, is a second implementation.
    @Test func agreesWithBoringSSL() throws {
        var generator = SeededGenerator(12)
        for length in [0, 1, 63, 64, 65, 1_023, 10_000] {
            let seed = generator.bytes(32)
            let message = generator.bytes(length)
            let ours = try Ed25519.PrivateKey(seed: SecretBytes(seed))
            let other = try Curve25519.Signing.PrivateKey(rawRepresentation: seed)
            #expect(ours.publicKey.bytes == [UInt8](other.publicKey.rawRepresentation))
            let signature = ours.sign(message, domain: Self.domain)
            #expect(other.publicKey.isValidSignature(signature, for: Self.domain.bytes + message))
            let theirs = try [UInt8](other.signature(for: Self.domain.bytes + message))
            try ours.publicKey.verify(theirs, of: message, domain: Self.domain)
        }
    }

    @Test func anotherDomainIsRefused() {
        let signature = key.sign(text("message"), domain: DomainSeparator("roster entry"))
        for domain in [
            DomainSeparator("roster"), DomainSeparator("roster entry "), DomainSeparator("Roster entry"),
            DomainSeparator("prekey"),
        ] {
            #expect(throws: CryptoError.authenticationFailed) {
                try key.publicKey.verify(signature, of: text("message"), domain: domain)
            }
        }
    }

    @Test func aPlainSignatureIsNotOneInADomain() {
        let message = text("message")
        #expect(throws: CryptoError.authenticationFailed) {
            try key.publicKey.verify(key.signature(of: message), of: message, domain: Self.domain)
        }
    }

    @Test func noTextMovesBetweenDomainAndMessage() {
        let signature = key.sign(text("entry"), domain: DomainSeparator("roster"))
        for (domain, message) in [
            (DomainSeparator("rosterentry"), []), (DomainSeparator("rostere"), text("ntry")),
            (DomainSeparator("roste"), text("r\0entry")),
        ] {
            #expect(throws: CryptoError.authenticationFailed) {
                try key.publicKey.verify(signature, of: message, domain: domain)
            }
        }
    }

    @Test func aFlippedBitInTheSignatureIsRefused() {
        let signature = key.sign(text("message"), domain: Self.domain)
        forEachBitFlip(of: signature) { flipped, byte, bit in
            #expect(throws: CryptoError.authenticationFailed, "byte \(byte), bit \(bit)") {
                try key.publicKey.verify(flipped, of: text("message"), domain: Self.domain)
            }
        }
    }

    @Test func aFlippedBitInTheMessageIsRefused() {
        let signature = key.sign(text("message"), domain: Self.domain)
        forEachBitFlip(of: text("message")) { flipped, _, _ in
            #expect(throws: CryptoError.authenticationFailed) {
                try key.publicKey.verify(signature, of: flipped, domain: Self.domain)
            }
        }
        for other in [[], text("messag"), text("message\0")] {
            #expect(throws: CryptoError.authenticationFailed) {
                try key.publicKey.verify(signature, of: other, domain: Self.domain)
            }
        }
    }

    @Test func aFlippedBitInThePublicKeyIsRefused() {
        let signature = key.sign(text("message"), domain: Self.domain)
        forEachBitFlip(of: key.publicKey.bytes) { flipped, byte, bit in
            #expect(throws: CryptoError.authenticationFailed, "byte \(byte), bit \(bit)") {
                try Ed25519.PublicKey(flipped).verify(signature, of: text("message"), domain: Self.domain)
            }
        }
    }

    @Test func aSignatureOfAnotherLengthIsRefused() {
        let signature = key.sign(text("message"), domain: Self.domain)
        for length in 0..<64 {
            #expect(throws: CryptoError.authenticationFailed, "cut to \(length)") {
                try key.publicKey.verify(Array(signature[..<length]), of: text("message"), domain: Self.domain)
            }
        }
        #expect(throws: CryptoError.authenticationFailed) {
            try key.publicKey.verify(signature + [0], of: text("message"), domain: Self.domain)
        }
    }

    /// RFC 8032, section 5.1.7: S must be below the group's order, or anyone could make a second signature.
    @Test func aSignatureWithTheOrderAddedIsRefused() throws {
        let order = try octets("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
        var signature = key.sign(text("message"), domain: Self.domain)
        var carry = 0
        for index in 0..<32 {
            carry += Int(signature[32 + index]) + Int(order[index])
            signature[32 + index] = UInt8(carry & 0xff)
            carry >>= 8
        }
        #expect(carry == 0)
        #expect(throws: CryptoError.authenticationFailed) {
            try key.publicKey.verify(signature, of: text("message"), domain: Self.domain)
        }
    }

    /// The points of order 1, 2, 4 and 8 in every encoding: under such a key, R = 1 and S = 0 would sign
    /// one in eight messages, or all of them (Chalkias, Garillot and Nikolaenko, "Taming the many EdDSAs", table 1).
    @Test(arguments: [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ])
    func aKeyOfSmallOrderVerifiesNothing(encoding: String) throws {
        let weak = try Ed25519.PublicKey(octets(encoding))
        let identity = [1] + [UInt8](repeating: 0, count: 31)
        let zero = [UInt8](repeating: 0, count: 32)
        for number in UInt64(0)..<64 {
            for start in [identity, weak.bytes] {
                #expect(throws: CryptoError.authenticationFailed) {
                    try weak.verify(start + zero, of: BigEndian.bytes(number), domain: Self.domain)
                }
            }
        }
    }

    @Test func signingIsDeterministic() throws {
        let again = try Ed25519.PrivateKey(seed: SecretBytes(counting(32)))
        #expect(again == key)
        #expect(again.sign(text("m"), domain: Self.domain) == key.sign(text("m"), domain: Self.domain))
        #expect(key.sign(text("m"), domain: Self.domain) != key.sign(text("n"), domain: Self.domain))
    }

    @Test func everyOtherLengthIsRefused() {
        for length in Array(0...31) + [33, 64] {
            #expect(throws: CryptoError.wrongLength(of: "an Ed25519 public key", expected: 32, actual: length)) {
                try Ed25519.PublicKey(counting(length))
            }
            #expect(throws: CryptoError.wrongLength(of: "an Ed25519 seed", expected: 32, actual: length)) {
                try Ed25519.PrivateKey(seed: SecretBytes(counting(length)))
            }
        }
    }

    @Test func freshKeysTakeTheirSeedsFromTheSourceInOrder() throws {
        let random = ScriptedRandomSource(counting(64))
        let first = Ed25519.PrivateKey(random: random)
        let second = Ed25519.PrivateKey(random: random)
        #expect(first == key)
        #expect(second.seed.exposedCopy() == Array(counting(64)[32...]))
        #expect(first.publicKey != second.publicKey)
        #expect(random.taken == 64)
    }

    @Test func aDescriptionHidesTheSeed() throws {
        let key = try Ed25519.PrivateKey(seed: SecretBytes([UInt8](repeating: 0xa7, count: 32)))
        for shown in ["\(key)", String(reflecting: key)] {
            #expect(!shown.contains("167, 167") && !shown.lowercased().contains("a7a7"))
            #expect(shown.contains("SecretBytes(32)") && shown.contains("SecretBytes(64)"))
        }
    }
}
