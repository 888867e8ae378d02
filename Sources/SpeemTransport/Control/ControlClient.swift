public import NIOCore
import NIOPosix

/// Calls methods of a running daemon.
public struct ControlClient: Sendable {
    private let path: String
    private let group: any EventLoopGroup

    public init(path: String, group: any EventLoopGroup) {
        self.path = path
        self.group = group
    }

    /// Calls one method; `onNotification` gets what comes before its answer.
    ///
    /// - Returns: nil when nobody serves the socket.
    /// - Throws: ``ControlError`` from the daemon, ``TransportError`` when it goes away in between.
    public func call(
        _ method: String, _ parameters: JSON = .object([:]),
        onNotification: @Sendable (String, JSON) async throws -> Void = { _, _ in }
    ) async throws -> JSON? {
        let channel: NIOAsyncChannel<[UInt8], [UInt8]>
        do {
            channel = try await ClientBootstrap(group: group).connect(unixDomainSocketPath: path) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        ByteToMessageHandler(LineDecoder()), LineEncoder(),
                    ])
                    return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
                }
            }
        } catch {
            return nil
        }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(
                ControlMessage.request(id: .integer(1), method: method, parameters: parameters).line)
            for try await line in inbound {
                switch ControlMessage.parseReply(line) {
                case .notification(let method, let parameters): try await onNotification(method, parameters)
                case .result(_, let result): return result
                case .failure(_, let error): throw error
                case .request, nil: throw TransportError.violation("the daemon does not speak JSON-RPC 2.0")
                }
            }
            throw TransportError.disconnected
        }
    }
}
