import NIOCore
import Testing

@testable import SpeemTransport

struct NoiseFramingTests {
    private let messages: [[UInt8]] = [[1, 2, 3], [], [UInt8](repeating: 9, count: 65_535), [7]]

    @Test(arguments: [1, 2, 3, 1000, 200_000])
    func anyPortions(size: Int) {
        var wire = ByteBuffer()
        for message in messages { wire.writeNoiseMessage(message) }
        var decoder = NoiseFrameDecoder()
        var buffer = ByteBuffer()
        var decoded: [[UInt8]] = []
        while wire.readableBytes > 0 {
            guard var portion = wire.readSlice(length: min(size, wire.readableBytes)) else { break }
            buffer.writeBuffer(&portion)
            while let message = decoder.decode(buffer: &buffer) { decoded.append(message) }
        }
        #expect(decoded == messages)
        #expect(buffer.readableBytes == 0)
    }

    @Test func anUnfinishedMessageIsNone() {
        var decoder = NoiseFrameDecoder()
        for bytes in [[], [0], [0, 2], [0, 2, 1], [255, 255, 1, 2, 3]] as [[UInt8]] {
            var buffer = ByteBuffer(bytes: bytes)
            #expect(decoder.decode(buffer: &buffer) == nil)
            #expect(decoder.decodeLast(buffer: &buffer, seenEOF: true) == nil)
        }
    }
}
