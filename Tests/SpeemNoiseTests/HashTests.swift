import SpeemCrypto
import Testing

@testable import SpeemNoise

/// BLAKE2b, HMAC and HKDF against Python's hashlib and hmac, whose commands stand at each. The bytes are always
/// 0, 1, 2 and so on: `seq = lambda n: bytes(i % 256 for i in range(n))`.
struct HashTests {
    private func seq(_ count: Int) -> [UInt8] { (0..<count).map { UInt8($0 % 256) } }

    private func hex(_ secret: SecretBytes) -> String { Hex.encode(secret.exposedCopy()) }

    /// `hashlib.blake2b(seq(n)).hexdigest()`
    @Test(arguments: [
        (
            0,
            "786a02f742015903c6c6fd852552d272912f4740e15847618a86e217f71f5419"
                + "d25e1031afee585313896444934eb04b903a685b1448b755d56f701afe9be2ce"
        ),
        (
            3,
            "40a374727302d9a4769c17b5f409ff32f58aa24ff122d7603e4fda1509e919d4"
                + "107a52c57570a6d94e50967aea573b11f86f473f537565c66f7039830a85d186"
        ),
        (
            127,
            "b6292669ccd38d5f01caae96ba272c76a879a45743afa0725d83b9ebb26665b7"
                + "31f1848c52f11972b6644f554c064fa90780dbbbf3a89d4fc31f67df3e5857ef"
        ),
        (
            128,
            "2319e3789c47e2daa5fe807f61bec2a1a6537fa03f19ff32e87eecbfd64b7e0e"
                + "8ccff439ac333b040f19b0c4ddd11a61e24ac1fe0f10a039806c5dcc0da3d115"
        ),
        (
            129,
            "f59711d44a031d5f97a9413c065d1e614c417ede998590325f49bad2fd444d3e"
                + "4418be19aec4e11449ac1a57207898bc57d76a1bcf3566292c20c683a5c4648f"
        ),
        (
            1000,
            "9fe687126e6566313081b43167cbfa0b4f721b45a5afd4076af327765d63a616"
                + "478ffbd1cd5fbe4033e8638b8bcf8de6b3978b54a30f1d9d8d68fbe66c2b74cf"
        ),
    ])
    func hash(count: Int, digest: String) {
        let bytes = seq(count)
        // Wherever the input is cut in two.
        for cut in 0...count {
            #expect(Hex.encode(NoiseHash.hash(Array(bytes[..<cut]), Array(bytes[cut...]))) == digest)
        }
    }

    /// `hmac.new(seq(k), seq(m), hashlib.blake2b).hexdigest()`, up to a key as long as BLAKE2b's block.
    @Test(arguments: [
        (
            0, 0,
            "198cd2006f66ff83fbbd913f78aca2251caf4f19fe9475aade8cf2091b99a684"
                + "66775177424f58286886cbae8229644cec747237d4b721735485e17372fdf59c"
        ),
        (
            32, 1,
            "872f434803583577531c54389e57f231fae652426861b3b6f0bee489fe9d014f"
                + "d41ba75fd3e4071c87be8153285eddd06adf21655463c52ddc8b47cd2d1041f2"
        ),
        (
            64, 127,
            "fcb7022c0f06579c8583d1eb9456013ebbf1e7bd09a1b27b520cf28ec6efa37d"
                + "ae7da40a5df81d5fbc61892376fd7bcd35b281234dedb3544086f3dbe03c0201"
        ),
        (
            64, 128,
            "ee7d8af0969e7d5f230f566feb3a05980b8073ccb686fced02453611919b3c01"
                + "d9575d2e9c75fbdd8aec5fe41b2ff6e90b944032ee91fb61da5fc04b984d5cb8"
        ),
        (
            64, 129,
            "b3218651f0eb3c39e7d159fd7248dfd8860731ff784b3f036e3aab3c48df0541"
                + "568b262a38b0c71a6357050801dc15aefec1ddc156702840fd30820d8c220c77"
        ),
        (
            127, 64,
            "ac3d7bf4347a6ada4149952a6a4f1a9d519efa6295a4cfba93d9bc53b4cec1fc"
                + "99b1877065e4575ea699e2cceca7b9c3dc245098a0304d69f5c8f5efb8665483"
        ),
        (
            128, 1000,
            "97288adb2e859c1dca1cc8d607e919cc92ff143818b2cd14df8dc6b3b2cc7d4e"
                + "baeeb707ab19e417b0e98764c935fc2dba150414fc15e4ac92a506a3886fca59"
        ),
    ])
    func hmac(key: Int, message: Int, tag: String) {
        let (key, message) = (SecretBytes(seq(key)), seq(message))
        #expect(hex(NoiseHash.hmac(key: key, SecretBytes(message))) == tag)
        for cut in stride(from: 0, through: message.count, by: 16) {
            #expect(hex(NoiseHash.hmac(key: key, SecretBytes(message[..<cut]), Array(message[cut...]))) == tag)
        }
    }

    /// With `h = lambda k, m: hmac.new(k, m, hashlib.blake2b).digest()`: `t = h(seq(64), b"")`, `a = h(t, b"\1")`,
    /// `b = h(t, a + b"\2")`, `a.hex()`, `b.hex()`. The empty input is Split's.
    @Test func hkdfOfNothing() {
        let (first, second) = NoiseHash.derive2(chainingKey: SecretBytes(seq(64)), input: SecretBytes([]))
        #expect(
            hex(first) == "03be0946afb62e33dcc2e8cb76dfad47663d284d81c0bde963f32a283dede221"
                + "be2b9e3a86fa82934234d2a6ed331fb664a3e670252b9454da9ed2567b435e11")
        #expect(
            hex(second) == "8481b385940ea1ddc1e37243d34e6a00d9e35fe86844b75be2f9d084efcbf4a9"
                + "d18c764645baf5262707efcb490c9ddfcc81c78ff75e1e727428f05b9fee857f")
    }

    /// The same with `t = h(seq(64), seq(32))`, and `c = h(t, b + b"\3")`.
    @Test func hkdfOfAKey() {
        let (chainingKey, input) = (SecretBytes(seq(64)), SecretBytes(seq(32)))
        let (first, second, third) = NoiseHash.derive3(chainingKey: chainingKey, input: input)
        #expect(
            hex(first) == "b257cf2863e7aa7f84d41d31e58df6dfb1e0a6cf3172192cc35eba2625a21975"
                + "db4475b2ef89316383acac6b2ac7cf03f7583e0ff20a64fb208fa5b1199f835f")
        #expect(
            hex(second) == "4f4d712feaff914e80db4d0d400a46056854134b5001018c4f1fe19bb477053c"
                + "5a9b92f8c937b1328c0ae7e51895b8d68068bc84d59436cc3b75de5a2d6d0630")
        #expect(
            hex(third) == "c3e03a921f0f492329fe003e995b982fdd8c0596cc3575e01c2f24234e05e477"
                + "8d233726d60ffe48a7d9ef235a6ff5fac555bafcfdd1272c4763ded2e01c0c3f")
        // Two outputs are the first two of three.
        #expect(NoiseHash.derive2(chainingKey: chainingKey, input: input) == (first, second))
    }

    @Test func everyBitOfKeyAndInputCounts() {
        let (chainingKey, input) = (seq(64), seq(32))
        var seen: Set<String> = []
        func derive(_ chainingKey: [UInt8], _ input: [UInt8]) -> String {
            hex(NoiseHash.derive2(chainingKey: SecretBytes(chainingKey), input: SecretBytes(input)).0)
        }
        seen.insert(derive(chainingKey, input))
        for (_, flipped) in flips(of: chainingKey) { seen.insert(derive(flipped, input)) }
        for (_, flipped) in flips(of: input) { seen.insert(derive(chainingKey, flipped)) }
        #expect(seen.count == 1 + 96 * 8)
    }
}
