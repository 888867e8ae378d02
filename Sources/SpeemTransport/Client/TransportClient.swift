public import NIOCore
import NIOPosix
public import SpeemCrypto
import SpeemNoise

/// What an initiator needs for a connection to one node.
public struct NodeCredentials: Sendable {
    /// The relationship's own key.
    public let initiatorKey: X25519.PrivateKey
    /// 32 bytes.
    public let preSharedKey: SecretBytes
    public let nodeKey: X25519.PublicKey

    public init(initiatorKey: X25519.PrivateKey, preSharedKey: SecretBytes, nodeKey: X25519.PublicKey) {
        self.initiatorKey = initiatorKey
        self.preSharedKey = preSharedKey
        self.nodeKey = nodeKey
    }
}

/// Opens connections to nodes.
public struct TransportClient: Sendable {
    private let group: any EventLoopGroup
    private let timeout: TimeAmount
    private let answerTimeout: TimeAmount

    /// - Parameters:
    ///   - timeout: for the connection, and again for the handshake.
    ///   - answerTimeout: how long a peer that was asked something may say nothing at all.
    public init(
        group: any EventLoopGroup, timeout: TimeAmount = .seconds(10),
        answerTimeout: TimeAmount = TransportLimits.answerTimeout
    ) {
        self.group = group
        self.timeout = timeout
        self.answerTimeout = answerTimeout
    }

    /// Connects to `address` ("host:port") and shakes hands.
    ///
    /// Ends early when the task is cancelled.
    ///
    /// - Parameter counter: above all that were used with this initiator key before, even by a process that crashed.
    /// - Throws: ``TransportError``.
    public func connect(
        to address: String, credentials: NodeCredentials, counter: UInt64
    ) async throws -> ClientConnection {
        guard let (host, port) = Self.split(address) else { throw TransportError.invalidAddress(address) }
        let pushes = PushQueue()
        let eventLoop = group.next()
        let opened = eventLoop.makePromise(of: Void.self)
        let answerTimeout = answerTimeout
        let connecting = KeepAlive.apply(to: ClientBootstrap(group: eventLoop))
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let engine = try InitiatorEngine(
                        staticKey: credentials.initiatorKey, remoteStatic: credentials.nodeKey,
                        preSharedKey: credentials.preSharedKey, counter: counter, random: SystemRandomSource())
                    try channel.pipeline.syncOperations.addHandlers([
                        ByteToMessageHandler(NoiseFrameDecoder()),
                        InitiatorHandler(
                            engine: engine, opened: opened, pushes: pushes, address: address,
                            answerTimeout: answerTimeout),
                    ])
                }
            }
            .connect(host: host, port: port)
        // Fails `opened` in the cases in which the handler, which does it otherwise, never becomes active.
        connecting.whenFailure { error in
            pushes.finish()
            opened.fail(Self.failure(error, address: address))
        }
        let timer = connecting.flatMapThrowing { channel in
            channel.eventLoop.scheduleTask(in: timeout) {
                opened.fail(TransportError.timedOut(address: address))
                channel.close(promise: nil)
            }
        }
        defer { timer.whenSuccess { $0.cancel() } }
        try await withTaskCancellationHandler {
            try await opened.futureResult.get()
        } onCancel: {
            opened.fail(TransportError.disconnected)
            connecting.whenSuccess { $0.close(promise: nil) }
        }
        return ClientConnection(channel: try await connecting.get(), pushes: Pushes(queue: pushes))
    }

    /// Tries `addresses` in order and returns the first connection.
    ///
    /// - Parameter counter: called for each attempt.
    /// - Throws: the last ``TransportError``.
    public func connect(
        toAnyOf addresses: [String], credentials: NodeCredentials, counter: @Sendable () async throws -> UInt64
    ) async throws -> ClientConnection {
        var failure = TransportError.invalidAddress("")
        for address in addresses {
            guard !Task.isCancelled else { throw TransportError.disconnected }
            do {
                return try await connect(to: address, credentials: credentials, counter: try await counter())
            } catch let error as TransportError {
                failure = error
            }
        }
        throw failure
    }

    static func failure(_ error: any Error, address: String) -> TransportError {
        switch error {
        case let error as TransportError: return error
        case let error as NIOConnectionError where error.connectionErrors.contains { $0.error is ChannelError }:
            return .timedOut(address: address)
        case is ChannelError: return .timedOut(address: address)
        default: return .unreachable(address: address, reason: reason(error))
        }
    }

    /// Why a connection was not made, in words.
    static func reason(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if error.connectionErrors.isEmpty { return "the name does not resolve" }
            return error.connectionErrors.last.map { reason($0.error) } ?? "no answer"
        case is ChannelError: return "no answer in time"
        default: return systemWords(error)
        }
    }

    /// "host:port" or "[IPv6]:port".
    static func split(_ address: String) -> (host: String, port: Int)? {
        guard let colon = address.lastIndex(of: ":"), let port = UInt16(address[address.index(after: colon)...]),
            port > 0
        else { return nil }
        var host = address[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        return host.isEmpty ? nil : (String(host), Int(port))
    }
}
