public import Logging
public import NIOCore
public import SpeemCPace
public import SpeemCrypto
import Synchronization

/// What a ``ClaimServer`` asks before a code is tried, and after.
public protocol ClaimHost: Sendable {
    /// Uses the code up for one attempt. It is ended, whatever happens.
    func begin() async throws(ClaimWindow.Refusal) -> ClaimWindow.Attempt

    /// Ends an attempt.
    ///
    /// - Returns: what the device gets, at most ``ClaimMessage/payloadLimit`` bytes; nil when it gets nothing.
    func end(_ attempt: ClaimWindow.Attempt, confirmed: Bool) async -> SecretBytes?
}

/// The port of an unowned node on which a device of the same network tries the code that a person has typed.
///
/// Every failure takes one path: the connection is closed without a word.
public final class ClaimServer: Sendable {
    /// From accepting a connection to its end.
    public static let timeout: TimeAmount = .seconds(10)
    /// Connections that may wait; a further one takes the place of the oldest that tries no code.
    static let connectionLimit = 8
    /// Connections that are open at all, a moment long.
    private static let placeLimit = 32

    private let listener: Listener
    private let host: any ClaimHost
    private let timeout: TimeAmount
    private let networks: @Sendable () -> LocalNetworks
    private let logger: Logger
    private let waiting = Mutex<[any Channel]>([])

    /// The bound addresses, "host:port".
    public let addresses: [String]

    /// Descriptors that a server takes at the most, for one listening socket.
    public static var descriptors: Int { placeLimit }

    /// Binds all `addresses`; whoever connects waits for ``run()``.
    ///
    /// - Throws: ``TransportError/cannotListen(address:reason:)``; then nothing is left bound.
    public static func bind(
        addresses: [(host: String, port: UInt16)], host: any ClaimHost, timeout: TimeAmount = ClaimServer.timeout,
        group: any EventLoopGroup, logger: Logger
    ) async throws -> ClaimServer {
        try await bind(
            addresses: addresses, host: host, timeout: timeout, group: group, logger: logger,
            networks: { LocalNetworks.current() })
    }

    /// - Parameter networks: whose machines may try a code.
    static func bind(
        addresses: [(host: String, port: UInt16)], host: any ClaimHost, timeout: TimeAmount,
        group: any EventLoopGroup, logger: Logger, networks: @escaping @Sendable () -> LocalNetworks
    ) async throws -> ClaimServer {
        let listener = try await Listener.bind(
            addresses.map { .tcp(host: $0.host, port: $0.port) }, places: ConnectionPlaces(placeLimit), group: group,
            logger: logger
        ) { _ in }
        return ClaimServer(listener: listener, host: host, timeout: timeout, networks: networks, logger: logger)
    }

    private init(
        listener: Listener, host: any ClaimHost, timeout: TimeAmount,
        networks: @escaping @Sendable () -> LocalNetworks, logger: Logger
    ) {
        self.listener = listener
        self.host = host
        self.timeout = timeout
        self.networks = networks
        self.logger = logger
        addresses = listener.addresses
    }

    /// Serves until the task is cancelled or the server is stopped.
    ///
    /// - Throws: ``TransportError/cannotListen(address:reason:)`` when a listening socket ends on its own.
    public func run() async throws { try await listener.serve { await self.serve($0) } }

    /// Stops listening, and closes every connection.
    public func stop() async { await listener.stop() }

    private func serve(_ channel: any Channel) async {
        guard let remote = channel.remoteAddress, networks().contains(remote),
            let ends = ClaimChannel(device: channel.remoteAddress, node: channel.localAddress)
        else {
            logger.debug("closed: a claim from another network")
            return channel.close(promise: nil)
        }
        enter(channel)
        let timer = channel.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
        do {
            try await ClaimConnection.run(channel) { connection in try await self.exchange(&connection, ends) }
        } catch {
            logger.debug("a claim ended: \(error)")
        }
        timer.cancel()
        leave(channel)
    }

    private func exchange(_ connection: inout ClaimConnection, _ ends: ClaimChannel) async throws {
        let random = SystemRandomSource()
        let hello = try await connection.read(ClaimMessage.helloLength)
        let responder = try ClaimResponder(hello: hello, channel: ends, random: random)
        try await connection.write(responder.message)
        let ready = try responder.readShare(try await connection.read(ClaimMessage.shareLength))
        let attempt = try await host.begin()
        leave(connection.channel)
        let confirmed: ClaimResponder.Confirmed
        do {
            let sharing = try ready.answer(code: attempt.code, random: random)
            try await connection.write(sharing.message)
            confirmed = try sharing.readConfirmation(try await connection.read(ClaimMessage.confirmationLength))
        } catch {
            _ = await host.end(attempt, confirmed: false)
            throw error
        }
        guard let payload = await host.end(attempt, confirmed: true) else { return }
        try await connection.write(confirmed.grant(payload))
        // The device hangs up first, with everything read.
        _ = try? await connection.read(1)
    }

    // MARK: Who waits

    private func enter(_ channel: any Channel) {
        let oldest = waiting.withLock { waiting -> (any Channel)? in
            waiting.append(channel)
            return waiting.count > Self.connectionLimit ? waiting.removeFirst() : nil
        }
        oldest?.close(promise: nil)
    }

    /// The connection has ended, or tries a code: it is not closed for a newer one any more.
    private func leave(_ channel: any Channel) { waiting.withLock { $0.removeAll { $0 === channel } } }
}
