import Crypto
import SpeemCrypto
import Testing

@Suite struct X25519Tests {
    /// RFC 7748, section 5.2: scalar, u-coordinate, result.
    @Test(arguments: [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"
        ),
    ])
    func matchesTheRFCsVectors(scalar: String, point: String, result: String) throws {
        let key = try X25519.PrivateKey(SecretBytes(octets(scalar)))
        let shared = try key.sharedSecret(with: X25519.PublicKey(octets(point)))
        #expect(shared.exposedCopy() == (try octets(result)))
    }

    /// RFC 7748, section 5.2: the scalar of each turn is the result of the turn before, its point that one's scalar.
    @Test func matchesTheRFCsThousandTurns() throws {
        var scalar = [9] + [UInt8](repeating: 0, count: 31)
        var point = scalar
        for turn in 1...1_000 {
            let key = try X25519.PrivateKey(SecretBytes(scalar))
            let result = try key.sharedSecret(with: X25519.PublicKey(point)).exposedCopy()
            (scalar, point) = (result, scalar)
            if turn == 1 {
                #expect(
                    result == (try octets("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079")))
            }
        }
        #expect(scalar == (try octets("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51")))
    }

    /// RFC 7748, section 6.1.
    @Test func matchesTheRFCsDiffieHellman() throws {
        let alice = try X25519.PrivateKey(
            SecretBytes(octets("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")))
        let bob = try X25519.PrivateKey(
            SecretBytes(octets("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")))
        let shared = try octets("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
        #expect(
            alice.publicKey.bytes
                == (try octets("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")))
        #expect(
            bob.publicKey.bytes
                == (try octets("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")))
        #expect(try alice.sharedSecret(with: bob.publicKey).exposedCopy() == shared)
        #expect(try bob.sharedSecret(with: alice.publicKey).exposedCopy() == shared)
    }

    @Test func agreesWithBoringSSL() throws {
        var generator = SeededGenerator(6)
        for _ in 0..<50 {
            let ours = try X25519.PrivateKey(SecretBytes(generator.bytes(32)))
            let other = try Curve25519.KeyAgreement.PrivateKey(rawRepresentation: generator.bytes(32))
            let shared = try ours.sharedSecret(with: X25519.PublicKey([UInt8](other.publicKey.rawRepresentation)))
            let expected = try other.sharedSecretFromKeyAgreement(
                with: Curve25519.KeyAgreement.PublicKey(rawRepresentation: ours.publicKey.bytes))
            #expect(shared.exposedCopy() == expected.withUnsafeBytes { Array($0) })
        }
    }

    /// The points of order 1, 2, 4 and 8 on the curve and on its twist, and the two that are not reduced
    /// (Bernstein, "Curve25519: new Diffie-Hellman speed records", and cr.yp.to/ecdh.html, "validate").
    static let weakPoints = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ]

    @Test(arguments: weakPoints)
    func aWeakPointIsRefused(point: String) throws {
        var bytes = try octets(point)
        for _ in 0..<2 {
            let weak = try X25519.PublicKey(bytes)
            for seed in 0..<8 {
                var generator = SeededGenerator(UInt64(seed))
                let key = try X25519.PrivateKey(SecretBytes(generator.bytes(32)))
                #expect(throws: CryptoError.weakPublicKey) { try key.sharedSecret(with: weak) }
            }
            // The highest bit is not part of the number (RFC 7748, section 5).
            bytes[31] ^= 0x80
        }
    }

    @Test func theHighestBitOfAPublicKeyIsIgnored() throws {
        var generator = SeededGenerator(7)
        let key = try X25519.PrivateKey(SecretBytes(generator.bytes(32)))
        var bytes = try X25519.PrivateKey(SecretBytes(generator.bytes(32))).publicKey.bytes
        let plain = try key.sharedSecret(with: X25519.PublicKey(bytes))
        bytes[31] ^= 0x80
        #expect(try key.sharedSecret(with: X25519.PublicKey(bytes)) == plain)
        #expect(try X25519.PublicKey(bytes) != X25519.PublicKey(bytes.dropLast() + [bytes[31] ^ 0x80]))
    }

    @Test func anotherPeerGivesAnotherSecret() throws {
        var generator = SeededGenerator(8)
        let key = try X25519.PrivateKey(SecretBytes(generator.bytes(32)))
        var seen: Set<[UInt8]> = []
        for _ in 0..<50 {
            let peer = try X25519.PrivateKey(SecretBytes(generator.bytes(32)))
            let shared = try key.sharedSecret(with: peer.publicKey)
            #expect(try peer.sharedSecret(with: key.publicKey) == shared)
            #expect(seen.insert(shared.exposedCopy()).inserted)
        }
    }

    @Test func everyOtherLengthIsRefused() throws {
        for length in Array(0...31) + [33, 64] {
            #expect(
                throws: CryptoError.wrongLength(of: "an X25519 public key", expected: 32, actual: length)
            ) { try X25519.PublicKey(counting(length)) }
            #expect(
                throws: CryptoError.wrongLength(of: "an X25519 private key", expected: 32, actual: length)
            ) { try X25519.PrivateKey(SecretBytes(counting(length))) }
        }
    }

    @Test func freshKeysTakeTheirBytesFromTheSourceInOrder() throws {
        let random = ScriptedRandomSource(counting(64))
        let first = X25519.PrivateKey(random: random)
        let second = X25519.PrivateKey(random: random)
        #expect(first.secret.exposedCopy() == Array(counting(64)[..<32]))
        #expect(second.secret.exposedCopy() == Array(counting(64)[32...]))
        #expect(random.taken == 64)
        #expect(try first == X25519.PrivateKey(SecretBytes(counting(32))))
        #expect(first != second)
    }

    @Test func aDescriptionHidesTheSecret() throws {
        let key = try X25519.PrivateKey(SecretBytes([UInt8](repeating: 0xa7, count: 32)))
        for shown in ["\(key)", String(reflecting: key)] {
            #expect(!shown.contains("167") || !shown.contains("167, 167"))
            #expect(!shown.lowercased().contains("a7a7"))
            #expect(shown.contains("SecretBytes(32)"))
        }
    }
}
