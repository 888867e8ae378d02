/// Whether the sockets take connections, and from whom.
enum PortCheck {
    struct Bound: Sendable, Equatable {
        /// "host:port"
        let address: String
        /// Why this machine cannot connect to it; nil: it can.
        let failure: String?
    }

    struct Facts: Sendable, Equatable {
        enum Listening: Sendable, Equatable {
            /// The configuration says so.
            case nowhere
            /// nil: it cannot be told whether speem run is running.
            case unknown(isRunning: Bool?)
            case at([Bound])
        }

        let listening: Listening
        let isNode: Bool
        /// Others are told another address than the bound ones.
        let isForwarded: Bool
    }

    static func finding(_ facts: Facts) -> Finding {
        switch facts.listening {
        case .nowhere:
            return .ok(.port, "this device listens nowhere ([device] listen is empty); messages come over its node")
        case .unknown(false?):
            return .unknown(
                .port, "speem run is not running, and nobody else listens", toDo: "start speem run, then run this again"
            )
        case .unknown(true?):
            return .unknown(
                .port, "speem run does not say where it listens: it is of an older version", toDo: "restart speem run")
        case .unknown(nil):
            return .unknown(
                .port, "speem run cannot be asked where it listens",
                toDo: "run this as the user that speem run belongs to")
        case .at(let bound): return finding(bound, facts)
        }
    }

    private static func finding(_ bound: [Bound], _ facts: Facts) -> Finding {
        let closed = bound.filter { $0.failure != nil }
        guard closed.isEmpty, !bound.isEmpty else {
            let words = closed.map { "\($0.address) takes no connections (\($0.failure ?? ""))" }
            return .problem(
                .port, bound.isEmpty ? "speem run listens nowhere" : words.joined(separator: "; "),
                toDo: "look at the log of speem run, and restart it")
        }
        let open = bound.map(\.address).joined(separator: ", ") + " takes connections"
        guard bound.allSatisfy({ isLoopback($0.address) }) else { return .ok(.port, open) }
        let words = open + ", from this machine only: nobody else can connect"
        if facts.isNode, !facts.isForwarded {
            return .problem(
                .port, words,
                toDo:
                    "set addresses = [\"[::]:4404\"] in [listen]; where something forwards to it, name that in advertise"
            )
        }
        return .ok(.port, words + (facts.isNode ? " but over what forwards to it" : "; messages come over the node"))
    }

    /// Whether only this machine can connect to an address ("host:port").
    static func isLoopback(_ address: String) -> Bool {
        address.hasPrefix("127.") || address.hasPrefix("[::1]") || address.hasPrefix("localhost:")
    }

    /// Where this machine connects to reach a bound address: a wildcard is good to listen on only.
    ///
    /// - Parameter configured: what it was bound to: a link-local address is of no use without its interface, which a socket
    ///   does not tell.
    static func target(_ address: String, configured: [String] = []) -> String {
        guard let colon = address.lastIndex(of: ":") else { return address }
        switch address[..<colon] {
        case "0.0.0.0": return "127.0.0.1" + address[colon...]
        case "[::]": return "[::1]" + address[colon...]
        case let host:
            let zoned = configured.first { $0.hasPrefix(host.dropLast() + "%") && host.hasPrefix("[") }
            guard let zoned, let end = zoned.lastIndex(of: ":") else { return address }
            return String(zoned[..<end] + address[colon...])
        }
    }
}
