import SpeemProtocol
import SpeemTransport
import Synchronization

/// The server, which needs its handler before it exists.
final class ServerReference: Sendable {
    private let server = Mutex<TransportServer?>(nil)
    private let advertised = Mutex<[String]>([])

    func set(_ value: TransportServer) { server.withLock { $0 = value } }

    /// What others are told to connect to, "host:port".
    var addresses: [String] {
        get { advertised.withLock { $0 } }
        set { advertised.withLock { $0 = newValue } }
    }

    var connections: Int { server.withLock { $0 }?.peerCount ?? 0 }

    /// The grants that somebody is connected with.
    var connectedGrants: [Int64] { server.withLock { $0 }?.connectedGrants ?? [] }

    /// The bound addresses.
    var bound: [String] { server.withLock { $0 }?.addresses ?? [] }

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
