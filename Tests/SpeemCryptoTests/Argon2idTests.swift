import SpeemCrypto
import Testing

struct Argon2idTests {
    /// libsodium's test/default/pwhash_argon2id.c, the first vector; checked with OpenSSL's Argon2id, too.
    @Test func publishedVector() throws {
        let passphrase = try octets(
            """
            a347ae92bce9f80f6f595a4480fc9c2fe7e7d7148d371e9487d75f5c23008ffae065577a928febd9b1973a5a95073acdbeb6a030cfc0d79c
            aa2dc5cd011cef02c08da232d76d52dfbca38ca8dcbd665b17d1665f7cf5fe59772ec909733b24de97d6f58d220b20c60d7c07ec1fd93c52
            c31020300c6c1facd77937a597c7a6
            """)
        let expected = try octets(
            """
            18acec5d6507739f203d1f5d9f1d862f7c2cdac4f19d2bdff64487e60d969e3ced615337b9eec6ac4461c6ca07f0939741e57c24d0005c7e
            a171a0ee1e7348249d135b38f222e4dad7b9a033ed83f5ca27277393e316582033c74affe2566a2bea47f91f0fd9fe49ece7e1f79f3ad6e9
            b23e0277c8ecc4b313225748dd2a80f5679534a0700e246a79a49b3f74eb89ec6205fe1eeb941c73b1fcf1
            """)
        let derived = try Argon2id.derive(
            passphrase: SecretBytes(passphrase), salt: try octets("5541fbc995d5c197ba290346d2c559de"),
            cost: Argon2id.Cost(passes: 5, memory: 7_256_678 / 1024), length: 155)
        #expect(derived.exposedCopy() == expected)
    }

    /// Python's cryptography 50.0.2 over OpenSSL: Argon2id(salt, 64, iterations, lanes=1, memory_cost).
    @Test(arguments: [
        (
            1 as UInt32, 8192 as UInt32,
            "cef4c1c2933a8056b0b3d46b53ef25a519a9d360b998faaf66ee8cada9f9befdb3786b4c8cacac05163f0f92405f38d0b55d095c20396f2e9a630526eb1e5500"
        ),
        (
            6, 32768,
            "a39dab0ae15d25d300b723f35c1c4e9b89706ba13a14f90d8292ad832f67506b576277801a540d1c07dcebcc9bf799b5931b661bc9ff118b72238b2404b8442e"
        ),
    ])
    func asAnotherImplementationHasIt(passes: UInt32, memory: UInt32, expected: String) throws {
        let derived = try Argon2id.derive(
            passphrase: SecretBytes(text("pässword")), salt: counting(16),
            cost: Argon2id.Cost(passes: passes, memory: memory), length: 64)
        let octets = try octets(expected)
        #expect(derived.exposedCopy() == octets)
    }

    @Test func everyInputCounts() throws {
        let cost = Argon2id.Cost(passes: 1, memory: 8)
        func derive(_ passphrase: String, _ salt: [UInt8], _ cost: Argon2id.Cost) throws -> [UInt8] {
            try Argon2id.derive(passphrase: SecretBytes(text(passphrase)), salt: salt, cost: cost, length: 32)
                .exposedCopy()
        }
        let all = [
            try derive("", counting(16), cost), try derive("a", counting(16), cost),
            try derive("a", counting(16, from: 1), cost),
            try derive("a", counting(16), Argon2id.Cost(passes: 2, memory: 8)),
            try derive("a", counting(16), Argon2id.Cost(passes: 1, memory: 16)),
        ]
        #expect(Set(all).count == all.count)
        #expect(try derive("a", counting(16), cost) == all[1])
    }

    @Test func memoryThatIsNotThereIsNoTrap() throws {
        // 4 TiB.
        let cost = Argon2id.Cost(passes: 1, memory: .max)
        #expect(throws: CryptoError.outOfMemory) {
            _ = try Argon2id.derive(passphrase: SecretBytes(text("a")), salt: counting(16), cost: cost, length: 32)
        }
    }
}
