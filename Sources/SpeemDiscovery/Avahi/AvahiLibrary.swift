import CAvahi
import CStaticShims

/// The Avahi client library inside the binary: which one is linked, and whether its daemon answers.
public enum AvahiLibrary {
    /// The version of the linked libdbus, such as "1.14.10".
    public static var dbusVersion: String {
        var major: Int32 = 0
        var minor: Int32 = 0
        var micro: Int32 = 0
        dbus_get_version(&major, &minor, &micro)
        return "\(major).\(minor).\(micro)"
    }

    /// The version of the linked libavahi-client, such as "0.8", as pkg-config told it when the program was built; nil
    /// where nobody asked. The library itself does not tell.
    public static var clientVersion: String? {
        let version = String(cString: speem_avahi_client_version())
        return version == "unknown" ? nil : version
    }

    /// What the client library learns from the system's avahi-daemon: its version, or why it cannot be asked.
    ///
    /// Blocks for as long as D-Bus takes to answer.
    public static func daemonVersion() -> Result<String, AvahiFailure> {
        guard let poll = avahi_simple_poll_new() else {
            return .failure(AvahiFailure(words: "out of memory", problem: .failed("out of memory")))
        }
        defer { avahi_simple_poll_free(poll) }
        var code: Int32 = 0
        let client = avahi_client_new(
            avahi_simple_poll_get(poll), AvahiClientFlags(rawValue: 0), { _, _, _ in }, nil, &code)
        guard let client else {
            let error = AvahiError(code: code)
            return .failure(AvahiFailure(words: error.words, problem: error.problem))
        }
        defer { avahi_client_free(client) }
        guard let version = avahi_client_get_version_string(client) else {
            let error = AvahiError(code: avahi_client_errno(client))
            return .failure(AvahiFailure(words: "it does not tell its version", problem: error.problem))
        }
        return .success(String(cString: version))
    }
}

/// Why avahi-daemon cannot be asked, in the library's words.
public struct AvahiFailure: Error, Equatable, Sendable, CustomStringConvertible {
    let words: String
    /// What it means.
    public let problem: DiscoveryProblem

    public var description: String { words.lowercased() }
}
