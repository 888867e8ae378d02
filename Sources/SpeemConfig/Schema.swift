#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Every key there is, in the order of the example files.
enum Schema {
    /// Bytes in a path at the most: Darwin's PATH_MAX with its NUL, the lowest of the systems this runs on.
    static let maximumPath = 1_023

    /// Bytes in the path of a Unix socket at the most: 107 on Linux, 103 on Darwin (`sun_path` with its NUL).
    static let maximumSocketPath = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    /// The name of the credential with the store's key.
    static let defaultCredential = "speem-store-key"

    /// The names of swift-log's levels.
    static let logLevels = ["trace", "debug", "info", "notice", "warning", "error", "critical"]

    static let settings: [Setting] = [
        Setting(
            .top, "role", for: both, .role(\.role),
            "What this machine is: a node keeps sealed messages for its owner's devices, a device reads them"),
        Setting(
            .top, "data", for: both,
            .path(
                \.dataFolder, maximum: maximumPath,
                default: .required(example: [.node: "/var/lib/speem", .device: "~/.local/share/speem"])),
            "The folder of the store; '~/' is the home folder, and a relative path begins at this file's folder"),
        Setting(
            .top, "name", for: both, .text(\.name, maximum: 64, default: ""),
            "A name for this machine; a device's is shown to contacts"),

        Setting(
            .listen, "addresses", for: [.node],
            .addresses(\.listen, in: 1...16, remote: false, default: [HostPort(host: "::", port: 4404)]),
            "Where to accept connections, as host:port; IPv6 in brackets, port 0 is any free port"),
        Setting(
            .listen, "advertise", for: [.node], .addresses(\.advertise, in: 0...8, remote: true, default: []),
            "What invites say to connect to, as host:port; empty: the machine's own addresses"),

        Setting(
            .mailbox, "quota", for: [.node],
            .size(\.mailboxQuota, in: sizes, default: Quantity(1, .gigabyte)),
            "How much all mailboxes together may hold"),
        Setting(
            .mailbox, "quota_per_contact", for: [.node],
            .size(\.mailboxQuotaPerContact, in: sizes, default: Quantity(100, .megabyte)),
            "How much of it one contact may fill"),
        Setting(
            .mailbox, "quota_own", for: [.node],
            .size(
                \.mailboxQuotaOwn, in: minimumSize...Quantity(999, .terabyte), default: Quantity(100, .megabyte)),
            "How much of it is kept for what the owner's devices send each other; if not set, at most a tenth"),
        Setting(
            .mailbox, "max_age", for: [.node],
            .duration(\.mailboxMaxAge, in: Quantity(1, .hour)...Quantity(3_650, .day), default: Quantity(60, .day)),
            "How long a message waits for its device before it expires"),

        Setting(
            .claim, "lifetime", for: [.node],
            .duration(\.claimLifetime, in: Quantity(1, .minute)...Quantity(30, .day), default: Quantity(1, .hour)),
            "How long the invite that claims a node without an owner is good for"),
        Setting(
            .claim, "network", for: [.node], .flag(\.claimNetwork, default: true),
            "Whether a device on the same network may claim it with a code that the node shows"),
        Setting(
            .claim, "port", for: [.node], .count(\.claimPort, in: 0...65_535, default: 0),
            "The port for that, at the hosts of listen.addresses, open only meanwhile; 0 is any free port"),

        Setting(
            .provision, "account", for: [.node], .hex(\.provisionAccount, bytes: 32, secret: false),
            "The account whose devices take this node without being asked; speem node config writes it"),
        Setting(
            .provision, "secret", for: [.node], .hex(\.provisionSecret, bytes: 16, secret: true),
            "What they recognise it by, once: worthless afterwards, and to be deleted"),
        Setting(
            .provision, "expires", for: [.node], .count(\.provisionExpires, in: 0...99_999_999_999, default: 0),
            "When that ends, if nobody has come, in seconds since 1970; 0 is not by the calendar"),

        Setting(
            .limits, "connections", for: [.node], .count(\.connections, in: 1...65_536, default: 256),
            "How many connections may be open at once"),
        Setting(
            .limits, "connections_per_address", for: [.node],
            .count(\.connectionsPerAddress, in: 1...65_536, default: 32),
            "How many of them one remote address may open"),
        Setting(
            .limits, "connections_per_grant", for: [.node],
            .count(\.connectionsPerGrant, in: 1...1_024, default: 4),
            "How many of them one device or contact may open"),
        Setting(
            .limits, "handshake_timeout", for: [.node],
            .duration(
                \.handshakeTimeout, in: Quantity(1, .second)...Quantity(5, .minute), default: Quantity(5, .second)),
            "How long a connection may take for its handshake"),
        Setting(
            .limits, "idle_timeout", for: [.node],
            .duration(\.idleTimeout, in: Quantity(10, .second)...Quantity(1, .day), default: Quantity(10, .minute)),
            "How long a connection may be silent before it is closed, unless it waits for new messages"),

        Setting(
            .invite, "lifetime", for: [.device],
            .duration(\.inviteLifetime, in: Quantity(1, .minute)...Quantity(365, .day), default: Quantity(7, .day)),
            "How long an invite to a contact is good for"),

        Setting(
            .device, "name", for: [.device], .text(\.deviceName, maximum: 64, default: ""),
            "What this device is called on the account's other devices; empty: the machine's name"),
        Setting(
            .device, "poll", for: [.device],
            .duration(\.poll, in: Quantity(1, .second)...Quantity(1, .day), default: Quantity(5, .minute)),
            "The longest wait before a node that could not be reached is tried again"),

        Setting(
            .device, "listen", for: [.device],
            .addresses(\.deviceListen, in: 0...16, remote: false, default: [HostPort(host: "::", port: 0)]),
            "Where to take messages from devices on the same network; port 0 is any; []: nowhere"),

        Setting(
            .discovery, "mode", for: both, .choice(\.discoveryMode, of: ["private", "off"], default: "private"),
            "Find known peers on the same network, over avahi-daemon; strangers cannot tell who is here"),
        Setting(
            .discovery, "interfaces", for: both, .interfaces(\.discoveryInterfaces, maximum: 16),
            "The network interfaces to use; empty: all but the loopback; 'eth*' is all that begin so"),
        Setting(
            .discovery, "avoid", for: both, .interfaces(\.discoveryAvoid, maximum: 16),
            "Network interfaces not to use"),
        Setting(
            .discovery, "ip", for: both, .choice(\.discoveryIP, of: ["any", "ipv4", "ipv6"], default: "any"),
            "The kind of addresses to use"),

        Setting(
            .store, "key", for: both,
            .choice(
                \.storeKeyWord, of: Config.StoreKeyKind.allCases.map(\.rawValue),
                default: Config.StoreKeyKind.file.rawValue),
            "Where the store's key comes from; credential: systemd's; passphrase: speem passphrase"),
        Setting(
            .store, "key_file", for: both,
            .path(\.keyFile, maximum: maximumPath, default: .insideData("store.key")),
            "The file with the store's key; empty: store.key in the data folder"),
        Setting(
            .store, "credential", for: both, .text(\.credential, maximum: 255, default: defaultCredential),
            "The name of the credential, as in LoadCredentialEncrypted="),
        Setting(
            .store, "spool", for: [.node], .size(\.spool, in: sizes, default: Quantity(64, .megabyte)),
            "How much a node with a passphrase takes in before it is unlocked"),

        Setting(
            .control, "socket", for: both,
            .path(\.controlSocket, maximum: maximumSocketPath, default: .insideData("control.sock")),
            "The Unix socket that commands talk to; empty: control.sock in the data folder"),

        Setting(
            .metrics, "listen", for: [.node], .loopback(\.metricsListen),
            "Where Prometheus on this machine asks how the node is: 127.0.0.1:9404; empty: nowhere"),
        Setting(
            .metrics, "file", for: [.node], .path(\.metricsFile, maximum: maximumPath, default: .none),
            "The same as a file, every minute, for node_exporter's textfile collector; empty: none"),

        Setting(
            .log, "level", for: both, .choice(\.logLevel, of: logLevels, default: "info"),
            "The least serious messages to log"),
    ]

    /// What a running process can change: see ``Config/changes(to:)``.
    static let reloadable: Set<Setting.ID> = Set(
        ["quota", "quota_per_contact", "quota_own", "max_age"].map { Setting.ID(table: .mailbox, name: $0) }
            + [
                "connections", "connections_per_address", "connections_per_grant", "handshake_timeout", "idle_timeout",
            ].map { Setting.ID(table: .limits, name: $0) }
            + [Setting.ID(table: .device, name: "poll"), Setting.ID(table: .log, name: "level")])

    private static let both: Set<Config.Role> = [.node, .device]
    /// The smallest size that a setting takes: several of the largest envelopes.
    static let minimumSize = Quantity<SizeUnit>(1, .megabyte)
    private static let sizes = minimumSize...Quantity<SizeUnit>(1_000, .terabyte)

    static func setting(_ table: Setting.Table, _ name: String) -> Setting? {
        settings.first { $0.table == table && $0.name == name }
    }

    /// Those of a table that hold for a role, or for any role where it is not known.
    static func settings(in table: Setting.Table, for role: Config.Role?) -> [Setting] {
        settings.filter { setting in
            setting.table == table && (role.map(setting.roles.contains) ?? true)
        }
    }

    /// The `[tables]` with a key for a role, in the order of the file.
    static func tables(for role: Config.Role?) -> [Setting.Table] {
        Setting.Table.allCases.filter { $0 != .top && !settings(in: $0, for: role).isEmpty }
    }
}
