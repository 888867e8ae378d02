import NIOCore

/// Takes a byte stream apart into Noise messages: a 2-byte big-endian length, and that many bytes.
struct NoiseFrameDecoder: NIOSingleStepByteToMessageDecoder {
    typealias InboundOut = [UInt8]

    mutating func decode(buffer: inout ByteBuffer) -> [UInt8]? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt16.self),
            buffer.readableBytes >= TransportLimits.lengthPrefix + Int(length)
        else { return nil }
        buffer.moveReaderIndex(forwardBy: TransportLimits.lengthPrefix)
        return buffer.readBytes(length: Int(length))
    }

    mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) -> [UInt8]? { decode(buffer: &buffer) }
}

extension ByteBuffer {
    /// Appends a Noise message behind its length.
    mutating func writeNoiseMessage(_ message: [UInt8]) {
        precondition(message.count <= Int(UInt16.max), "a Noise message has at most 65,535 bytes")
        writeInteger(UInt16(message.count))
        writeBytes(message)
    }
}
