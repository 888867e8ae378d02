/// The settings of one `speem` process, read from its `speem.toml` and checked: every value is within its range, every
/// path is absolute wherever the file's own path was. Settings of the other role have their defaults.
///
/// The only ways to one are ``load(file:home:)`` and ``parse(_:file:home:)``.
public struct Config: Sendable, Equatable {
    /// What the process is.
    public enum Role: String, Sendable, Hashable, CaseIterable {
        /// Keeps sealed messages for its owner's devices, reads none.
        case node
        /// Reads and writes messages.
        case device
    }

    /// `role`
    public internal(set) var role: Role
    /// The path of the file the settings came from: absolute after ``load(file:home:)``, as given after
    /// ``parse(_:file:home:)``.
    public internal(set) var file: String
    /// `data`: the folder of the store.
    public internal(set) var dataFolder = ""
    /// `name`: at most 64 bytes of UTF-8 without control characters, or empty.
    public internal(set) var name = ""

    /// `listen.addresses`: where a node accepts connections; port 0 is any free port.
    public internal(set) var listen: [HostPort] = []
    /// `listen.advertise`: what a node writes into invites; empty: the machine's own addresses.
    public internal(set) var advertise: [HostPort] = []

    /// `mailbox.quota`, bytes
    public internal(set) var mailboxQuota: Int64 = 0
    /// `mailbox.quota_per_contact`, bytes
    public internal(set) var mailboxQuotaPerContact: Int64 = 0
    /// `mailbox.quota_own`, bytes
    public internal(set) var mailboxQuotaOwn: Int64 = 0
    /// `mailbox.max_age`, seconds
    public internal(set) var mailboxMaxAge: Int64 = 0

    /// `claim.lifetime`, seconds
    public internal(set) var claimLifetime: Int64 = 0
    /// `claim.network`
    public internal(set) var claimNetwork = false
    /// `claim.port`; 0 is any free port.
    public internal(set) var claimPort = 0
    /// `provision.account`: the account key in hexadecimal, 64 digits in lower case; empty where nobody has a claim.
    public internal(set) var provisionAccount = ""
    /// `provision.secret`: 32 hexadecimal digits in lower case; empty exactly where ``provisionAccount`` is.
    public internal(set) var provisionSecret = ""
    /// `provision.expires`: Unix seconds, or 0.
    public internal(set) var provisionExpires = 0
    /// `invite.lifetime`, seconds
    public internal(set) var inviteLifetime: Int64 = 0

    /// `limits.connections`
    public internal(set) var connections = 0
    /// `limits.connections_per_address`
    public internal(set) var connectionsPerAddress = 0
    /// `limits.connections_per_grant`
    public internal(set) var connectionsPerGrant = 0
    /// `limits.handshake_timeout`, seconds
    public internal(set) var handshakeTimeout: Int64 = 0
    /// `limits.idle_timeout`, seconds
    public internal(set) var idleTimeout: Int64 = 0

    /// `device.name`: at most 64 bytes of UTF-8 without control characters, or empty.
    public internal(set) var deviceName = ""
    /// `device.poll`, seconds: the longest wait between two attempts to reach a node that could not be reached.
    public internal(set) var poll: Int64 = 0
    /// `device.listen`: where a device takes messages from devices on the same network; empty: nowhere.
    public internal(set) var deviceListen: [HostPort] = []

    /// `discovery.mode`: "private" or "off".
    public internal(set) var discoveryMode = ""
    /// `discovery.interfaces`: names of network interfaces to use; empty: all but the loopback.
    public internal(set) var discoveryInterfaces: [String] = []
    /// `discovery.avoid`: names of network interfaces not to use.
    public internal(set) var discoveryAvoid: [String] = []
    /// `discovery.ip`: "any", "ipv4" or "ipv6".
    public internal(set) var discoveryIP = ""

    /// Where the store's key comes from.
    public enum StoreKeyKind: String, Sendable, Hashable, CaseIterable {
        /// A file, made by the first start.
        case file
        /// A credential of systemd's.
        case credential
        /// It lies in the data folder, wrapped under a passphrase.
        case passphrase
    }

    /// `store.key`
    public var storeKey: StoreKeyKind { StoreKeyKind(rawValue: storeKeyWord) ?? .file }
    var storeKeyWord = ""
    /// `store.key_file`: the path of the key file; with another `store.key`, where the key file was before by default.
    public internal(set) var keyFile = ""
    /// `store.spool`, bytes
    public internal(set) var spool: Int64 = 0
    /// `store.credential`: a file name.
    public internal(set) var credential = ""
    /// `control.socket`: the path of the Unix socket that commands talk to; it fits `sockaddr_un`.
    public internal(set) var controlSocket = ""
    /// `metrics.listen`: the loopback address at which a node shows its state to Prometheus; nil: nowhere. Port 0 is any
    /// free port.
    public internal(set) var metricsListen: HostPort?
    /// `metrics.file`: the file that a node writes its state into for Prometheus; empty: none.
    public internal(set) var metricsFile = ""
    /// `log.level`: one of trace, debug, info, notice, warning, error, critical (swift-log's levels).
    public internal(set) var logLevel = ""

    /// Everything else is filled in from ``Schema``, which alone knows the defaults.
    init(role: Role, file: String) {
        self.role = role
        self.file = file
    }
}
