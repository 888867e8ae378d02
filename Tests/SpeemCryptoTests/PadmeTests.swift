import SpeemCrypto
import Testing

@Suite struct PadmeTests {
    /// The definition of Nikitin et al., section 4.2, worked by hand: with E = floor(log2 L) and
    /// S = floor(log2 E) + 1, the E - S lowest bits of the length are rounded up to zeros.
    @Test(arguments: [
        (0, 0), (1, 1), (2, 2), (3, 3), (7, 7), (8, 8), (9, 10), (10, 10), (11, 12), (15, 16), (16, 16), (17, 18),
        (31, 32), (32, 32), (33, 36), (63, 64), (65, 72), (127, 128), (128, 128), (129, 144), (200, 208),
        (257, 272), (1_023, 1_024), (1_025, 1_088), (4_097, 4_352), (65_537, 67_584), (1_000_001, 1_015_808),
    ])
    func roundsUpToFewSignificantBits(length: Int, padded: Int) {
        #expect(Padme.paddedLength(length) == padded)
    }

    @Test func aPaddedLengthIsOneAlreadyAndNeverShorter() {
        var previous = 0
        for length in 0...20_000 {
            let padded = Padme.paddedLength(length)
            #expect(padded >= length)
            #expect(padded >= previous, "longer messages never get shorter")
            #expect(Padme.paddedLength(padded) == padded)
            previous = padded
        }
    }

    @Test func theOverheadIsAtMostTwelvePercent() {
        var generator = SeededGenerator(10)
        let lengths = Array(1...20_000) + (0..<5_000).map { _ in Int(generator.next() >> (generator.next() % 40 + 2)) }
        for length in lengths where length > 0 {
            let padded = Padme.paddedLength(length)
            #expect(Double(padded - length) <= Double(length) * 0.12, "length \(length)")
        }
    }

    @Test func fewLengthsAreLeft() {
        let lengths = Set((1...65_536).map(Padme.paddedLength))
        // O(log log) bits instead of 16.
        #expect(lengths.count < 256)
        #expect(lengths.contains(65_536))
    }

    @Test func noLengthTraps() {
        #expect(Padme.paddedLength(-1) == 0)
        #expect(Padme.paddedLength(.min) == 0)
        #expect(Padme.paddedLength(.max) == .max, "the next length does not fit")
        for exponent in 1..<63 {
            let power = 1 << exponent
            #expect(Padme.paddedLength(power) == power)
            #expect(Padme.paddedLength(power - 1) <= power)
        }
    }

    @Test func unpadsWhatItPadded() throws {
        for length in Array(0...300) + [4_095, 4_096, 65_535] {
            for minimum in [0, 1, 16, 64, 100, 5_000] {
                let bytes = [UInt8](repeating: 0xff, count: length)
                let padded = Padme.pad(bytes, minimum: minimum)
                #expect(padded.count > length && padded.count >= minimum)
                #expect(padded.count == Padme.paddedLength(padded.count), "\(length) bytes, minimum \(minimum)")
                #expect(try Padme.unpad(padded) == bytes)
            }
        }
    }

    @Test func contentThatLooksLikePaddingSurvives() throws {
        for content in [[0x80], [0], [0, 0, 0], [0x80, 0, 0], [1, 0x80], [0x80, 0x80], [1, 0, 0, 0x80, 0]] as [[UInt8]]
        {
            #expect(try Padme.unpad(Padme.pad(content)) == content)
            #expect(try Padme.unpad(Padme.pad(content, minimum: 50)) == content)
        }
    }

    @Test func thePaddingIsOneMarkAndZeros() {
        #expect(Padme.pad([]) == [0x80])
        #expect(Padme.pad([7]) == [7, 0x80])
        #expect(Padme.pad(counting(8)) == counting(8) + [0x80, 0])
        #expect(Padme.pad([7], minimum: 9) == [7, 0x80] + [UInt8](repeating: 0, count: 8))
        #expect(Padme.pad([7], minimum: -5) == [7, 0x80])
    }

    @Test func anyMessageUpToTheMinimumHasOneLength() {
        for length in 0..<256 { #expect(Padme.pad(counting(length), minimum: 256).count == 256) }
        #expect(Padme.pad(counting(256), minimum: 256).count > 256)
    }

    @Test(
        arguments: [[], [0], [0, 0, 0, 0], [1], [0x7f, 0, 0], [0x80, 1], [0x80, 0x81, 0], [0x80, 0, 0, 1]] as [[UInt8]])
    func whatHasNoMarkBeforeItsZerosIsRefused(padded: [UInt8]) {
        #expect(throws: CryptoError.malformedPadding) { try Padme.unpad(padded) }
    }

    @Test func noInputTraps() {
        var generator = SeededGenerator(11)
        for _ in 0..<2_000 {
            let noise = generator.bytes(Int(generator.next() % 12)).map { $0 % 3 == 0 ? 0 : $0 % 3 == 1 ? 0x80 : $0 }
            if let content = try? Padme.unpad(noise) {
                #expect(noise.starts(with: content + [0x80]))
                #expect(noise.dropFirst(content.count + 1).allSatisfy { $0 == 0 })
            }
        }
    }
}
