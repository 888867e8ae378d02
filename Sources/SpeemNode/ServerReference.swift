import SpeemProtocol
import SpeemTransport
import Synchronization

/// The server, which needs its handler before it exists.
final class ServerReference: Sendable {
    private let server = Mutex<TransportServer?>(nil)

    func set(_ value: TransportServer) { server.withLock { $0 = value } }

    var connections: Int { server.withLock { $0 }?.peerCount ?? 0 }

    /// The bound addresses.
    var addresses: [String] { server.withLock { $0 }?.addresses ?? [] }

    /// The connections of grants.
    func peers(of grants: [Int64]) -> [Peer] {
        guard let server = server.withLock({ $0 }) else { return [] }
        return grants.flatMap { server.peers(of: $0) }
    }

    /// Tells the peers of grants why, and closes their connections.
    func close(_ grants: [Int64], _ reason: WireClose.Reason) {
        for peer in peers(of: grants) { peer.close(reason) }
    }
}
