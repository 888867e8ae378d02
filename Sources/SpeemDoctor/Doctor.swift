import CStaticShims
public import SpeemConfig
import SpeemDiscovery
import SpeemTransport

/// Gathers what can be known of this machine, and judges it.
public enum Doctor {
    /// How long a connection to the own port may take.
    private static let portPatience: Int64 = 3

    /// All findings, in the order of ``Finding/Check``.
    public static func examine(_ config: Config, daemon: DaemonFacts) async -> [Finding] {
        let settings = DiscoverySettings(config)
        let isNode = config.role == .node
        let configured = isNode ? config.listen : config.deviceListen
        let avahi = settings == nil ? nil : avahi(daemon)
        let port = await port(config, configured, daemon)
        return AvahiCheck.findings(avahi) + [
            PortCheck.finding(port),
            FirewallCheck.finding(
                firewall(configured, daemon, usesMulticastDNS: settings != nil, isNode: isNode, FirewallFacts.seen())),
            MulticastCheck.finding(
                settings.map { MulticastCheck.Facts(interfaces: NetworkInterface.all, settings: $0) }),
            ClockCheck.finding(isSynchronised: speem_clock_is_synchronised() != 0),
            NodeCheck.finding(NodeCheck.Facts(isNode: isNode, daemon: daemon, file: config.file)),
            DiskCheck.finding(DiskCheck.Facts.look(config.dataFolder), refuses: daemon.refuses),
            KeyFileCheck.finding(config),
        ] + ProvisionCheck.findings(.look(config, daemon: daemon))
    }

    /// What a thief of the disk makes of the place of the store's key, and what to do about it; nil where that is nothing.
    public static func keyWarning(_ config: Config) -> String? { KeyFileCheck.warning(config) }

    private static func avahi(_ daemon: DaemonFacts) -> AvahiCheck.Facts {
        let busProblem = SystemBus.problem()
        var version: String?
        var problem: DiscoveryProblem?
        // Without a bus there is nobody to ask over it.
        if busProblem == nil {
            switch AvahiLibrary.daemonVersion() {
            case .success(let text): version = text
            case .failure(let failure): problem = failure.problem
            }
        }
        return AvahiCheck.Facts(
            busProblem: busProblem, version: version, problem: problem, discovery: daemon.discovery)
    }

    private static func port(
        _ config: Config, _ configured: [HostPort], _ daemon: DaemonFacts
    ) async -> PortCheck.Facts {
        let isForwarded = config.advertise.contains { !PortCheck.isLoopback($0.description) }
        let listening: PortCheck.Facts.Listening
        if configured.isEmpty {
            listening = .nowhere
        } else if let addresses = daemon.listening {
            var bound: [PortCheck.Bound] = []
            for address in addresses {
                let failure = await PortProbe.connect(
                    to: PortCheck.target(address, configured: configured.map(\.description)), within: portPatience)
                bound.append(PortCheck.Bound(address: address, failure: failure))
            }
            listening = .at(bound)
        } else {
            listening = .unknown(isRunning: daemon.isRunning)
        }
        return PortCheck.Facts(listening: listening, isNode: config.role == .node, isForwarded: isForwarded)
    }

    /// The ports that others connect to: the bound ones, or without a daemon those of the configuration.
    static func firewall(
        _ configured: [HostPort], _ daemon: DaemonFacts, usesMulticastDNS: Bool, isNode: Bool,
        _ seen: Set<FirewallCheck.Kind>
    ) -> FirewallCheck.Facts {
        let addresses = daemon.listening ?? configured.map(\.description)
        let ports = addresses.filter { !PortCheck.isLoopback($0) }.compactMap { address in
            address.lastIndex(of: ":").flatMap { UInt16(address[address.index(after: $0)...]) }
        }
        return FirewallCheck.Facts(
            seen: seen, ports: ports, isAnyPort: configured.contains { $0.port == 0 },
            usesMulticastDNS: usesMulticastDNS, isNode: isNode)
    }
}
