#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Which firewalls can be seen. Some only show themselves to root.
enum FirewallFacts {
    /// - Parameters:
    ///   - root: the folder that the system's files lie in.
    ///   - chains: what nft says of its chains; nil: nothing.
    static func seen(root: String = "", chains: String? = nftChains()) -> Set<FirewallCheck.Kind> {
        var seen: Set<FirewallCheck.Kind> = []
        if let text = SmallFile.text(root + "/etc/ufw/ufw.conf"), isEnabled(ufw: text) { seen.insert(.ufw) }
        if SmallFile.isThere(root + "/run/firewalld") { seen.insert(.firewalld) }
        for tables in ["ip_tables_names", "ip6_tables_names"] {
            let names = SmallFile.text("\(root)/proc/net/\(tables)")?.split(whereSeparator: \.isNewline) ?? []
            // The others do not filter what comes in.
            if names.contains("filter") { seen.insert(.iptables) }
        }
        if let chains, filtersInput(nft: chains) { seen.insert(.nftables) }
        return seen
    }

    static func isEnabled(ufw text: String) -> Bool {
        text.split(whereSeparator: \.isNewline).contains { line in
            line.filter { !$0.isWhitespace && $0 != "\"" }.lowercased() == "enabled=yes"
        }
    }

    /// Whether a chain looks at what comes in, in what `nft list chains` prints.
    static func filtersInput(nft text: String) -> Bool {
        text.split(whereSeparator: \.isNewline).contains { $0.contains("type filter hook input") }
    }

    private static func nftChains() -> String? {
        guard geteuid() == 0 else { return nil }
        return ["/usr/sbin/nft", "/sbin/nft"].first(where: SmallFile.isThere).flatMap {
            SmallFile.output(of: "\($0) list chains 2>/dev/null")
        }
    }
}
