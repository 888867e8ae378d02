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

    /// Sends pushes, and returns when the last one has left for the network: a peer that reads slowly is waited for.
    ///
    /// - Returns: false when the connection has ended.
    @discardableResult public func push(_ pushes: [WirePush]) async -> Bool {
        guard let last = pushes.last else { return channel.isActive }
        for push in pushes.dropLast() { channel.write(ServerMessage.push(push), promise: nil) }
        do {
            try await channel.writeAndFlush(ServerMessage.push(last)).get()
            return true
        } catch {
            return false
        }
    }

    /// The connection is not closed for being idle any more: the peer waits for pushes. A peer that is gone is found out
    /// by the kernel (``KeepAlive``).
    public func stayOpen() { channel.writeAndFlush(ServerMessage.stayOpen, promise: nil) }

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
