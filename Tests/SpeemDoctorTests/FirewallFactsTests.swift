import Testing

@testable import SpeemDoctor

struct FirewallFactsTests {
    @Test func nothingIsThere() throws {
        let root = try TemporaryFolder()
        #expect(FirewallFacts.seen(root: root.path, chains: nil) == [])
        #expect(FirewallFacts.seen(root: root.path, chains: "table inet filter {\n}\n") == [])
    }

    @Test func eachIsSeenByItsTraces() throws {
        let root = try TemporaryFolder()
        try root.write("etc/ufw/ufw.conf", text: "# ENABLED=yes\nENABLED=no\n")
        #expect(FirewallFacts.seen(root: root.path, chains: nil) == [])
        try root.write("etc/ufw/ufw.conf", text: "# comment\nENABLED=yes\nLOGLEVEL=low\n")
        #expect(FirewallFacts.seen(root: root.path, chains: nil) == [.ufw])
        try root.write("run/firewalld/pid", text: "")
        #expect(FirewallFacts.seen(root: root.path, chains: nil) == [.ufw, .firewalld])
        try root.write("proc/net/ip_tables_names", text: "nat\nmangle\n")
        #expect(FirewallFacts.seen(root: root.path, chains: nil) == [.ufw, .firewalld])
        try root.write("proc/net/ip6_tables_names", text: "nat\nfilter\n")
        #expect(FirewallFacts.seen(root: root.path, chains: nil) == [.ufw, .firewalld, .iptables])
        let chains =
            "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n}\n"
        #expect(FirewallFacts.seen(root: root.path, chains: chains) == Set(FirewallCheck.Kind.allCases))
    }

    @Test func otherWaysToWriteIt() {
        #expect(FirewallFacts.isEnabled(ufw: " enabled = \"yes\" "))
        #expect(!FirewallFacts.isEnabled(ufw: "ENABLED=no"))
        #expect(!FirewallFacts.isEnabled(ufw: ""))
        #expect(!FirewallFacts.filtersInput(nft: "type nat hook prerouting priority dstnat; policy accept;"))
    }

    @Test func whatACommandPrints() {
        #expect(SmallFile.output(of: "echo some words") == "some words\n")
        #expect(SmallFile.output(of: "echo some words; exit 3") == nil)
        // More than is kept: the command still ends well.
        #expect(SmallFile.output(of: "head -c 1000000 /dev/zero")?.utf8.count == 262_144)
    }
}
