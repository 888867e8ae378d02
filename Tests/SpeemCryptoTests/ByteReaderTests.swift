import SpeemCrypto
import Testing

@Suite struct ByteReaderTests {
    @Test func readsInOrder() throws {
        var reader = ByteReader(counting(20))
        #expect(reader.offset == 0 && reader.remaining == 20)
        #expect(try reader.readByte() == 0)
        #expect(try reader.read(3) == [1, 2, 3])
        #expect(try reader.readBigEndian(UInt16.self) == 0x0405)
        #expect(try reader.readBigEndian(UInt32.self) == 0x0607_0809)
        #expect(try reader.readBigEndian(UInt64.self) == 0x0a0b_0c0d_0e0f_1011)
        #expect(reader.offset == 18 && reader.remaining == 2)
        #expect(reader.readRest() == [18, 19])
        #expect(reader.offset == 20 && reader.remaining == 0)
    }

    @Test func secretsAreReadInTheirPlace() throws {
        var reader = ByteReader(counting(10))
        #expect(try reader.read(2) == [0, 1])
        #expect(try reader.readSecret(3) == SecretBytes([2, 3, 4]))
        #expect(try reader.readSecret(0).count == 0)
        for count in [6, 1_000, .max, -1, .min] {
            #expect(throws: ByteReader.Truncated()) { try reader.readSecret(count) }
        }
        #expect(try reader.readSecret(5) == SecretBytes([5, 6, 7, 8, 9]))
        #expect(reader.remaining == 0)
    }

    @Test func readsWhatBigEndianWrote() throws {
        for value in [0, 1, 0x80, 0xffff, 0x0102_0304_0506_0708, .max] as [UInt64] {
            var reader = ByteReader(
                BigEndian.bytes(value) + BigEndian.bytes(UInt32(truncatingIfNeeded: value))
                    + BigEndian.bytes(UInt16(truncatingIfNeeded: value)) + [UInt8(truncatingIfNeeded: value)])
            #expect(try reader.readBigEndian(UInt64.self) == value)
            #expect(try reader.readBigEndian(UInt32.self) == UInt32(truncatingIfNeeded: value))
            #expect(try reader.readBigEndian(UInt16.self) == UInt16(truncatingIfNeeded: value))
            #expect(try reader.readBigEndian(UInt8.self) == UInt8(truncatingIfNeeded: value))
            #expect(reader.remaining == 0)
        }
    }

    @Test func anEndThatComesTooEarlyIsAnErrorAndMovesNothing() throws {
        for length in 0..<8 {
            var reader = ByteReader(counting(length))
            #expect(throws: ByteReader.Truncated()) { try reader.readBigEndian(UInt64.self) }
            #expect(throws: ByteReader.Truncated()) { try reader.read(length + 1) }
            #expect(reader.offset == 0 && reader.remaining == length)
            #expect(try reader.read(length) == counting(length))
            #expect(throws: ByteReader.Truncated()) { try reader.readByte() }
            #expect(reader.offset == length)
        }
    }

    @Test(arguments: [-1, -1_000, .min, .max, .max - 1, 6]) func noCountTraps(count: Int) throws {
        var reader = ByteReader(counting(8))
        #expect(try reader.read(3) == [0, 1, 2])
        #expect(throws: ByteReader.Truncated()) { try reader.read(count) }
        #expect(reader.offset == 3)
    }

    @Test func nothingCanAlwaysBeRead() throws {
        var reader = ByteReader([])
        #expect(try reader.read(0).isEmpty)
        #expect(reader.readRest().isEmpty)
        #expect(reader.readRest().isEmpty)
        #expect(reader.offset == 0)
    }

    @Test func copiesReadOnTheirOwn() throws {
        var reader = ByteReader(counting(4))
        _ = try reader.readByte()
        var copy = reader
        #expect(copy.readRest() == [1, 2, 3])
        #expect(reader.remaining == 3)
    }

    @Test func noSequenceOfReadsTraps() {
        var generator = SeededGenerator(13)
        for _ in 0..<500 {
            let bytes = generator.bytes(Int(generator.next() % 40))
            var reader = ByteReader(bytes)
            var read: [UInt8] = []
            for _ in 0..<20 {
                switch generator.next() % 5 {
                case 0: if let byte = try? reader.readByte() { read.append(byte) }
                case 1: if let part = try? reader.read(Int(generator.next() % 12) - 2) { read += part }
                case 2: if let value = try? reader.readBigEndian(UInt16.self) { read += BigEndian.bytes(value) }
                case 3: if let value = try? reader.readBigEndian(UInt64.self) { read += BigEndian.bytes(value) }
                default: if let value = try? reader.readBigEndian(UInt32.self) { read += BigEndian.bytes(value) }
                }
                #expect(read == Array(bytes[..<reader.offset]))
                #expect(reader.offset + reader.remaining == bytes.count)
            }
        }
    }
}
