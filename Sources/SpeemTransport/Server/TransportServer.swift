public import Logging
public import NIOCore
public import SpeemCrypto
import SpeemProtocol
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Limits that may change while a server runs.
final class SharedLimits: Sendable {
    private let current: Mutex<TransportLimits>

    init(_ limits: TransportLimits) { current = Mutex(limits) }

    var value: TransportLimits {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }
}

/// Listens for Noise connections and hands their requests to a ``PeerHandler``.
public final class TransportServer: Sendable {
    typealias Connection = NIOAsyncChannel<ServerEvent, ServerMessage>

    let listener: Listener
    private let handler: any PeerHandler
    private let limits: SharedLimits
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var counter: UInt64 = 0
        /// By grant, oldest first.
        var peers: [Int64: [Peer]] = [:]
    }

    /// The bound addresses, "host:port", with the port that the system chose for port 0.
    public let addresses: [String]

    /// Binds all `addresses`; whoever connects waits for ``run()``.
    ///
    /// - Throws: ``TransportError/cannotListen(address:reason:)``; then nothing is left bound.
    public static func bind(
        addresses: [(host: String, port: UInt16)], staticKey: X25519.PrivateKey, access: any AccessTable,
        handler: any PeerHandler, limits: TransportLimits, group: any EventLoopGroup, logger: Logger
    ) async throws -> TransportServer {
        let shared = SharedLimits(limits)
        let listener = try await Listener.bind(
            addresses.map { .tcp(host: $0.host, port: $0.port) },
            places: ConnectionPlaces(limits.connections, perAddress: limits.connectionsPerAddress), group: group,
            logger: logger
        ) { channel in
            try channel.pipeline.syncOperations.addHandlers([
                ByteToMessageHandler(NoiseFrameDecoder()),
                ResponderHandler(staticKey: staticKey, access: access, limits: shared.value, logger: logger),
            ])
        }
        return TransportServer(listener: listener, handler: handler, limits: shared, logger: logger)
    }

    private init(listener: Listener, handler: any PeerHandler, limits: SharedLimits, logger: Logger) {
        self.listener = listener
        self.handler = handler
        self.limits = limits
        self.logger = logger
        addresses = listener.addresses
    }

    /// How many peers are connected.
    public var peerCount: Int { state.withLock { $0.peers.values.reduce(0) { $0 + $1.count } } }

    /// The grants that somebody is connected with.
    public var connectedGrants: [Int64] { state.withLock { Array($0.peers.keys) } }

    /// The connected peers of a grant.
    public func peers(of grant: Int64) -> [Peer] { state.withLock { $0.peers[grant] ?? [] } }

    /// Other limits for connections from now on; open ones stay, with the timers that they have.
    public func configure(_ limits: TransportLimits) {
        self.limits.value = limits
        listener.places.configure(limits.connections, perAddress: limits.connectionsPerAddress)
    }

    /// Serves until the task is cancelled or the server is stopped.
    ///
    /// - Throws: ``TransportError/cannotListen(address:reason:)`` when a listening socket ends on its own.
    public func run() async throws { try await listener.serve { await self.serve($0) } }

    /// Stops listening, and closes every connection; for a server that does not run (yet).
    public func stop() async { await listener.stop() }

    /// Says goodbye to every peer, before the task of ``run()`` is cancelled.
    public func sayGoodbye() {
        let peers = state.withLock { $0.peers.values.flatMap { $0 } }
        for peer in peers { peer.close(.shuttingDown) }
    }

    private func serve(_ channel: any Channel) async {
        let number = state.withLock { state in
            state.counter += 1
            return state.counter
        }
        do {
            try await Connection.begin(channel).executeThenClose { inbound, outbound in
                try await self.serve(inbound, outbound, channel: channel, number: number)
            }
        } catch {
            logger.debug("connection \(number) ended: \(error)")
        }
    }

    private func serve(
        _ inbound: NIOAsyncChannelInboundStream<ServerEvent>,
        _ outbound: NIOAsyncChannelOutboundWriter<ServerMessage>, channel: any Channel, number: UInt64
    ) async throws {
        var peer: Peer?
        // Children return the size of the request that they answered, with that of the answer.
        await withTaskGroup(of: Int.self) { group in
            var inFlight = 0
            var bytesInFlight = 0
            do {
                for try await event in inbound {
                    switch event {
                    case .opened(let grant):
                        let opened = Peer(grant: grant, connection: number, channel: channel)
                        peer = opened
                        register(opened)
                        await handler.opened(opened)
                    case .request(let id, let request, let bytes):
                        guard let peer else { break }
                        let size = bytes + request.answerBytes
                        let answer: @Sendable () async -> Int = { [handler] in
                            let response = await handler.handle(request, from: peer)
                            try? await outbound.write(.response(id: id, response))
                            return size
                        }
                        // Begun at once, up to where it first waits: so what a handler queues without waiting before
                        // (a write to its store) is queued in the order in which the peer asked.
                        if #available(macOS 26, iOS 26, *) {
                            group.addImmediateTask(operation: answer)
                        } else {
                            group.addTask(operation: answer)
                        }
                        inFlight += 1
                        bytesInFlight += size
                    case .malformed(let id, let error):
                        let code: WireRefusal.Code = if case .overLimit = error { .tooLarge } else { .malformed }
                        try await outbound.write(.response(id: id, .refusal(code, "\(error)")))
                    }
                    // A peer that asks faster than it is answered is not read from.
                    while inFlight >= Limits.requestsInFlight || bytesInFlight >= Limits.requestBytesInFlight,
                        let size = await group.next()
                    {
                        inFlight -= 1
                        bytesInFlight -= size
                    }
                }
            } catch {
                logger.debug("connection \(number): \(error)")
            }
        }
        guard let peer else { return }
        unregister(peer)
        await handler.closed(peer)
    }

    private func register(_ peer: Peer) {
        // All that are too many: one that was told before is there until its last request is answered.
        let limit = limits.value.connectionsPerGrant
        let replaced = state.withLock { state in
            state.peers[peer.grant.id, default: []].append(peer)
            return state.peers[peer.grant.id]?.dropLast(limit) ?? []
        }
        for peer in replaced { peer.close(.replaced) }
    }

    private func unregister(_ peer: Peer) {
        state.withLock { state in
            state.peers[peer.grant.id]?.removeAll { $0 === peer }
            if state.peers[peer.grant.id]?.isEmpty == true { state.peers[peer.grant.id] = nil }
        }
    }
}

extension WireRequest {
    /// Bytes that the answer may have, where they can be many more than those of the request: who asks often and reads
    /// nothing must not fill the memory with answers.
    var answerBytes: Int {
        switch kind {
        case .drain: Limits.drainBytes
        case .rosterFetch: Limits.rosterBytes
        case .grantList, .outboxList: Limits.responseBytes / 2
        case .prekeyTake: 3 * Limits.prekeyBytes
        case .deposit, .acknowledge, .rosterAppend, .prekeyUpload, .inviteRegister, .redeem, .claim, .nodeStatus,
            .grantRevoke, .grantPut, .nodeReset, .routeRegister, .routeAdd, .routeRemove, .outboxPut,
            .outboxAcknowledge, .discoverySet, .nodeIdentify, .ping, .unlockStart, .unlock, nil:
            0
        }
    }
}

/// The system's words for an error, without the type names around them.
func systemWords(_ error: any Error) -> String {
    if let error = error as? IOError { return String(cString: strerror(error.errnoCode)) }
    return "\(error)"
}
