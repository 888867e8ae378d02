/// Where nodes and devices were found on this network, for whoever connects to them.
public struct NearbyAddresses: Sendable {
    private let find: @Sendable ([UInt8]) -> [String]
    private let doubt: @Sendable (String) -> Void

    /// Where a discovery finds them; nowhere without one.
    public init(_ discovery: Discovery?) {
        self.init(
            addresses: { discovery?.addresses(of: $0) ?? [] }, unreachable: { discovery?.unreachable($0) })
    }

    public init(
        addresses: @escaping @Sendable ([UInt8]) -> [String],
        unreachable: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        find = addresses
        doubt = unreachable
    }

    /// "host:port", the newest first.
    public func addresses(of staticKey: [UInt8]) -> [String] { find(staticKey) }

    /// Nobody answered at one of them.
    public func unreachable(_ address: String) { doubt(address) }
}
