import Testing

@testable import SpeemDoctor

struct FirewallCheckTests {
    private func finding(
        _ seen: Set<FirewallCheck.Kind>, ports: [UInt16] = [4404], isAnyPort: Bool = false, mdns: Bool = true,
        isNode: Bool = true
    ) -> Finding {
        let finding = FirewallCheck.finding(
            FirewallCheck.Facts(
                seen: seen, ports: ports, isAnyPort: isAnyPort, usesMulticastDNS: mdns, isNode: isNode))
        #expect(finding.check == .firewall)
        #expect(finding.isInOurVoice, "\(finding)")
        #expect((finding.toDo == nil) == (finding.state == .ok), "\(finding)")
        return finding
    }

    @Test func noneIsSeen() {
        let found = finding([])
        #expect(found.state == .ok)
        #expect(found.words == "no firewall seen here; a router may have one")
    }

    @Test func theExactCommands() {
        #expect(finding([.ufw]).state == .unknown)
        #expect(finding([.ufw]).toDo == "ufw allow 5353/udp && ufw allow 4404/tcp")
        #expect(
            finding([.firewalld]).toDo
                == "firewall-cmd --permanent --add-port=5353/udp --add-port=4404/tcp && firewall-cmd --reload")
        #expect(finding([.nftables]).toDo == "see that nftables lets in 5353/udp and 4404/tcp")
        #expect(finding([.iptables], mdns: false).toDo == "see that iptables lets in 4404/tcp")
        #expect(
            finding([.ufw], ports: [4404, 4405, 4404], mdns: false).toDo == "ufw allow 4404/tcp && ufw allow 4405/tcp")
    }

    /// Their rules are in the tables of the others, where a person must not change them.
    @Test func whoManagesTheTablesIsNamedAlone() {
        let found = finding([.ufw, .iptables, .nftables])
        #expect(found.words.hasPrefix("ufw is here"))
        #expect(found.toDo?.contains("tables") == false)
        #expect(finding([.iptables, .nftables]).words.hasPrefix("iptables and nftables are here"))
    }

    @Test func aPortThatChangesIsFixedFirst() {
        let found = finding([.ufw], ports: [41234], isAnyPort: true, isNode: false)
        #expect(found.toDo?.hasPrefix("choose a port that stays, with [device] listen = [\"[::]:4405\"]") == true)
        #expect(finding([.ufw], isAnyPort: true).toDo?.contains("[listen] addresses = [\"[::]:4404\"]") == true)
        #expect(finding([.ufw], ports: [0], isAnyPort: true).toDo?.contains("ufw allow PORT/tcp") == true)
        #expect(finding([.ufw], ports: [], isAnyPort: true).toDo == "ufw allow 5353/udp")
    }

    @Test func nothingHasToBeLetIn() {
        let found = finding([.ufw], ports: [], mdns: false)
        #expect(found.state == .ok)
        #expect(found.words == "ufw is here; nothing has to be let in")
    }
}
