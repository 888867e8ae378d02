import NIOCore
public import SpeemProtocol

/// A peer with a grant whose first transport message has decrypted.
public final class Peer: Sendable, Hashable {
    public let grant: AccessGrant
    /// Counts the connections of the server.
    public let connection: UInt64
    private let channel: any Channel

    init(grant: AccessGrant, connection: UInt64, channel: any Channel) {
        self.grant = grant
        self.connection = connection
        self.channel = channel
    }

    /// Sends a push if the peer keeps up.
    ///
    /// - Returns: false when too much is on its way already; the peer has to be told later that there is more.
    public func push(_ push: WirePush) -> Bool {
        guard channel.isActive, channel.isWritable else { return false }
        channel.writeAndFlush(ServerMessage.push(push), promise: nil)
        return true
    }

    /// Tells the peer why, and closes.
    public func close(_ reason: WireClose.Reason, detail: String = "") {
        channel.writeAndFlush(ServerMessage.close(.of(reason, detail)), promise: nil)
    }

    public static func == (lhs: Peer, rhs: Peer) -> Bool { lhs === rhs }

    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// What a server does with its peers.
public protocol PeerHandler: Sendable {
    /// A peer has connected.
    func opened(_ peer: Peer) async
    /// Answers a request. Requests of one connection run in parallel.
    func handle(_ request: WireRequest, from peer: Peer) async -> WireResponse
    /// The connection has ended; requests of it may still be running.
    func closed(_ peer: Peer) async
}
