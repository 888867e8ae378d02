/// Where nodes and devices were found on this network, for whoever connects to them.
public struct NearbyAddresses: Sendable {
    private let discovery: Discovery?

    /// Where a discovery finds them; nowhere without one.
    public init(_ discovery: Discovery?) { self.discovery = discovery }

    /// "host:port", the newest first.
    public func addresses(of staticKey: [UInt8]) -> [String] { discovery?.addresses(of: staticKey) ?? [] }

    /// Nobody answered at one of them.
    public func unreachable(_ address: String) { discovery?.unreachable(address) }
}
