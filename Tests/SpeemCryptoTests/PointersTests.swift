import Testing

@testable import SpeemCrypto

@Suite struct PointersTests {
    @Test func anEmptyBufferHasAnAddressForC() {
        let none = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        let address = UInt(bitPattern: none.octets)
        #expect(address != 0)
        #expect(UInt(bitPattern: UnsafeRawBufferPointer(none).octets) == address)
        #expect(UInt(bitPattern: UnsafeMutableBufferPointer<UInt8>(start: nil, count: 0).octets) == address)
    }

    @Test func anotherBufferKeepsItsOwnAddress() {
        var bytes = counting(4)
        bytes.withUnsafeMutableBytes { buffer in
            #expect(UnsafeMutableRawPointer(buffer.octets) == buffer.baseAddress)
            #expect(UnsafeRawPointer(UnsafeRawBufferPointer(buffer).octets) == UnsafeRawPointer(buffer.octets))
            #expect(UnsafeRawBufferPointer(buffer).octets[3] == 3)
        }
        bytes.withUnsafeMutableBufferPointer { buffer in
            #expect(buffer.octets == buffer.baseAddress)
        }
    }
}
