import NIOCore

/// Takes a byte stream apart into lines of at most ``ControlLimits/lineBytes``.
struct LineDecoder: NIOSingleStepByteToMessageDecoder {
    typealias InboundOut = [UInt8]

    struct LineTooLong: Error, CustomStringConvertible {
        var description: String { "a line has more than \(ControlLimits.lineBytes) bytes" }
    }

    /// Bytes of the buffer that hold no line end, so that a long line is not searched again and again.
    private var searched = 0

    mutating func decode(buffer: inout ByteBuffer) throws -> [UInt8]? {
        let view = buffer.readableBytesView
        guard let end = view.dropFirst(searched).firstIndex(of: UInt8(ascii: "\n")) else {
            searched = view.count
            guard view.count <= ControlLimits.lineBytes else { throw LineTooLong() }
            return nil
        }
        searched = 0
        let count = end - view.startIndex
        guard count <= ControlLimits.lineBytes else { throw LineTooLong() }
        let line = buffer.readBytes(length: count)
        buffer.moveReaderIndex(forwardBy: 1)
        return line
    }

    mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> [UInt8]? {
        try decode(buffer: &buffer)
    }
}

/// Writes lines that already carry their end.
final class LineEncoder: ChannelOutboundHandler {
    typealias OutboundIn = [UInt8]
    typealias OutboundOut = ByteBuffer

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        context.write(wrapOutboundOut(ByteBuffer(bytes: unwrapOutboundIn(data))), promise: promise)
    }
}
