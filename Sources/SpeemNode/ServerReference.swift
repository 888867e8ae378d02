import SpeemProtocol
import SpeemTransport
import Synchronization

/// The server, which needs its handler before it exists.
final class ServerReference: Sendable {
    private let server = Mutex<TransportServer?>(nil)

    func set(_ value: TransportServer) { server.withLock { $0 = value } }

    var connections: Int { server.withLock { $0 }?.peerCount ?? 0 }

    /// Tells the peers of a grant that it was withdrawn, and closes their connections.
    func closeRevoked(_ grants: [Int64]) {
        guard let server = server.withLock({ $0 }) else { return }
        for grant in grants {
            for peer in server.peers(of: grant) { peer.close(.revoked) }
        }
    }
}
