import Testing

@testable import SpeemDiscovery

struct InterfacePolicyTests {
    private func interface(_ name: String, isUp: Bool = true, isLoopback: Bool = false) -> NetworkInterface {
        NetworkInterface(
            index: 2, name: name, isUp: isUp, isLoopback: isLoopback, canMulticast: true, addresses: ["192.0.2.1"])
    }

    @Test func allButTheLoopback() {
        let policy = InterfacePolicy()
        #expect(policy.allows(interface("eth0")))
        #expect(policy.allows(interface("wlan0")))
        #expect(!policy.allows(interface("lo", isLoopback: true)))
        #expect(!policy.allows(interface("eth0", isUp: false)))
    }

    @Test func thoseThatAreNamed() {
        let policy = InterfacePolicy(use: ["eth0", "wl*", "lo"], avoid: ["wlan9"])
        #expect(policy.allows(interface("eth0")))
        #expect(!policy.allows(interface("eth01")))
        #expect(policy.allows(interface("wlan0")))
        #expect(!policy.allows(interface("wlan9")))
        #expect(policy.allows(interface("lo", isLoopback: true)))
        #expect(!policy.allows(interface("docker0")))
    }

    @Test func thoseThatAreAvoided() {
        let policy = InterfacePolicy(avoid: ["docker*", "veth*"])
        #expect(policy.allows(interface("eth0")))
        #expect(!policy.allows(interface("docker0")))
        #expect(!policy.allows(interface("vethab12")))
    }

    /// What is to be used is so while it is down, too.
    @Test func thoseThatAreDownAreSelected() {
        let policy = InterfacePolicy(avoid: ["docker*"])
        #expect(policy.selects(interface("eth0", isUp: false)))
        #expect(!policy.allows(interface("eth0", isUp: false)))
        #expect(!policy.selects(interface("docker0", isUp: false)))
        #expect(!policy.selects(interface("lo", isUp: false, isLoopback: true)))
    }

    @Test func thisMachineHasALoopback() throws {
        let interfaces = NetworkInterface.all
        let loopback = try #require(interfaces.first { $0.isLoopback })
        #expect(loopback.index > 0)
        #expect(interfaceName(loopback.index) == loopback.name)
        #expect(interfaceName(0) == nil)
        #expect(interfaceName(-1) == nil)
    }
}
