/// Where peers are looked for.
public struct DiscoverySettings: Sendable, Equatable {
    public let interfaces: InterfacePolicy
    public let ipv4: Bool
    public let ipv6: Bool

    public init(interfaces: InterfacePolicy = InterfacePolicy(), ipv4: Bool = true, ipv6: Bool = true) {
        self.interfaces = interfaces
        self.ipv4 = ipv4
        self.ipv6 = ipv6
    }
}
