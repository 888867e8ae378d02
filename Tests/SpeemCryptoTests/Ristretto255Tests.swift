import SpeemCrypto
import Testing

struct Ristretto255Tests {
    /// RFC 9496, appendix A.1: the generator times 1, 2 and 3.
    private static let multiples = [
        "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
        "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
        "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259",
    ]

    /// RFC 9496, appendix A.2: what does not decode. Non-canonical, negative, of no square, with a negative product,
    /// with y of zero.
    private static let malformed = [
        "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
        "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
        "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ]

    private static func scalar(_ bytes: [UInt8]) -> Ristretto255.Scalar {
        Ristretto255.Scalar(random: ScriptedRandomSource(bytes))
    }

    @Test func multipliesAsTheStandardSays() throws {
        let generator = try Ristretto255.Element(try octets(Self.multiples[0]))
        for (index, multiple) in Self.multiples.enumerated() {
            let scalar = Self.scalar([UInt8(index + 1)] + [UInt8](repeating: 0, count: 31))
            #expect(try scalar.multiply(generator).encoded.exposedCopy() == octets(multiple))
        }
    }

    /// RFC 9496, appendix A.3.
    @Test func derivesElementsAsTheStandardSays() throws {
        let uniform = try octets(
            """
            5d1be09e3d0c82fc538112490e35701979d99e06ca3e2b5b54bffe8b4dc772c1
            4d98b696a1bbfb5ca32c436cc61c16563790306c79eaca7705668b47dffe5bb6
            """)
        let element = Ristretto255.SecretElement(uniform: SecretBytes(uniform))
        #expect(
            try element.encoded.exposedCopy()
                == octets("3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46"))
    }

    @Test func refusesWhatIsNoElement() throws {
        for bytes in Self.malformed {
            #expect(throws: CryptoError.weakPublicKey) { try Ristretto255.Element(try octets(bytes)) }
        }
        #expect(throws: CryptoError.weakPublicKey) { try Ristretto255.Element([UInt8](repeating: 0, count: 32)) }
        for count in [0, 31, 33, 64] {
            #expect(
                throws: CryptoError.wrongLength(of: "a ristretto255 element", expected: 32, actual: count)
            ) { try Ristretto255.Element([UInt8](repeating: 0, count: count)) }
        }
    }

    @Test func aZeroScalarIsRefused() throws {
        let generator = try Ristretto255.Element(try octets(Self.multiples[0]))
        let zero = Self.scalar([UInt8](repeating: 0, count: 32))
        #expect(throws: CryptoError.weakPublicKey) { try zero.multiply(generator) }
        let secret = Ristretto255.SecretElement(uniform: SecretBytes(counting(64)))
        #expect(throws: CryptoError.weakPublicKey) { try zero.multiply(secret) }
    }

    /// 252 bits: what the source gives above is cleared.
    @Test func scalarsStayBelowTheOrder() throws {
        #expect(
            Self.scalar([UInt8](repeating: 0xff, count: 32))
                == Self.scalar([UInt8](repeating: 0xff, count: 31) + [0x0f]))
        #expect(Self.scalar(counting(32)) != Self.scalar(counting(32, from: 1)))
    }

    @Test func bothSidesAgree() throws {
        let generator = Ristretto255.SecretElement(uniform: SystemRandomSource().secret(64))
        let first = Ristretto255.Scalar(random: SystemRandomSource())
        let second = Ristretto255.Scalar(random: SystemRandomSource())
        let shared = try first.multiply(try second.multiply(generator))
        #expect(try shared == second.multiply(try first.multiply(generator)))
        #expect(shared != generator)
    }
}
