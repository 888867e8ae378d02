/// Whether a device's nodes answer; of a node, whose it is.
enum NodeCheck {
    struct Facts: Sendable, Equatable {
        let isNode: Bool
        let daemon: DaemonFacts
        /// The configuration file.
        let file: String
    }

    static func finding(_ facts: Facts) -> Finding {
        if let trouble = facts.daemon.trouble {
            return .problem(
                .node, trouble.words,
                toDo: trouble.hint ?? "run this as the user that speem run belongs to, and look at its log")
        }
        return facts.isNode ? node(facts) : device(facts.daemon.nodes ?? [])
    }

    private static func node(_ facts: Facts) -> Finding {
        guard facts.daemon.isRunning == true else {
            return .unknown(
                .node, "this is a node, and it is not running", toDo: "start it with: speem run --config \(facts.file)")
        }
        if facts.daemon.isRetired { return .ok(.node, "this is a node; another one has taken its place") }
        switch facts.daemon.isOwned {
        case true?: return .ok(.node, "this is a node, and it has an owner")
        case false? where facts.daemon.provision != nil:
            return .ok(.node, "this is a node, and its owner's device has not come yet")
        case false?:
            return .ok(
                .node,
                "this is a node, and nobody owns it: on a device run speem accept with what speem invite shows here")
        case nil: return .ok(.node, "this is a node")
        }
    }

    private static func device(_ nodes: [DaemonFacts.OwnNode]) -> Finding {
        // One that was replaced may be gone for good.
        let nodes = nodes.filter { !$0.isRetired }
        guard !nodes.isEmpty else {
            return .problem(
                .node, "this device has no node yet: nobody keeps what comes while it is off",
                toDo: "take one: speem accept with the claim invite that it shows")
        }
        let words = nodes.map { node in
            node.isReachable
                ? "\(node.address) answers"
                : "\(node.address) does not answer" + (node.problem.map { " (\($0))" } ?? "")
        }.joined(separator: "; ")
        if nodes.allSatisfy(\.isReachable) { return .ok(.node, words) }
        return .problem(
            .node, words,
            toDo:
                "see that the node has power and network, and run speem doctor on it; from elsewhere its router must let in its port"
        )
    }
}
