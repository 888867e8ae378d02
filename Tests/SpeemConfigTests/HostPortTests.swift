import Testing

@testable import SpeemConfig

@Suite("HostPort")
struct HostPortTests {
    @Test(
        "names, IPv4 and IPv6 are read",
        arguments: [
            ("localhost:4404", "localhost", 4404),
            ("node.example.org:1", "node.example.org", 1),
            ("my_board.local:65535", "my_board.local", 65535),
            ("xn--kche-0ra.example:80", "xn--kche-0ra.example", 80),
            ("3com.example:80", "3com.example", 80),
            ("192.0.2.1:4404", "192.0.2.1", 4404),
            ("0.0.0.0:0", "0.0.0.0", 0),
            ("255.255.255.255:4404", "255.255.255.255", 4404),
            ("[::]:4404", "::", 4404),
            ("[::1]:0", "::1", 0),
            ("[2001:DB8::1]:4404", "2001:DB8::1", 4404),
            ("[::ffff:192.0.2.1]:4404", "::ffff:192.0.2.1", 4404),
            ("[fe80::1%eth0]:4404", "fe80::1%eth0", 4404),
            ("[fe80::1%wlan0.5]:4404", "fe80::1%wlan0.5", 4404),
        ] as [(String, String, UInt16)])
    func valid(text: String, host: String, port: UInt16) throws {
        let address = try #require(HostPort(parsing: text))
        #expect(address.host == host)
        #expect(address.port == port)
        #expect(address.description == text)
        #expect(HostPort(parsing: address.description) == address)
    }

    @Test(
        "everything else is not",
        arguments: [
            "", ":", "host", "host:", ":4404", "4404", "host:4404:", "host::4404", "host:-1", "host:+1", "host: 1",
            "host:65536", "host:99999", "host:100000", "host:18446744073709551616", "host:04404", "host:00",
            "host:0x10",
            "host:１", "host :1", " host:1", "host:1 ", "ho st:1", "host\n:1", "host:1\n", "host\0:1", "hôst:1",
            "-host:1", "host-:1", "a..b:1", ".a:1", "a.:1", "*:1", "http://host:1", "user@host:1", "host/path:1",
            "1.2.3:1", "1.2.3.4.5:1", "1.2.3.256:1", "1.2.3.04:1", "1.2.3.1000:1", "1234:1", "0x7f.1:1", "a.1:1",
            "::1:4404", "::1", "[::1]", "[::1]:", "[::1]4404", "[::1:4404", "::1]:4404", "[]:1", "[:1", "]:1", "[:1]",
            "[::g]:1", "[1.2.3.4]:1", "[host]:1", "[::1%]:1", "[::1%a/b]:1", "[::1%0123456789abcdef]:1", "[[::1]]:1",
            "[::1]:65536", "[::1\0]:1", "[1:2:3:4:5:6:7:8:9]:1", "[::1::]:1", "[%eth0]:1", "[::1%é]:1",
        ])
    func invalid(text: String) {
        #expect(HostPort(parsing: text) == nil)
    }

    @Test("a label has 63 characters at the most, a name 253")
    func lengths() {
        let label = String(repeating: "a", count: 63)
        #expect(HostPort(parsing: "\(label):1") != nil)
        #expect(HostPort(parsing: "\(label)a:1") == nil)
        let name = [label, label, label, String(repeating: "a", count: 61)].joined(separator: ".")
        #expect(name.utf8.count == 253)
        #expect(HostPort(parsing: "\(name):1") != nil)
        #expect(HostPort(parsing: "\(name)a:1") == nil)
        #expect(HostPort(parsing: String(repeating: "a.", count: 30_000) + "a:1") == nil)
        #expect(HostPort(parsing: "[" + String(repeating: ":", count: 60_000) + "]:1") == nil)
    }

    @Test("the host alone decides about brackets")
    func description() {
        #expect(HostPort(host: "::1", port: 1).description == "[::1]:1")
        #expect(HostPort(host: "example.org", port: 0).description == "example.org:0")
    }

    @Test("equal means the same text and port")
    func equality() {
        #expect(HostPort(host: "a", port: 1) == HostPort(host: "a", port: 1))
        #expect(HostPort(host: "a", port: 1) != HostPort(host: "a", port: 2))
        #expect(Set([HostPort(host: "a", port: 1), HostPort(host: "b", port: 1)]).count == 2)
    }

    @Test("the unspecified address is known in each spelling")
    func unspecified() {
        for host in ["0.0.0.0", "::", "0:0:0:0:0:0:0:0", "::0", "::0.0.0.0"] {
            #expect(HostPort(host: host, port: 1).isUnspecified, "\(host)")
        }
        for host in ["::1", "127.0.0.1", "localhost", "", "1::"] {
            #expect(!HostPort(host: host, port: 1).isUnspecified, "\(host)")
        }
    }

    @Test("what only this machine can connect to is known in each spelling, and a name is not")
    func loopback() {
        for host in ["127.0.0.1", "127.1.2.3", "127.255.255.255", "::1", "0:0:0:0:0:0:0:1", "::0:1"] {
            #expect(HostPort(host: host, port: 1).isLoopback, "\(host)")
        }
        for host in [
            "128.0.0.1", "0.0.0.0", "192.0.2.127", "::", "::2", "1::1", "::ffff:127.0.0.1", "::1%lo", "localhost",
            "127.example.org", "",
        ] { #expect(!HostPort(host: host, port: 1).isLoopback, "\(host)") }
    }

    @Test("random text never traps, and what is read is written the same")
    func random() {
        let alphabet = Array("[]:.%0123456789abfg-_ é\0")
        var generator = SeededGenerator(seed: 1)
        var accepted = 0
        for _ in 0..<20_000 {
            let length = Int.random(in: 0...14, using: &generator)
            let text = String((0..<length).compactMap { _ in alphabet.randomElement(using: &generator) })
            guard let address = HostPort(parsing: text) else { continue }
            accepted += 1
            #expect(address.description == text)
        }
        #expect(accepted > 10)
    }
}
