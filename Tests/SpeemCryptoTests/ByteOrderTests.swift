import SpeemCrypto
import Testing

@Suite struct ByteOrderTests {
    @Test func littleEndianStartsWithTheLowestByte() {
        #expect(LittleEndian.bytes(0) == [UInt8](repeating: 0, count: 8))
        #expect(LittleEndian.bytes(1) == [1, 0, 0, 0, 0, 0, 0, 0])
        #expect(LittleEndian.bytes(0x0102_0304_0506_0708) == [8, 7, 6, 5, 4, 3, 2, 1])
        #expect(LittleEndian.bytes(.max) == [UInt8](repeating: 0xff, count: 8))
    }

    @Test func bigEndianStartsWithTheHighestByte() {
        #expect(BigEndian.bytes(UInt64(0x0102_0304_0506_0708)) == [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(BigEndian.bytes(UInt32(0x0102_0304)) == [1, 2, 3, 4])
        #expect(BigEndian.bytes(UInt16(0x0102)) == [1, 2])
        #expect(BigEndian.bytes(UInt64.max) == [UInt8](repeating: 0xff, count: 8))
        #expect(BigEndian.bytes(UInt32(1)) == [0, 0, 0, 1])
        #expect(BigEndian.bytes(UInt16(1)) == [0, 1])
    }

    @Test func oneOrderIsTheOtherReversed() {
        var generator = SeededGenerator(14)
        for _ in 0..<200 {
            let value = generator.next()
            #expect(LittleEndian.bytes(value) == BigEndian.bytes(value).reversed())
        }
    }

    @Test func bigEndianBytesSortLikeTheirNumbers() {
        var generator = SeededGenerator(15)
        for _ in 0..<200 {
            let (first, second) = (generator.next(), generator.next() >> 20)
            #expect(
                BigEndian.bytes(first).lexicographicallyPrecedes(BigEndian.bytes(second)) == (first < second))
        }
    }
}
