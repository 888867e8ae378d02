import SpeemDiscovery
import Testing

@testable import SpeemDoctor

struct MulticastCheckTests {
    private func interface(
        _ name: String, isUp: Bool = true, isLoopback: Bool = false, canMulticast: Bool = true,
        addresses: [String] = ["192.0.2.1", "fe80::1%eth0"]
    ) -> NetworkInterface {
        NetworkInterface(
            index: 2, name: name, isUp: isUp, isLoopback: isLoopback, canMulticast: canMulticast, addresses: addresses)
    }

    private func finding(
        _ interfaces: [NetworkInterface], _ settings: DiscoverySettings = DiscoverySettings()
    ) -> Finding {
        let finding = MulticastCheck.finding(MulticastCheck.Facts(interfaces: interfaces, settings: settings))
        #expect(finding.check == .multicast)
        #expect(finding.isInOurVoice, "\(finding)")
        #expect((finding.toDo == nil) == (finding.state == .ok), "\(finding)")
        return finding
    }

    private let loopback = NetworkInterface(
        index: 1, name: "lo", isUp: true, isLoopback: true, canMulticast: false, addresses: ["127.0.0.1"])

    @Test func notUsed() {
        #expect(MulticastCheck.finding(nil) == .ok(.multicast, "not used: discovery.mode is \"off\""))
    }

    @Test func oneThatCarriesItIsEnough() {
        #expect(finding([loopback, interface("eth0")]) == .ok(.multicast, "eth0 carries it"))
        #expect(finding([interface("eth0"), interface("wlan0")]) == .ok(.multicast, "eth0, wlan0 carry it"))
        #expect(
            finding([interface("eth0"), interface("wg0", canMulticast: false)])
                == .ok(.multicast, "eth0 carries it; wg0 cannot carry multicast"))
    }

    @Test func noneDoes() {
        let found = finding([loopback, interface("eth0", isUp: false), interface("wg0", canMulticast: false)])
        #expect(found.state == .problem)
        #expect(found.words == "eth0 is down, wg0 cannot carry multicast")
        #expect(finding([interface("eth0", addresses: [])]).words == "eth0 has no address")
    }

    @Test func noneIsAllowed() {
        #expect(finding([loopback]).words.contains("none of the network interfaces of this machine (lo)"))
        let avoiding = DiscoverySettings(interfaces: InterfacePolicy(avoid: ["eth*"]))
        let found = finding([loopback, interface("eth0")], avoiding)
        #expect(found.state == .problem)
        #expect(found.toDo?.contains("[discovery]") == true)
    }

    @Test func theKindOfAddressesCounts() {
        let ipv4 = interface("eth0", addresses: ["192.0.2.1"])
        let ipv6 = interface("eth1", addresses: ["fe80::1%eth1"])
        #expect(finding([ipv4], DiscoverySettings(ipv6: false)).state == .ok)
        #expect(finding([ipv6], DiscoverySettings(ipv4: false)).state == .ok)
        #expect(
            finding([ipv6], DiscoverySettings(ipv6: false)).words == "eth1 has no IPv4 address, and ip is \"ipv4\"")
        #expect(
            finding([ipv4], DiscoverySettings(ipv4: false)).words == "eth0 has no IPv6 address, and ip is \"ipv6\"")
    }
}
