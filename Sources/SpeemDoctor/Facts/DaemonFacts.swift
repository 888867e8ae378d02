public import SpeemTransport

/// What the daemon has told, or what a command found out in its place.
public struct DaemonFacts: Sendable, Equatable {
    /// Words of others, with what they say to do.
    public struct Trouble: Sendable, Equatable {
        public let words: String
        public let hint: String?

        public init(_ words: String, hint: String? = nil) {
            self.words = words
            self.hint = hint
        }
    }

    /// One of the account's nodes.
    struct OwnNode: Sendable, Equatable {
        let address: String
        let isReachable: Bool
        /// Another has taken its place.
        let isRetired: Bool
        /// Why it is not reachable.
        let problem: String?
    }

    /// nil: that cannot be told.
    public let isRunning: Bool?
    /// Why it, or the store in its place, cannot be asked.
    let trouble: Trouble?
    /// The bound addresses, "host:port"; nil: not told.
    let listening: [String]?
    /// Why the daemon finds nobody on the network.
    let discovery: Trouble?
    /// Of a node: whether somebody owns it.
    let isOwned: Bool?
    /// Of a node that a file has promised to an account: how that stands.
    let provision: String?
    /// Of a node: whether another has taken its place.
    let isRetired: Bool
    /// Of a node: whether it takes in nothing more for want of space.
    let refuses: Bool
    /// Of a device.
    let nodes: [OwnNode]?

    private init(
        isRunning: Bool?, trouble: Trouble? = nil, status: JSON? = nil, nodes: JSON? = nil, nearby: JSON? = nil
    ) {
        self.isRunning = isRunning
        self.trouble = trouble
        listening = status?["listening"]?.arrayValue?.compactMap(\.stringValue)
        discovery = nearby?["problem"]?.stringValue.map { Trouble($0, hint: nearby?["hint"]?.stringValue) }
        isOwned = status?["owned"]?.boolValue
        provision = status?["provision"]?.stringValue
        isRetired = status?["retired"]?.boolValue ?? false
        refuses = status?["disk"]?["refuses"]?.boolValue ?? false
        self.nodes = nodes?.arrayValue?.map { node in
            OwnNode(
                address: node["addresses"]?.arrayValue?.first?.stringValue ?? "?",
                isReachable: node["reachable"]?.boolValue ?? false, isRetired: node["retired"]?.boolValue ?? false,
                problem: node["problem"]?.stringValue)
        }
    }

    /// The answers of a running daemon; `nodes` of a device only.
    public static func running(status: JSON, nodes: JSON?, nearby: JSON?) -> DaemonFacts {
        DaemonFacts(isRunning: true, status: status, nodes: nodes, nearby: nearby)
    }

    /// No daemon runs; a device's command has asked for the nodes itself.
    public static func notRunning(nodes: JSON? = nil) -> DaemonFacts { DaemonFacts(isRunning: false, nodes: nodes) }

    /// - Parameter isRunning: false where no daemon runs, and the store cannot be used either.
    public static func failed(_ trouble: Trouble, isRunning: Bool?) -> DaemonFacts {
        DaemonFacts(isRunning: isRunning, trouble: trouble)
    }
}
