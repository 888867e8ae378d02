public import SpeemTransport

/// What was found in one check.
public struct Finding: Sendable, Equatable {
    /// The checks, in the order in which they are made and shown.
    public enum Check: String, Sendable, CaseIterable {
        case avahiDaemon = "avahi_daemon"
        case systemBus = "dbus"
        case port = "port"
        case firewall = "firewall"
        case multicast = "multicast"
        case clock = "clock"
        case node = "node"
        case disk = "disk"
        case keyFile = "key_file"
        /// Of a provisioned node only.
        case provision = "provision"

        /// For people.
        public var title: String {
            switch self {
            case .avahiDaemon: "avahi-daemon"
            case .systemBus: "D-Bus"
            case .port: "port open"
            case .firewall: "firewall"
            case .multicast: "multicast"
            case .clock: "clock synchronised"
            case .node: "node reachable"
            case .disk: "disk space"
            case .keyFile: "key file"
            case .provision: "provision"
            }
        }
    }

    public enum State: String, Sendable {
        case ok = "ok"
        case problem = "problem"
        /// It cannot be seen from here.
        case unknown = "unknown"
    }

    public let check: Check
    public let state: State
    /// What was found: lower case, without full stop.
    public let words: String
    /// What to do about it: lower case, without full stop; nil where nothing is to be done.
    public let toDo: String?

    static func ok(_ check: Check, _ words: String) -> Finding {
        Finding(check: check, state: .ok, words: words, toDo: nil)
    }

    static func problem(_ check: Check, _ words: String, toDo: String) -> Finding {
        Finding(check: check, state: .problem, words: words, toDo: toDo)
    }

    static func unknown(_ check: Check, _ words: String, toDo: String) -> Finding {
        Finding(check: check, state: .unknown, words: words, toDo: toDo)
    }

    /// An object with check, state, words and to_do, which may be null.
    public var json: JSON {
        .object([
            "check": .string(check.rawValue), "state": .string(state.rawValue), "words": .string(words),
            "to_do": toDo.map { .string($0) } ?? .null,
        ])
    }

    /// For people: the finding, and below it what to do.
    public var lines: [String] {
        ["\(state.rawValue)\t\(check.title): \(words)"] + (toDo.map { ["\tto do: \($0)"] } ?? [])
    }
}
