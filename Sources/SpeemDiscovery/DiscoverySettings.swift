public import SpeemConfig

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

extension DiscoverySettings {
    /// - Returns: nil where the config says "off".
    public init?(_ config: Config) {
        guard config.discoveryMode != "off" else { return nil }
        self.init(
            interfaces: InterfacePolicy(use: config.discoveryInterfaces, avoid: config.discoveryAvoid),
            ipv4: config.discoveryIP != "ipv6", ipv6: config.discoveryIP != "ipv4")
    }
}
