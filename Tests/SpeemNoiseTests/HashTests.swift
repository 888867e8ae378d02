import SpeemCrypto
import Testing

@testable import SpeemNoise

/// HMAC and HKDF over BLAKE2b against Python's hmac and hashlib: hmac.new(key, message, hashlib.blake2b).
struct HashTests {
    private func hex(_ secret: SecretBytes) -> String { Hex.encode(secret.exposedCopy()) }

    @Test func hmac() {
        let key = SecretBytes([UInt8](0..<64))
        #expect(
            hex(NoiseHash.hmac(key: key, SecretBytes(Array("spe".utf8)), Array("em".utf8)))
                == "5a249239ed9df0d5326cd92b486921d86683bf90ede5dcc7fcd5d378d833e822"
                + "dcadec8188306f4689639b9a91c313b9bded6a4cc4fdd331f8ad3350eafe6dbe")
        #expect(
            hex(NoiseHash.hmac(key: SecretBytes([]), SecretBytes([])))
                == "198cd2006f66ff83fbbd913f78aca2251caf4f19fe9475aade8cf2091b99a684"
                + "66775177424f58286886cbae8229644cec747237d4b721735485e17372fdf59c")
    }

    @Test func hkdf() {
        let chainingKey = SecretBytes([UInt8](repeating: 1, count: 64))
        let input = SecretBytes([UInt8](repeating: 2, count: 32))
        let (first, second) = NoiseHash.derive2(chainingKey: chainingKey, input: input)
        let three = NoiseHash.derive3(chainingKey: chainingKey, input: input)
        #expect(
            hex(first) == "12c4352c487964a39209817dc1f3a007a0d46ca33334d4a860fd773ac5dc462c"
                + "37dfeaa45b8b38a14b7f416a9107ea18e15700c2de4a105e6607be1964ce0184")
        #expect(
            hex(second) == "c9b08b41c790d5ccfb34c7575440ff38aa6daebdf57cc8caf802d7588be685b1"
                + "03a8b67a866c7193734491c3f6ca839d82f80844f7ee827c8db71540f039c317")
        #expect(
            hex(three.2) == "9dbe15e48d63a2eab2013bb3f6674837d44c26103a1e4c7ebf47d02803253bf8"
                + "4f4119b1057ca2466bfb9798956c66ab1cf32df742fc2b011d1b5c0cfd684f78")
        #expect(first == three.0)
        #expect(second == three.1)
    }

    @Test func hashIsOverTheConcatenation() {
        #expect(NoiseHash.hash([1, 2], [3]) == NoiseHash.hash([1, 2, 3]))
        #expect(NoiseHash.hash([]).count == NoiseLimits.hashLength)
    }
}
