import SpeemCrypto
import Testing

@testable import SpeemCPace

/// The test vectors of draft-irtf-cfrg-cpace-21 for ristretto255 with SHA-512 (appendix B.3), and for the functions over
/// strings (appendix A).
struct VectorTests {
    private let password = SecretBytes(text("Password"))
    private let channel: [UInt8]
    private let session: [UInt8]
    private let deviceScalar: [UInt8]
    private let nodeScalar: [UInt8]
    private let deviceShare: [UInt8]
    private let nodeShare: [UInt8]
    private let shared: [UInt8]

    init() throws {
        channel = try octets("0b415f696e69746961746f720b425f726573706f6e646572")
        session = try octets("7e4b4791d6a8ef019b936c79fb7f2c57")
        deviceScalar = try octets("da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4ff0976d08")
        nodeScalar = try octets("d2316b454718c35362d83d69df6320f38578ed5984651435e2949762d900b80d")
        deviceShare = try octets("d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0eec482b9157")
        nodeShare = try octets("3ea7e0b19560d7c0b0f5734f63b955286dfa8232b5ebe63324e2d9e7433f7258")
        shared = try octets("80b69a8a76457ab6a4d7f887a4bf6b55a2f80ac19c333f917a05fc9887c8b40f")
    }

    private func scalar(_ bytes: [UInt8]) -> Ristretto255.Scalar {
        Ristretto255.Scalar(random: ScriptedRandomSource(bytes))
    }

    /// o_cat (appendix A.3.2), for the vectors of the order that SPEEM does not use.
    private func orderedCat(_ first: [UInt8], _ second: [UInt8]) -> [UInt8] {
        text("oc") + (second.lexicographicallyPrecedes(first) ? first + second : second + first)
    }

    private func transcriptOC(_ ya: [UInt8], _ adA: String, _ yb: [UInt8], _ adB: String) -> [UInt8] {
        orderedCat(CPace.lengthValues(ya, text(adA)), CPace.lengthValues(yb, text(adB)))
    }

    private func transcriptIR() throws -> [UInt8] {
        CPace.transcript(
            initiator: try Ristretto255.Element(deviceShare), saying: text("ADa"),
            responder: try Ristretto255.Element(nodeShare), saying: text("ADb"))
    }

    /// K as the device computes it.
    private func agreed() throws -> Ristretto255.SecretElement {
        try scalar(deviceScalar).multiply(try Ristretto255.Element(nodeShare))
    }

    // MARK: Strings

    @Test func lengthsAreLEB128() throws {
        #expect(CPace.lengthValues([]) == [0])
        #expect(CPace.lengthValues(text("1234")) == (try octets("0431323334")))
        let longest = (0..<127).map { UInt8($0) }
        #expect(CPace.lengthValues(longest) == [0x7f] + longest)
        #expect(CPace.lengthValues(longest + [127]) == [0x80, 0x01] + longest + [127])
        #expect(CPace.lengthPrefix(16_383) == [0xff, 0x7f])
        #expect(CPace.lengthPrefix(16_384) == [0x80, 0x80, 0x01])
    }

    @Test func fieldsStandBehindTheirLengths() throws {
        let joined = CPace.lengthValues(text("1234"), text("5"), [], text("678"))
        #expect(joined == (try octets("043132333401350003363738")))
    }

    @Test func orderedConcatenation() throws {
        #expect(orderedCat(text("ABCD"), text("BCD")) == (try octets("6f6342434441424344")))
        #expect(orderedCat(text("BCD"), text("ABCDE")) == (try octets("6f634243444142434445")))
        for (first, second, isLarger) in [
            ([0], [0, 0], false), ([1], [0, 0], true), ([0, 0], [0], true), ([0, 0], [1], false), ([0, 1], [1], false),
            (text("ABCD"), text("BCD"), false),
        ] as [([UInt8], [UInt8], Bool)] {
            #expect(orderedCat(first, second) == text("oc") + (isLarger ? first + second : second + first))
        }
        #expect(
            transcriptOC(text("123"), "PartyA", text("234"), "PartyB")
                == (try octets("6f6303323334065061727479420331323306506172747941")))
        #expect(
            transcriptOC(text("3456"), "PartyA", text("2345"), "PartyB")
                == (try octets("6f63043334353606506172747941043233343506506172747942")))
    }

    // MARK: Generator

    @Test func generatorString() throws {
        let string = CPace.generatorString(password: password, channel: channel, session: session)
        #expect(
            try string.exposedCopy()
                == octets(
                    """
                    11435061636552697374726574746f3235350850617373776f726464
                    00000000000000000000000000000000000000000000000000000000
                    00000000000000000000000000000000000000000000000000000000
                    00000000000000000000000000000000000000000000000000000000
                    00000000000000000000000000000000180b415f696e69746961746f
                    720b425f726573706f6e646572107e4b4791d6a8ef019b936c79fb7f
                    2c57
                    """))
        #expect(
            try SHA512.hash(string).exposedCopy()
                == octets(
                    """
                    da6d3ddc8802fca9058755ffd3ebde08a9c2c74945901a258482a288b6663af0
                    6bf645c93cd1c51512307199c80e84908916d983b34af77205f90851a657ee27
                    """))
    }

    @Test func aLongPasswordLeavesNoRoomForZeros() throws {
        let long = SecretBytes([UInt8](repeating: 7, count: 200))
        let string = CPace.generatorString(password: long, channel: [1], session: [2])
        #expect(
            string.exposedCopy()
                == [17] + text("CPaceRistretto255") + [200, 1] + [UInt8](repeating: 7, count: 200) + [0, 1, 1, 1, 2])
    }

    @Test func generator() throws {
        let generator = CPace.generator(password: password, channel: channel, session: session)
        #expect(
            try generator.encoded.exposedCopy()
                == octets("222b6b195fe84b1652badb6f6a3ae3d24341e7306967f0b8115b40d5698c7e56"))
    }

    // MARK: Messages and keys

    @Test func shares() throws {
        let generator = CPace.generator(password: password, channel: channel, session: session)
        #expect(try scalar(deviceScalar).multiply(generator).bytes == deviceShare)
        #expect(try scalar(nodeScalar).multiply(generator).bytes == nodeShare)
    }

    @Test func bothSidesAgree() throws {
        #expect(try agreed().encoded.exposedCopy() == shared)
        let other = try scalar(nodeScalar).multiply(try Ristretto255.Element(deviceShare))
        #expect(other.encoded.exposedCopy() == shared)
    }

    @Test func transcripts() throws {
        #expect(
            try transcriptIR()
                == octets(
                    """
                    20d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0e
                    ec482b915703414461203ea7e0b19560d7c0b0f5734f63b955286dfa
                    8232b5ebe63324e2d9e7433f725803414462
                    """))
        #expect(
            try transcriptOC(deviceShare, "ADa", nodeShare, "ADb")
                == octets(
                    """
                    6f6320d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f
                    8d0eec482b915703414461203ea7e0b19560d7c0b0f5734f63b95528
                    6dfa8232b5ebe63324e2d9e7433f725803414462
                    """))
    }

    @Test func sessionKeyOfInitiatorAndResponder() throws {
        let key = CPace.sessionKey(session: session, shared: try agreed(), transcript: try transcriptIR())
        #expect(
            try key.exposedCopy()
                == octets(
                    """
                    b69effbf61b51d56401c0f65601abe428de8206feaaf0e32198896dcae7b35cd
                    2b38950a39dfd5d4a79164614c2984f7daa460b588c1e80c3fa2068af7900447
                    """))
    }

    @Test func sessionKeyOfParallelExecution() throws {
        let key = CPace.sessionKey(
            session: session, shared: try agreed(),
            transcript: transcriptOC(deviceShare, "ADa", nodeShare, "ADb"))
        #expect(
            try key.exposedCopy()
                == octets(
                    """
                    544199d71f62f8d9a1fee55727e24fe4a45844593c2b6013c4fa3969d0e5debb
                    2244675c0b43397cbb68d342b01fc0f98fc961469a25134de9f0f813c1a57476
                    """))
    }

    @Test func sessionIdentifiersMadeAlongside() throws {
        #expect(
            try SHA512.hash(text("CPaceSidOutput") + transcriptIR())
                == octets(
                    """
                    bb1c449b35f0ea79a65c209f329a693d475e0ce2387bed9fe4b78f60b2a27c21
                    9813fb2cfe175ef40d2222d9261e66da7d78f7c55a303b1b8611dcdfab880c47
                    """))
        #expect(
            try SHA512.hash(text("CPaceSidOutput") + transcriptOC(deviceShare, "ADa", nodeShare, "ADb"))
                == octets(
                    """
                    10d5941d4933497fe31b9188d690b84465e2a2d158332a7267284a071a8d0876
                    fc5c8c329dc735d59a9f8ef6623ee23924704a2f929dd631ca981227ee82fff2
                    """))
    }

    // MARK: Valid and invalid points

    private static let point = "2c3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c"
    /// Y_i1, which is not canonical, and Y_i2, the identity.
    private static let invalid = [
        "2b3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c",
        "0000000000000000000000000000000000000000000000000000000000000000",
    ]

    @Test func multiplicationOfAValidPoint() throws {
        let scalar = scalar(try octets("7cd0e075fa7955ba52c02759a6c90dbbfc10e6d40aea8d283e407d88cf538a05"))
        let product = try scalar.multiply(try Ristretto255.Element(try octets(Self.point)))
        #expect(
            try product.encoded.exposedCopy()
                == octets("7c13645fe790a468f62c39beb7388e541d8405d1ade69d1778c5fe3e7f6b600e"))
    }

    @Test(arguments: invalid) func invalidPointsEndTheExchange(_ point: String) throws {
        let bytes = try octets(point)
        #expect(throws: CryptoError.weakPublicKey) { try Ristretto255.Element(bytes) }
        var exchange = try Exchange()
        exchange.wire = { step, message in step == .deviceShare ? bytes : message }
        #expect(exchange.run() == Exchange.Result(nodeError: .invalidShare))
        exchange.wire = { step, message in step == .nodeShare ? bytes : message }
        #expect(exchange.run() == Exchange.Result(deviceError: .invalidShare))
    }
}
