/// Which network interfaces are used.
public struct InterfacePolicy: Sendable, Equatable {
    /// Names of those to use; empty: all but the loopback. "*" at the end stands for anything.
    public let use: [String]
    /// Names of those not to use, also when they are in ``use``.
    public let avoid: [String]

    public init(use: [String] = [], avoid: [String] = []) {
        self.use = use
        self.avoid = avoid
    }

    func allows(_ interface: NetworkInterface) -> Bool { interface.isUp && selects(interface) }

    /// Whether it is to be used, while it is up.
    public func selects(_ interface: NetworkInterface) -> Bool {
        guard !avoid.contains(where: { Self.matches(interface.name, $0) }) else { return false }
        return use.isEmpty ? !interface.isLoopback : use.contains { Self.matches(interface.name, $0) }
    }

    private static func matches(_ name: String, _ pattern: String) -> Bool {
        pattern.hasSuffix("*") ? name.hasPrefix(pattern.dropLast()) : name == pattern
    }
}

/// An interface of this machine as far as it matters here.
public struct NetworkInterface: Sendable, Equatable {
    public let index: Int32
    public let name: String
    /// It is up and running.
    public let isUp: Bool
    public let isLoopback: Bool
    public let canMulticast: Bool
    /// In text, in order: another network has others.
    public let addresses: [String]

    public init(
        index: Int32, name: String, isUp: Bool, isLoopback: Bool, canMulticast: Bool, addresses: [String]
    ) {
        self.index = index
        self.name = name
        self.isUp = isUp
        self.isLoopback = isLoopback
        self.canMulticast = canMulticast
        self.addresses = addresses
    }
}
