import SpeemConfig
import SpeemTransport
import Testing

@testable import SpeemDoctor

struct DoctorTests {
    private func config(_ lines: String, role: Config.Role = .device, in folder: TemporaryFolder) throws -> Config {
        try Config.parse(
            Array("role = \"\(role.rawValue)\"\ndata = \"\(folder.path)/data\"\n\(lines)\n".utf8),
            file: folder.path + "/speem.toml", home: nil)
    }

    @Test func everyCheckIsMadeOnceAndInOrder() async throws {
        let folder = try TemporaryFolder()
        for (role, mode) in [(Config.Role.node, "off"), (.device, "off"), (.node, "private"), (.device, "private")] {
            let config = try config("[discovery]\nmode = \"\(mode)\"", role: role, in: folder)
            let findings = await Doctor.examine(config, daemon: .notRunning())
            // Few nodes, and no device, have a provision.
            #expect(findings.map(\.check) == Finding.Check.allCases.filter { $0 != .provision })
            for finding in findings { #expect(finding.isInOurVoice, "\(finding)") }
        }
    }

    @Test func withDiscoveryOffNothingOfItIsUsed() async throws {
        let folder = try TemporaryFolder()
        let config = try config("[device]\nlisten = []\n[discovery]\nmode = \"off\"", in: folder)
        let findings = await Doctor.examine(config, daemon: .notRunning())
        for check in [Finding.Check.avahiDaemon, .systemBus, .multicast] {
            #expect(findings.first { $0.check == check }?.words.hasPrefix("not used") == true)
        }
        #expect(findings.first { $0.check == .port }?.state == .ok)
        #expect(findings.first { $0.check == .keyFile }?.state == .unknown)
    }

    @Test func thePortIsTried() async throws {
        let folder = try TemporaryFolder()
        let config = try config("[discovery]\nmode = \"off\"", role: .node, in: folder)
        // Nobody listens at port 1.
        let status = JSON.object(["listening": .array([.string("127.0.0.1:1")]), "owned": .bool(true)])
        let findings = await Doctor.examine(config, daemon: .running(status: status, nodes: nil, nearby: nil))
        let port = try #require(findings.first { $0.check == .port })
        #expect(port.state == .problem)
        #expect(port.words.hasPrefix("127.0.0.1:1 takes no connections ("))
    }

    @Test func thePortsToLetIn() throws {
        let folder = try TemporaryFolder()
        let listen = try config("[device]\nlisten = [\"0.0.0.0:0\", \"127.0.0.1:9\"]", in: folder).deviceListen
        func ports(_ daemon: DaemonFacts) -> FirewallCheck.Facts {
            Doctor.firewall(listen, daemon, usesMulticastDNS: true, isNode: false, [.ufw])
        }
        #expect(ports(.notRunning()).ports == [0])
        #expect(ports(.notRunning()).isAnyPort)
        let status = JSON.object(["listening": .array([.string("0.0.0.0:41234"), .string("127.0.0.1:9")])])
        #expect(ports(.running(status: status, nodes: nil, nearby: nil)).ports == [41234])
    }

    @Test func theClock() {
        #expect(ClockCheck.finding(isSynchronised: true).state == .ok)
        let found = ClockCheck.finding(isSynchronised: false)
        #expect(found.state == .problem)
        #expect(found.toDo == "timedatectl set-ntp true")
        #expect(found.isInOurVoice)
    }
}
