import SpeemCrypto
import Testing

@Suite struct HexTests {
    /// RFC 4648, section 10, in lower case.
    @Test(arguments: [
        ("", ""), ("f", "66"), ("fo", "666f"), ("foo", "666f6f"), ("foob", "666f6f62"), ("fooba", "666f6f6261"),
        ("foobar", "666f6f626172"),
    ])
    func matchesTheRFCsVectors(plain: String, encoded: String) {
        #expect(Hex.encode(text(plain)) == encoded)
        #expect(Hex.decode(encoded) == text(plain))
        #expect(Hex.decode(encoded.uppercased()) == text(plain))
    }

    @Test func everyByteHasTwoDigits() {
        #expect(Hex.encode(0...255).count == 512)
        #expect(Hex.encode([0x00, 0x0f, 0xf0, 0xa5]) == "000ff0a5")
        for byte in UInt8.min...UInt8.max { #expect(Hex.decode(Hex.encode([byte])) == [byte]) }
    }

    @Test(arguments: [
        "0", "000", "0g", "g0", " 00", "00 ", "0x00", "00\n", "é0", "０0", "0\u{301}0", "-1", "+1", "/0", ":0", "@0",
        "`0", "G0",
    ])
    func whatIsNotHexadecimalIsRefused(text: String) {
        #expect(Hex.decode(text) == nil)
    }

    @Test func secretsAreEncodedTheSame() throws {
        var generator = SeededGenerator(31)
        for length in 0..<40 {
            let bytes = generator.bytes(length)
            let encoded = Hex.encode(SecretBytes(bytes))
            #expect(encoded == SecretBytes(Array(Hex.encode(bytes).utf8)))
            let text = [1, 2] + encoded.exposedCopy()
            #expect(Hex.decodeSecret(text.dropFirst(2)) == SecretBytes(bytes))
            #expect(Hex.decodeSecret(Array(Hex.encode(bytes).uppercased().utf8)[...]) == SecretBytes(bytes))
        }
    }

    @Test(arguments: ["0", "000", "0g", "g0", " 00", "00 ", "00\n", "é0", "-1", "/0", ":0", "@0", "`0", "G0"])
    func secretsInNoHexadecimalTextAreRefused(text: String) {
        #expect(Hex.decodeSecret(Array(text.utf8)[...]) == nil)
    }

    @Test func substringsAreTextToo() {
        #expect(Hex.decode("xx00ffxx".dropFirst(2).dropLast(2)) == [0, 255])
    }
}

@Suite struct Base32Tests {
    /// RFC 4648, section 10, without the padding.
    @Test(arguments: [
        ("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("fooba", "MZXW6YTB"),
        ("foobar", "MZXW6YTBOI"),
    ])
    func matchesTheRFCsVectors(plain: String, encoded: String) {
        #expect(Base32.encode(text(plain)) == encoded)
        #expect(Base32.decode(encoded) == text(plain))
        #expect(Base32.decode(encoded.lowercased()) == text(plain))
    }

    @Test func usesOnlyLettersAndDigitsOfTheAlphabet() {
        let alphabet = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        let encoded = Base32.encode(0...255)
        #expect(Set(encoded) == alphabet)
        #expect(Base32.decode(encoded) == Array(0...255))
    }

    @Test func decodesWhatItEncoded() {
        var generator = SeededGenerator(16)
        for length in 0...100 {
            let bytes = generator.bytes(length)
            let encoded = Base32.encode(bytes)
            #expect(encoded.utf8.count == (length * 8 + 4) / 5)
            #expect(Base32.decode(encoded) == bytes)
        }
    }

    @Test func aLengthThatNoBytesHaveIsRefused() {
        for length in 0...64 {
            let text = String(repeating: "A", count: length)
            #expect((Base32.decode(text) == nil) == [1, 3, 6].contains(length % 8), "length \(length)")
        }
    }

    /// Every value has one text: what is left over in the last character must be zero.
    @Test func bitsLeftOverAreRefused() throws {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        for length in 1...12 {
            let bytes = counting(length, from: 0xf0)
            let encoded = Base32.encode(bytes)
            let decoded = alphabet.compactMap { Base32.decode(String(encoded.dropLast()) + String($0)) }
            let bitsUsed = length * 8 % 5 == 0 ? 5 : length * 8 % 5
            #expect(decoded.count == 1 << bitsUsed)
            #expect(Set(decoded).count == decoded.count, "two texts of one value")
            #expect(decoded.contains(bytes))
        }
    }

    @Test func noTwoShortTextsHaveOneValue() {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        var values: Set<[UInt8]> = []
        for first in alphabet {
            for second in alphabet {
                guard let value = Base32.decode(String([first, second])) else { continue }
                #expect(values.insert(value).inserted)
            }
        }
        #expect(values.count == 256)
    }

    @Test(arguments: [
        "0A", "1A", "8A", "9A", "A=", "MY======", " MY", "MY ", "M Y", "M-Y", "MY\n", "ÄA", "ＭＹ", "M\u{301}Y", "@A",
        "[A", "`A",
        "{A", "/A", "MY\0",
    ])
    func aForeignCharacterIsRefused(text: String) {
        #expect(Base32.decode(text) == nil)
    }

    @Test func substringsAreTextToo() {
        #expect(Base32.decode("speem:MZXQ".dropFirst(6)) == text("fo"))
    }

    @Test func aLongTextIsDecodedWhole() {
        let bytes = [UInt8](repeating: 0xff, count: 50_000)
        #expect(Base32.decode(Base32.encode(bytes)) == bytes)
    }
}
