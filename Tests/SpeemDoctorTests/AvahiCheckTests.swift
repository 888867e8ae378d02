import SpeemDiscovery
import Testing

@testable import SpeemDoctor

struct AvahiCheckTests {
    private func findings(
        bus: String? = nil, version: String? = nil, _ problem: DiscoveryProblem? = nil,
        daemon: DaemonFacts.Trouble? = nil
    ) -> [Finding] {
        let findings = AvahiCheck.findings(
            AvahiCheck.Facts(busProblem: bus, version: version, problem: problem, discovery: daemon))
        #expect(findings.map(\.check) == [.avahiDaemon, .systemBus])
        for finding in findings {
            #expect(finding.isInOurVoice, "\(finding)")
            #expect((finding.toDo == nil) == (finding.state == .ok), "\(finding)")
        }
        return findings
    }

    @Test func bothAnswer() {
        let found = findings(version: "avahi 0.8")
        #expect(found.map(\.state) == [.ok, .ok])
        #expect(found[0].words == "avahi 0.8")
    }

    @Test func whereNobodyIsLookedForNeitherIsUsed() {
        let found = AvahiCheck.findings(nil)
        #expect(found.map(\.check) == [.avahiDaemon, .systemBus])
        #expect(found.allSatisfy { $0.state == .ok && $0.words.hasPrefix("not used") })
    }

    @Test func withoutABusTheDaemonIsUnknown() {
        let found = findings(bus: "failed to connect to socket")
        #expect(found.map(\.state) == [.unknown, .problem])
        #expect(found[0].toDo?.contains("D-Bus") == true)
        #expect(found[1].words.contains("failed to connect to socket"))
        #expect(found[1].toDo?.contains("install dbus") == true)
    }

    @Test func theDaemonIsNotThere() {
        let found = findings(.noDaemon)
        #expect(found.map(\.state) == [.problem, .ok])
        #expect(found[0].words == "it is not running")
        #expect(found[0].toDo?.contains("systemctl start avahi-daemon") == true)
    }

    @Test func theDaemonRefuses() {
        let found = findings(.refused("access denied"))
        #expect(found.map(\.state) == [.problem, .ok])
        #expect(found[0].words == "it refuses (access denied)")
        #expect(found[0].toDo?.contains("avahi-daemon.conf") == true)
    }

    /// The bus answers, and the library says that it does not: the bus has refused the call.
    @Test func theBusLetsNobodyAskTheDaemon() {
        let found = findings(.noSystemBus)
        #expect(found.map(\.state) == [.problem, .ok])
        #expect(found[0].words.contains("does not let this user ask"))
        #expect(findings(.failed("odd"))[0].words == "odd")
    }

    @Test func whatSpeemRunSaysCountsToo() {
        let found = findings(
            version: "avahi 0.8", daemon: DaemonFacts.Trouble("it refuses to publish", hint: "look at its file"))
        #expect(found.map(\.state) == [.problem, .ok])
        #expect(found[0].words == "avahi 0.8; but speem run says: it refuses to publish")
        #expect(found[0].toDo == "look at its file")
        // What is seen at once goes before what it says.
        #expect(findings(.noDaemon, daemon: DaemonFacts.Trouble("older words"))[0].words == "it is not running")
    }
}
