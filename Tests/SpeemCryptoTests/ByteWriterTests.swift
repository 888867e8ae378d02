import SpeemCrypto
import Testing

@Suite struct ByteWriterTests {
    @Test func writesInOrder() {
        var writer = ByteWriter()
        #expect(writer.bytes.isEmpty)
        writer.write(1)
        writer.write([2, 3])
        writer.write([])
        writer.write(bigEndian: UInt16(0x0405))
        writer.write(bigEndian: UInt32(0x0607_0809))
        writer.write(bigEndian: UInt64(0x0a0b_0c0d_0e0f_1011))
        writer.write(lengthPrefixed: [18])
        #expect(writer.bytes == counting(17, from: 1) + [0, 1, 18])
    }

    @Test func theReaderTakesApartWhatTheWriterBuilt() throws {
        for length in [0, 1, 255, 256, 65_535] {
            var writer = ByteWriter()
            writer.write(lengthPrefixed: counting(length))
            writer.write(7)
            #expect(writer.bytes.count == length + 3)
            var reader = ByteReader(writer.bytes)
            #expect(try reader.readLengthPrefixed(limit: length) == counting(length))
            #expect(try reader.readByte() == 7)
            #expect(reader.remaining == 0)
        }
    }

    @Test func aFieldOverTheLimitIsRefused() {
        for (length, limit) in [(1, 0), (2, 1), (300, 299), (5, -1)] {
            var writer = ByteWriter()
            writer.write(lengthPrefixed: counting(length))
            var reader = ByteReader(writer.bytes)
            #expect(throws: ByteReader.Truncated()) { try reader.readLengthPrefixed(limit: limit) }
        }
    }

    @Test func aFieldThatIsCutIsRefused() {
        var writer = ByteWriter()
        writer.write(lengthPrefixed: counting(20))
        for length in 0..<22 {
            var reader = ByteReader(Array(writer.bytes[..<length]))
            #expect(throws: ByteReader.Truncated(), "cut to \(length)") { try reader.readLengthPrefixed(limit: 100) }
        }
    }

    @Test func aFieldTooLongForItsLengthIsOurMistake() async {
        await #expect(processExitsWith: .failure) {
            var writer = ByteWriter()
            writer.write(lengthPrefixed: [UInt8](repeating: 0, count: 65_536))
        }
    }
}
