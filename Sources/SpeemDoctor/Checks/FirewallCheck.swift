/// What has to be let in, where a firewall is seen. Whether it does already cannot be told from here.
enum FirewallCheck {
    enum Kind: String, Sendable, CaseIterable {
        case ufw = "ufw"
        case firewalld = "firewalld"
        case nftables = "nftables"
        case iptables = "iptables"
    }

    struct Facts: Sendable, Equatable {
        let seen: Set<Kind>
        /// TCP ports that others connect to; 0: one that is not known before speem run is running.
        let ports: [UInt16]
        /// The configuration leaves a port to the system: it is another one with each start.
        let isAnyPort: Bool
        /// Peers are looked for.
        let usesMulticastDNS: Bool
        let isNode: Bool
    }

    static func finding(_ facts: Facts) -> Finding {
        guard !facts.seen.isEmpty else { return .ok(.firewall, "no firewall seen here; a router may have one") }
        // The first two keep their rules in the others' tables.
        let managers = facts.seen.intersection([.ufw, .firewalld])
        let kinds = (managers.isEmpty ? facts.seen : managers).sorted { $0.rawValue < $1.rawValue }
        let names = kinds.map(\.rawValue).joined(separator: " and ")
        guard facts.usesMulticastDNS || !facts.ports.isEmpty else {
            return .ok(.firewall, "\(names) is here; nothing has to be let in")
        }
        var toDo = kinds.map { advice($0, facts) }.joined(separator: "; ")
        if facts.isAnyPort, !facts.ports.isEmpty {
            let key = facts.isNode ? "[listen] addresses" : "[device] listen"
            toDo =
                "choose a port that stays, with \(key) = [\"[::]:\(facts.isNode ? 4404 : 4405)\"], and restart; then "
                + toDo
        }
        let verb = kinds.count == 1 ? "is" : "are"
        return .unknown(
            .firewall, "\(names) \(verb) here; whether others are let in cannot be seen from here", toDo: toDo)
    }

    private static func advice(_ kind: Kind, _ facts: Facts) -> String {
        let wanted = wanted(facts)
        switch kind {
        case .ufw: return wanted.map { "ufw allow \($0)" }.joined(separator: " && ")
        case .firewalld:
            return "firewall-cmd --permanent " + wanted.map { "--add-port=\($0)" }.joined(separator: " ")
                + " && firewall-cmd --reload"
        case .nftables, .iptables: return "see that \(kind.rawValue) lets in " + wanted.joined(separator: " and ")
        }
    }

    private static func wanted(_ facts: Facts) -> [String] {
        var seen: Set<UInt16> = []
        return (facts.usesMulticastDNS ? ["5353/udp"] : [])
            + facts.ports.filter { seen.insert($0).inserted }.map { $0 == 0 ? "PORT/tcp" : "\($0)/tcp" }
    }
}
