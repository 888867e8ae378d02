/// Why nobody is found, in a person's words.
public enum DiscoveryProblem: Sendable, Equatable, CustomStringConvertible {
    /// There is no system bus to ask over.
    case noSystemBus
    /// The bus is there, avahi-daemon is not.
    case noDaemon
    /// avahi-daemon will not do it.
    case refused(String)
    /// Something else, in Avahi's words.
    case failed(String)

    public var description: String {
        switch self {
        case .noSystemBus:
            "peers on this network are not found: there is no D-Bus system bus to reach avahi-daemon over"
        case .noDaemon: "peers on this network are not found: avahi-daemon is not running"
        case .refused(let words): "peers on this network are not found: avahi-daemon refuses (\(words))"
        case .failed(let words): "peers on this network are not found: \(words)"
        }
    }

    /// What to do.
    public var hint: String {
        switch self {
        case .noSystemBus:
            "install dbus and avahi-daemon, or set discovery.mode = \"off\"; configured addresses work without"
        case .noDaemon:
            "start it with: systemctl start avahi-daemon; or set discovery.mode = \"off\"; configured addresses work without"
        case .refused:
            "look at /etc/avahi/avahi-daemon.conf: disable-publishing and objects-per-client-max are in the way"
        case .failed: "it is tried again; look at its log with: journalctl -u avahi-daemon"
        }
    }
}
