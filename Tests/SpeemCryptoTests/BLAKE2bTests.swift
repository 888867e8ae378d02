import SpeemCrypto
import Testing

@Suite struct BLAKE2bTests {
    /// RFC 7693, appendix A.
    @Test func matchesTheRFCsExample() throws {
        let digest = try octets(
            """
            ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1
            7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923
            """)
        #expect(BLAKE2b.hash(text("abc"), length: BLAKE2b.fullLength) == digest)
    }

    /// RFC 7693, appendix E: one digest over 48 others, of 4 lengths and 6 inputs, with and without a key.
    @Test func passesTheRFCsSelfTest() throws {
        func sequence(_ length: Int, seed: Int) -> [UInt8] {
            var first: UInt32 = 0xdead_4bad &* UInt32(seed)
            var second: UInt32 = 1
            return (0..<length).map { _ in
                let sum = first &+ second
                first = second
                second = sum
                return UInt8(sum >> 24)
            }
        }
        var digests: [UInt8] = []
        for length in [20, 32, 48, 64] {
            for inputLength in [0, 3, 128, 129, 255, 1_024] {
                let input = sequence(inputLength, seed: inputLength)
                digests += BLAKE2b.hash(input, length: length)
                digests += BLAKE2b.hash(input, key: SecretBytes(sequence(length, seed: length)), length: length)
            }
        }
        #expect(
            BLAKE2b.hash(digests)
                == (try octets("c23a7800d98123bd10f506c61e29da5603d763b8bbad2e737f5e765a7bccd475")))
    }

    /// blake2-kat.json of the BLAKE2 authors (github.com/BLAKE2/BLAKE2, testvectors), BLAKE2b keyed with 00 to 3f.
    @Test(arguments: [
        (
            0,
            """
            10ebb67700b1868efb4417987acf4690ae9d972fb7a590c2f02871799aaa4786
            b5e996e8f0f4eb981fc214b005f42d2ff4233499391653df7aefcbc13fc51568
            """
        ),
        (
            1,
            """
            961f6dd1e4dd30f63901690c512e78e4b45e4742ed197c3c5e45c549fd25f2e4
            187b0bc9fe30492b16b0d0bc4ef9b0f34c7003fac09a5ef1532e69430234cebd
            """
        ),
        (
            255,
            """
            142709d62e28fcccd0af97fad0f8465b971e82201dc51070faa0372aa43e9248
            4be1c1e73ba10906d5d1853db6a4106e0a7bf9800d373d6dee2d46d62ef2a461
            """
        ),
    ])
    func matchesTheAuthorsKeyedVectors(inputLength: Int, digest: String) throws {
        #expect(
            BLAKE2b.hash(counting(inputLength), key: SecretBytes(counting(64)), length: 64) == (try octets(digest)))
    }

    /// Made with Python's hashlib, which has the BLAKE2 authors' code: `blake2b(b"abc", digest_size=n)`.
    @Test(arguments: [
        (16, "cf4ab791c62b8d2b2109c90275287816"),
        (20, "384264f676f39536840523f284921cdc68b6846b"),
        (32, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"),
        (48, "6f56a82c8e7ef526dfe182eb5212f7db9df1317e57815dbda46083fc30f54ee6c66ba83be64b302d7cba6ce15bb556f4"),
    ])
    func theLengthIsPartOfTheHash(length: Int, digest: String) throws {
        #expect(BLAKE2b.hash(text("abc"), length: length) == (try octets(digest)))
    }

    @Test func everyAllowedLengthGivesThatManyBytes() {
        for length in 16...64 { #expect(BLAKE2b.hash([1], length: length).count == length) }
        #expect(BLAKE2b.hash([1]).count == BLAKE2b.shortLength)
    }

    @Test func onlyTheConcatenationOfPlainPartsCounts() {
        let whole = counting(300)
        let digest = BLAKE2b.hash(whole, length: 64)
        for cut in [0, 1, 63, 64, 127, 128, 129, 255, 256, 300] {
            #expect(BLAKE2b.hash(Array(whole[..<cut]), Array(whole[cut...]), length: 64) == digest)
        }
        #expect(BLAKE2b.hash([], whole, [], length: 64) == digest)
    }

    @Test func nothingAndOneEmptyPartAreTheSameHash() throws {
        // BLAKE2b-512 of nothing: blake2-kat.json of the BLAKE2 authors.
        let empty = try octets(
            """
            786a02f742015903c6c6fd852552d272912f4740e15847618a86e217f71f5419
            d25e1031afee585313896444934eb04b903a685b1448b755d56f701afe9be2ce
            """)
        #expect(BLAKE2b.hash(length: 64) == empty)
        #expect(BLAKE2b.hash([], length: 64) == empty)
    }

    @Test func aKeyChangesTheHashAndAnEmptyKeyIsNone() {
        let plain = BLAKE2b.hash(text("m"))
        #expect(BLAKE2b.hash(text("m"), key: SecretBytes([])) == plain)
        var seen: Set<[UInt8]> = [plain]
        for length in 1...64 {
            #expect(seen.insert(BLAKE2b.hash(text("m"), key: SecretBytes(counting(length)))).inserted)
        }
        #expect(seen.insert(BLAKE2b.hash(text("m"), key: SecretBytes([0]))).inserted == false)
        #expect(seen.insert(BLAKE2b.hash(text("m"), key: SecretBytes([0, 0]))).inserted)
    }

    /// Made with Python: blake2b(b"speem/1 test hash\0" + le64(3) + b"abc" + le64(0), digest_size=32).
    @Test func theDomainAndEveryLengthComeBeforeTheParts() throws {
        #expect(
            BLAKE2b.hash(domain: DomainSeparator("test hash"), text("abc"), [])
                == (try octets("5adf92282fe8c3db44064d71dfc887f1cbbb455c9d6fff656c510f6f7339ee68")))
    }

    @Test func noTwoListsOfPartsInADomainHashAlike() {
        let domain = DomainSeparator("test hash")
        let digests: [[UInt8]] = [
            BLAKE2b.hash(domain: domain),
            BLAKE2b.hash(domain: domain, []),
            BLAKE2b.hash(domain: domain, [], []),
            BLAKE2b.hash(domain: domain, text("abc")),
            BLAKE2b.hash(domain: domain, text("abc"), []),
            BLAKE2b.hash(domain: domain, [], text("abc")),
            BLAKE2b.hash(domain: domain, text("a"), text("bc")),
            BLAKE2b.hash(domain: domain, text("ab"), text("c")),
            BLAKE2b.hash(domain: domain, text("c"), text("ab")),
            BLAKE2b.hash(domain: domain, text("a"), text("b"), text("c")),
            // A part that spells out the framing of two.
            BLAKE2b.hash(domain: domain, text("a") + LittleEndian.bytes(2) + text("bc")),
            BLAKE2b.hash(domain: DomainSeparator("test hash 2"), text("abc")),
            BLAKE2b.hash(domain: DomainSeparator("test"), text("abc")),
        ]
        #expect(Set(digests).count == digests.count)
    }

    @Test func aLengthOutsideOfTheRangeIsOurMistake() async {
        await #expect(processExitsWith: .failure) { _ = BLAKE2b.hash([], length: 15) }
        await #expect(processExitsWith: .failure) { _ = BLAKE2b.hash([], length: 65) }
        await #expect(processExitsWith: .failure) { _ = BLAKE2b.hash([], key: SecretBytes(counting(65))) }
    }
}
