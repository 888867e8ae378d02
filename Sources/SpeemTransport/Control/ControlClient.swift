public import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

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
    /// - Throws: ``ControlError`` from the daemon; ``TransportError`` when its socket cannot be used, or it goes away in
    ///   between.
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
        } catch let error as IOError where error.errnoCode == ENOENT || error.errnoCode == ECONNREFUSED {
            return nil
        } catch {
            throw TransportError.unreachable(address: path, reason: Self.words(error, path))
        }
        do {
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
        } catch let error as LineDecoder.LineTooLong {
            throw TransportError.violation("\(error)")
        } catch let error where error is IOError || error is ChannelError || error is NIOAsyncWriterError {
            throw TransportError.disconnected
        }
    }

    /// Why the socket cannot be used, and whose it is where that is the reason.
    static func words(_ error: any Error, _ path: String) -> String {
        guard let error = error as? IOError, error.errnoCode == EACCES || error.errnoCode == EPERM else {
            return systemWords(error)
        }
        var status = stat()
        var place = path
        // What cannot be looked at is in a folder of the same user.
        while lstat(place, &status) != 0 {
            guard let slash = place.lastIndex(of: "/"), slash != place.startIndex else { return systemWords(error) }
            place = String(place[..<slash])
        }
        return
            "\(systemWords(error)); \(place) belongs to the user with id \(status.st_uid), and this one has \(geteuid())"
    }
}
