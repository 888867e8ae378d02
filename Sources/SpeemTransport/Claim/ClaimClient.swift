public import NIOCore
import NIOPosix
public import SpeemCPace
public import SpeemCrypto

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Why a node did not hand over its claim. Where the connection itself fails, that is a ``TransportError``.
public enum ClaimFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// Nobody listens there: the window is closed, or the node has an owner.
    case notOpen(address: String)
    /// The node hung up before it tried the code: somebody else's is tried, which uses the code up that is shown.
    case busy(address: String)
    /// The node hung up after it had tried the code.
    case wrongCode(address: String)
    /// What is there is no node that can be claimed so.
    case notANode(address: String, ClaimExchangeError)

    public var description: String {
        switch self {
        case .notOpen(let address):
            "no node can be claimed at \(address): its claim window is closed, or it has an owner"
        case .busy(let address):
            "the node at \(address) is busy with somebody else's attempt, and then shows a new code; or its claim window has just closed"
        case .wrongCode(let address): "the code is wrong for the node at \(address); the node shows a new code now"
        case .notANode(let address, let error): "what answers at \(address) is no node that can be claimed: \(error)"
        }
    }
}

/// The device's side of a claim on the network.
public struct ClaimClient: Sendable {
    private let group: any EventLoopGroup
    private let timeout: TimeAmount
    private let patience: Duration

    /// The node hung up before it said anything: others fill its port.
    private struct TurnedAway: Error {}

    /// Between two attempts to come in.
    private static let pause: Duration = .milliseconds(500)

    /// - Parameters:
    ///   - timeout: for the connection, and again for the exchange.
    ///   - patience: how long a node that has no place for the connection is asked again.
    public init(group: any EventLoopGroup, timeout: TimeAmount = .seconds(10), patience: Duration = .seconds(15)) {
        self.group = group
        self.timeout = timeout
        self.patience = patience
    }

    /// Tries `code` at the node's claim port `address` ("host:port"), once.
    ///
    /// - Returns: what the node hands over.
    /// - Throws: ``ClaimFailure``, ``TransportError``.
    public func fetch(from address: String, code: ClaimCode) async throws -> SecretBytes {
        let end = ContinuousClock.now + patience
        while true {
            do {
                return try await attempt(address, code)
            } catch is TurnedAway {
                guard ContinuousClock.now < end else { throw ClaimFailure.busy(address: address) }
                try await Task.sleep(for: Self.pause)
            }
        }
    }

    private func attempt(_ address: String, _ code: ClaimCode) async throws -> SecretBytes {
        guard let (host, port) = TransportClient.split(address) else { throw TransportError.invalidAddress(address) }
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: group)
                .connectTimeout(timeout)
                .channelOption(.autoRead, value: false)
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .connect(host: host, port: port).get()
        } catch let error as NIOConnectionError where error.connectionErrors.contains(where: { $0.isRefusal }) {
            throw ClaimFailure.notOpen(address: address)
        } catch {
            throw TransportClient.failure(error, address: address)
        }
        let timer = channel.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
        defer { timer.cancel() }
        guard let ends = ClaimChannel(device: channel.localAddress, node: channel.remoteAddress) else {
            channel.close(promise: nil)
            throw TurnedAway()
        }
        do {
            return try await ClaimConnection.run(channel) { connection in
                try await Self.exchange(&connection, ends, code, address)
            }
        } catch ChannelError.ioOnClosedChannel {
            // Closed before it could be read from.
            throw TurnedAway()
        }
    }

    private static func exchange(
        _ connection: inout ClaimConnection, _ ends: ClaimChannel, _ code: ClaimCode, _ address: String
    ) async throws -> SecretBytes {
        let random = SystemRandomSource()
        let initiator = ClaimInitiator(code: code, channel: ends, random: random)
        let reply: [UInt8]
        do {
            try await connection.write(initiator.message)
            reply = try await connection.read(ClaimMessage.replyLength)
        } catch {
            throw TurnedAway()
        }
        let confirming: ClaimInitiator.Confirming
        do {
            let sharing = try initiator.readReply(reply, random: random)
            try await connection.write(sharing.message)
            confirming = try sharing.readShare(try await connection.read(ClaimMessage.shareLength))
        } catch let error as ClaimExchangeError {
            throw ClaimFailure.notANode(address: address, error)
        } catch {
            throw ClaimFailure.busy(address: address)
        }
        do {
            try await connection.write(confirming.message)
            return try confirming.readGrant(try await connection.read(ClaimMessage.grantLength))
        } catch {
            // Whether the code, the node or the line between is wrong cannot be told.
            throw ClaimFailure.wrongCode(address: address)
        }
    }
}

extension SingleConnectionFailure {
    fileprivate var isRefusal: Bool { (error as? IOError)?.errnoCode == ECONNREFUSED }
}
