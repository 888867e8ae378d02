import NIOCore
import SpeemCPace

/// A connection over which a node is claimed, as messages of known lengths.
struct ClaimConnection {
    /// The peer hung up, or was hung up on.
    struct Ended: Error {}

    typealias Stream = NIOAsyncChannelInboundStream<ByteBuffer>

    let channel: any Channel
    private var inbound: Stream.AsyncIterator
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var buffer = ClaimMessageBuffer()

    /// Gives `body` an open channel that nobody reads from yet, and closes it afterwards.
    static func run<T: Sendable>(
        _ channel: any Channel, _ body: (inout ClaimConnection) async throws -> T
    ) async throws -> T {
        try await NIOAsyncChannel<ByteBuffer, ByteBuffer>.begin(channel).executeThenClose { inbound, outbound in
            var connection = ClaimConnection(
                channel: channel, inbound: inbound.makeAsyncIterator(), outbound: outbound)
            return try await body(&connection)
        }
    }

    private init(
        channel: any Channel, inbound: Stream.AsyncIterator, outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        self.channel = channel
        self.inbound = inbound
        self.outbound = outbound
    }

    /// The next message.
    ///
    /// - Throws: ``Ended`` when the connection ends before it is complete.
    mutating func read(_ length: Int) async throws -> [UInt8] {
        while true {
            if let message = buffer.next(length) { return message }
            guard let chunk = try await inbound.next() else { throw Ended() }
            buffer.append(chunk.readableBytesView)
        }
    }

    func write(_ message: [UInt8]) async throws { try await outbound.write(ByteBuffer(bytes: message)) }
}

extension ClaimChannel {
    /// The ends of a TCP connection; nil when an address is missing, or of another family.
    init?(device: SocketAddress?, node: SocketAddress?) {
        guard let device, let node, let deviceEnd = Endpoint(device), let nodeEnd = Endpoint(node) else { return nil }
        self.init(device: deviceEnd, node: nodeEnd)
    }
}

extension ClaimChannel.Endpoint {
    fileprivate init?(_ address: SocketAddress) {
        guard let bytes = address.ipBytes, let port = address.port.flatMap({ UInt16(exactly: $0) }) else { return nil }
        self.init(address: bytes, port: port)
    }
}

extension SocketAddress {
    /// 4 or 16 bytes; nil for an address of another family.
    var ipBytes: [UInt8]? {
        switch self {
        // sin_addr and sin6_addr; on Linux and on Darwin they are in the same place.
        case .v4(let address): withUnsafeBytes(of: address.address) { Array($0[4..<8]) }
        case .v6(let address): withUnsafeBytes(of: address.address) { Array($0[8..<24]) }
        case .unixDomainSocket: nil
        }
    }
}
