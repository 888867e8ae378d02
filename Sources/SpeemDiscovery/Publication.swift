import SpeemCrypto

/// What this process says of itself on the network.
public struct Publication: Sendable, Equatable {
    /// Who may recognise it.
    public enum Audience: Sendable, Equatable {
        /// Whoever has the endpoint's key.
        case holders(of: EndpointKey)
        /// Everybody: a node without an owner, in the time in which it can be taken.
        case everybody
    }

    public let audience: Audience
    /// The TCP port it listens on.
    public let port: UInt16

    public init(_ audience: Audience, port: UInt16) {
        self.audience = audience
        self.port = port
    }

    /// Seconds after which a record is replaced by one that nobody can connect with it.
    static let lifetime: Double = 3600

    /// A fresh record.
    func record(random: some RandomSource) -> ServiceRecord {
        switch audience {
        case .holders(let key): .peer(key, random: random)
        case .everybody: .unowned
        }
    }
}
