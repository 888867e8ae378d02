public import Logging
public import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One client of the control socket.
public struct ControlSession: Sendable {
    private let sendNotification: @Sendable (String, JSON) async throws -> Void

    /// - Parameter notify: takes the method and the parameters of each notification.
    public init(notify: @escaping @Sendable (String, JSON) async throws -> Void) { sendNotification = notify }

    /// Sends a JSON-RPC notification.
    public func notify(_ method: String, _ parameters: JSON) async throws {
        try await sendNotification(method, parameters)
    }
}

/// Answers control methods. A method that runs on, to send notifications, is cancelled when its client goes.
public protocol ControlHandler: Sendable {
    /// - Throws: ``ControlError``; anything else is reported as an internal error.
    func call(_ method: String, _ parameters: JSON, session: ControlSession) async throws -> JSON
}

/// JSON-RPC 2.0 over a Unix socket, one line for each message. Only this user and root may connect: mode 0600.
public final class ControlServer: Sendable {
    typealias Connection = NIOAsyncChannel<[UInt8], [UInt8]>

    let listener: Listener
    private let handler: any ControlHandler
    private let logger: Logger
    public let path: String

    /// Binds the socket. One that a killed process left is replaced: the caller holds the store's lock, so no other
    /// process serves it.
    ///
    /// - Throws: ``TransportError/cannotListen(address:reason:)``.
    public static func bind(
        path: String, handler: any ControlHandler, group: any EventLoopGroup, logger: Logger
    ) async throws -> ControlServer {
        // Until the mode is set below, the usual umask and the private data folder keep others from connecting.
        let listener = try await Listener.bind(
            [.unix(path: path)], places: ConnectionPlaces(ControlLimits.connections), group: group, logger: logger
        ) { channel in
            try channel.pipeline.syncOperations.addHandlers([ByteToMessageHandler(LineDecoder()), LineEncoder()])
        }
        guard chmod(path, 0o600) == 0 else {
            let reason = String(cString: strerror(errno))
            await listener.stop()
            unlink(path)
            throw TransportError.cannotListen(address: path, reason: reason)
        }
        return ControlServer(listener: listener, handler: handler, logger: logger, path: path)
    }

    private init(listener: Listener, handler: any ControlHandler, logger: Logger, path: String) {
        self.listener = listener
        self.handler = handler
        self.logger = logger
        self.path = path
    }

    /// Serves until the task is cancelled or the server is stopped; removes the socket then. It returns without being
    /// asked to when the socket ends on its own.
    public func run() async {
        do {
            try await listener.serve { await self.serve($0) }
        } catch {
            logger.error("the control socket failed: \(error)")
        }
        unlink(path)
    }

    /// Stops listening, and removes the socket; for a server that does not run (yet).
    public func stop() async {
        await listener.stop()
        unlink(path)
    }

    private func serve(_ channel: any Channel) async {
        do {
            try await Connection.begin(channel).executeThenClose { inbound, outbound in
                let send: @Sendable (ControlMessage) async throws -> Void = { try await outbound.write($0.line) }
                try await withThrowingDiscardingTaskGroup { group in
                    for try await line in inbound where !line.isEmpty {
                        switch ControlMessage.parseRequest(line) {
                        case .failure(let error): try await send(.failure(id: .null, error))
                        case .success(let request):
                            group.addTask { try? await self.answer(request, send) }
                        }
                    }
                    group.cancelAll()
                }
            }
        } catch {
            logger.debug("a control connection ended: \(error)")
        }
    }

    private func answer(
        _ request: (id: JSON?, method: String, parameters: JSON),
        _ send: @escaping @Sendable (ControlMessage) async throws -> Void
    ) async throws {
        let session = ControlSession { try await send(.notification(method: $0, parameters: $1)) }
        let reply: ControlMessage
        do {
            let result = try await handler.call(request.method, request.parameters, session: session)
            guard let id = request.id else { return }
            reply = .result(id: id, result)
        } catch {
            guard let id = request.id else { return }
            reply = .failure(id: id, error as? ControlError ?? .internalError("\(error)"))
        }
        try await send(reply)
    }
}
