import Testing

@testable import SpeemQR

@Suite struct BitBufferTests {
    @Test func bitsAreGatheredMostSignificantFirst() {
        var buffer = BitBuffer()
        buffer.append(0b101, width: 3)
        #expect(buffer.bytes == [0b1010_0000])
        buffer.append(0, width: 0)
        #expect(buffer.count == 3)
        buffer.append(0b1_0000_0001, width: 9)
        #expect(buffer.bytes == [0b1011_0000, 0b0001_0000])
        #expect(buffer.count == 12)
        buffer.append(0xFFFF, width: 16)
        #expect(buffer.bytes == [0b1011_0000, 0b0001_1111, 0xFF, 0b1111_0000])
        #expect(buffer.count == 28)
    }

    @Test func anyDivisionIntoFieldsGivesTheSameBits() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<200 {
            var whole = ""
            var buffer = BitBuffer()
            for _ in 0..<Int.random(in: 1...20, using: &generator) {
                let width = Int.random(in: 1...16, using: &generator)
                let value = Int.random(in: 0..<(1 << width), using: &generator)
                buffer.append(value, width: width)
                let digits = String(value, radix: 2)
                whole += String(repeating: "0", count: width - digits.count) + digits
            }
            #expect(buffer.count == whole.count)
            let bits = buffer.bytes.map { byte in
                let digits = String(byte, radix: 2)
                return String(repeating: "0", count: 8 - digits.count) + digits
            }.joined()
            #expect(bits.prefix(buffer.count) == whole)
            #expect(bits.dropFirst(buffer.count).allSatisfy { $0 == "0" })
        }
    }
}
