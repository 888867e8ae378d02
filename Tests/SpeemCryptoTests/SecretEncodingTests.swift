import Testing

@testable import SpeemCrypto

@Suite struct SecretEncodingTests {
    @Test func nothingIsEmpty() {
        #expect(SecretWriter().encoded.count == 0)
        #expect(SecretReader(SecretBytes([])).remaining == 0)
    }

    @Test func fieldsStandOneAfterAnother() {
        var writer = SecretWriter()
        writer.write(1)
        writer.write([])
        writer.write(SecretBytes([2, 3]))
        writer.write([4, 5, 6])
        writer.write(SecretBytes([]))
        writer.write(SecretBytes([7]))
        #expect(writer.encoded.exposedCopy() == [1, 2, 3, 4, 5, 6, 7])
    }

    @Test func fieldsOfAnyLengthStandBehindIt() {
        for count in [0, 1, 255, 256, 65_535] {
            let field = [UInt8](repeating: 7, count: count)
            var (secret, plain) = (SecretWriter(), ByteWriter())
            secret.write(lengthPrefixed: field)
            plain.write(lengthPrefixed: field)
            #expect(secret.encoded == SecretBytes(plain.bytes))
        }
    }

    @Test func everyKindOfFieldIsReadBack() throws {
        var reader = SecretReader(SecretBytes([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]))
        #expect(try reader.readByte() == 1)
        #expect(try reader.readSecret(2) == SecretBytes([2, 3]))
        #expect(try reader.readBigEndian(UInt32.self) == 0x0405_0607)
        #expect(try reader.readBigEndian(UInt16.self) == 0x0809)
        #expect(try reader.read(0) == [])
        #expect(try reader.read(2) == [10, 11])
        #expect(reader.remaining == 0)
    }

    @Test func noReadGoesBeyondTheEnd() throws {
        var reader = SecretReader(SecretBytes([1, 2, 3]))
        for count in [4, 5, 1000, .max, -1, .min] {
            #expect(throws: ByteReader.Truncated.self) { try reader.read(count) }
            #expect(throws: ByteReader.Truncated.self) { try reader.readSecret(count) }
        }
        #expect(throws: ByteReader.Truncated.self) { try reader.readBigEndian(UInt32.self) }
        #expect(reader.remaining == 3)
        #expect(try reader.read(3) == [1, 2, 3])
        #expect(throws: ByteReader.Truncated.self) { try reader.readByte() }
        #expect(try reader.readSecret(0).count == 0)
    }
}
