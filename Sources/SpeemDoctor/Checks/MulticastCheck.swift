import SpeemDiscovery

/// Whether an interface that the configuration allows carries multicast, over which peers find each other.
enum MulticastCheck {
    struct Facts: Sendable, Equatable {
        let interfaces: [NetworkInterface]
        let settings: DiscoverySettings
    }

    /// - Parameter facts: nil: nobody is looked for.
    static func finding(_ facts: Facts?) -> Finding {
        guard let facts else { return .ok(.multicast, "not used: discovery.mode is \"off\"") }
        let allowed = facts.interfaces.filter(facts.settings.interfaces.selects)
        guard !allowed.isEmpty else {
            let others = facts.interfaces.map(\.name).joined(separator: ", ")
            return .problem(
                .multicast, "the configuration allows none of the network interfaces of this machine (\(others))",
                toDo: "connect it to a network, or change interfaces and avoid in [discovery]")
        }
        let good = allowed.filter { obstacle($0, facts.settings) == nil }
        let bad = allowed.compactMap { interface in
            obstacle(interface, facts.settings).map { "\(interface.name) \($0)" }
        }
        guard !good.isEmpty else {
            return .problem(
                .multicast, bad.joined(separator: ", "),
                toDo: "connect this machine to the network, or change interfaces, avoid and ip in [discovery]")
        }
        let words = good.map(\.name).joined(separator: ", ") + (good.count == 1 ? " carries it" : " carry it")
        return .ok(.multicast, bad.isEmpty ? words : "\(words); \(bad.joined(separator: ", "))")
    }

    private static func obstacle(_ interface: NetworkInterface, _ settings: DiscoverySettings) -> String? {
        if !interface.isUp { return "is down" }
        if !interface.canMulticast { return "cannot carry multicast" }
        if interface.addresses.isEmpty { return "has no address" }
        let hasIPv6 = interface.addresses.contains { $0.contains(":") }
        let hasIPv4 = interface.addresses.contains { !$0.contains(":") }
        if settings.ipv4 && hasIPv4 || settings.ipv6 && hasIPv6 { return nil }
        return settings.ipv4 ? "has no IPv4 address, and ip is \"ipv4\"" : "has no IPv6 address, and ip is \"ipv6\""
    }
}
