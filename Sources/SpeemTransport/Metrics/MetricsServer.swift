public import Logging
public import NIOCore

/// Shows the metrics of a program to Prometheus on the same machine: answers `GET /metrics` over HTTP/1.1, one request for
/// each connection, and nothing else. Bound to a loopback address, which the caller sees to.
public final class MetricsServer: Sendable {
    typealias Connection = NIOAsyncChannel<MetricsRequest, [UInt8]>

    /// Connections at once.
    static let connections = 8
    /// How long a connection may take from its beginning to its end.
    static let patience: TimeAmount = .seconds(10)

    private let listener: Listener
    private let text: @Sendable () async throws -> String
    private let patience: TimeAmount
    private let logger: Logger
    /// The bound address, "host:port".
    public let address: String

    /// Binds the socket.
    ///
    /// - Parameter text: the metrics, in Prometheus' text format 0.0.4.
    /// - Throws: ``TransportError/cannotListen(address:reason:)``.
    public static func bind(
        host: String, port: UInt16, group: any EventLoopGroup, logger: Logger,
        text: @escaping @Sendable () async throws -> String
    ) async throws -> MetricsServer {
        try await bind(host: host, port: port, group: group, logger: logger, patience: patience, text: text)
    }

    static func bind(
        host: String, port: UInt16, group: any EventLoopGroup, logger: Logger, patience: TimeAmount,
        text: @escaping @Sendable () async throws -> String
    ) async throws -> MetricsServer {
        let listener = try await Listener.bind(
            [.tcp(host: host, port: port)], places: ConnectionPlaces(connections), group: group, logger: logger
        ) { channel in
            try channel.pipeline.syncOperations.addHandlers([
                ByteToMessageHandler(MetricsRequestDecoder()), LineEncoder(),
            ])
        }
        return MetricsServer(listener: listener, text: text, patience: patience, logger: logger)
    }

    private init(
        listener: Listener, text: @escaping @Sendable () async throws -> String, patience: TimeAmount, logger: Logger
    ) {
        self.listener = listener
        self.text = text
        self.patience = patience
        self.logger = logger
        address = listener.addresses.first ?? ""
    }

    /// Serves until the task is cancelled, or the socket ends on its own.
    public func run() async {
        do {
            try await listener.serve { await self.serve($0) }
        } catch {
            logger.error("metrics are not shown any more: \(error)")
        }
    }

    /// Stops listening, and closes every connection; for a server that does not run (yet).
    public func stop() async { await listener.stop() }

    private func serve(_ channel: any Channel) async {
        let end = channel.eventLoop.scheduleTask(in: patience) { channel.close(promise: nil) }
        defer { end.cancel() }
        do {
            try await Connection.begin(channel).executeThenClose { inbound, outbound in
                for try await request in inbound {
                    try await outbound.write(await self.answer(request))
                    break
                }
            }
        } catch {
            logger.debug("a metrics connection ended: \(error)")
        }
    }

    private func answer(_ request: MetricsRequest) async -> [UInt8] {
        switch request {
        case .refused(let refusal): return Self.response(refusal)
        case .metrics:
            do {
                return Self.response(200, "OK", body: try await text())
            } catch {
                logger.warning("the metrics cannot be shown: \(error)")
                return Self.response(.failed)
            }
        }
    }

    private static func response(_ refusal: MetricsRequest.Refusal) -> [UInt8] {
        response(
            refusal.rawValue, refusal.words, fields: refusal == .methodNotAllowed ? "Allow: GET\r\n" : "",
            body: "\(refusal.words)\n")
    }

    private static func response(_ status: Int, _ words: String, fields: String = "", body: String) -> [UInt8] {
        let type = status == 200 ? "text/plain; version=0.0.4; charset=utf-8" : "text/plain; charset=utf-8"
        let head =
            "HTTP/1.1 \(status) \(words)\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n"
            + "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\(fields)Connection: close\r\n\r\n"
        return Array((head + body).utf8)
    }
}

/// Waits for the head of one request; what comes behind it is not looked at.
struct MetricsRequestDecoder: NIOSingleStepByteToMessageDecoder {
    typealias InboundOut = MetricsRequest

    private var isDone = false

    mutating func decode(buffer: inout ByteBuffer) throws -> MetricsRequest? {
        let request = isDone ? nil : MetricsRequest.read(buffer.readableBytesView)
        if request != nil { isDone = true }
        if isDone { buffer.moveReaderIndex(to: buffer.writerIndex) }
        return request
    }

    mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> MetricsRequest? {
        try decode(buffer: &buffer)
    }
}
