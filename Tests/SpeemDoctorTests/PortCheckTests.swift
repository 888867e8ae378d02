import Testing

@testable import SpeemDoctor

struct PortCheckTests {
    private func finding(
        _ listening: PortCheck.Facts.Listening, isNode: Bool = true, isForwarded: Bool = false
    ) -> Finding {
        let finding = PortCheck.finding(
            PortCheck.Facts(listening: listening, isNode: isNode, isForwarded: isForwarded))
        #expect(finding.check == .port)
        #expect(finding.isInOurVoice, "\(finding)")
        #expect((finding.toDo == nil) == (finding.state == .ok), "\(finding)")
        return finding
    }

    @Test func openForOthers() {
        let found = finding(.at([.init(address: "[::]:4404", failure: nil)]))
        #expect(found.state == .ok)
        #expect(found.words == "[::]:4404 takes connections")
        // One that others can reach is enough.
        #expect(
            finding(
                .at([.init(address: "127.0.0.1:4404", failure: nil), .init(address: "192.0.2.1:4404", failure: nil)])
            ).state == .ok)
    }

    @Test func closed() {
        let found = finding(
            .at([
                .init(address: "192.0.2.1:4404", failure: "connection refused"), .init(address: "[::]:1", failure: nil),
            ]))
        #expect(found.state == .problem)
        #expect(found.words == "192.0.2.1:4404 takes no connections (connection refused)")
        #expect(finding(.at([])).state == .problem)
    }

    @Test func onTheLoopbackNobodyElseCanConnect() {
        for address in ["127.0.0.1:4404", "127.3.2.1:4404", "[::1]:4404"] {
            let loopback = PortCheck.Facts.Listening.at([.init(address: address, failure: nil)])
            let node = finding(loopback)
            #expect(node.state == .problem)
            #expect(node.words.contains("nobody else can connect"))
            #expect(node.toDo?.contains("[listen]") == true)
            // A person who has set that up knows it.
            #expect(finding(loopback, isForwarded: true).state == .ok)
            let device = finding(loopback, isNode: false)
            #expect(device.state == .ok)
            #expect(device.words.contains("nobody else can connect"))
        }
    }

    @Test func nowhere() {
        let found = finding(.nowhere, isNode: false)
        #expect(found.state == .ok)
        #expect(found.words.contains("[device] listen is empty"))
    }

    @Test func withoutAnAnswerItIsUnknown() {
        let stopped = finding(.unknown(isRunning: false))
        #expect(stopped.state == .unknown)
        #expect(stopped.words.contains("not running"))
        #expect(stopped.toDo?.contains("start speem run") == true)
        #expect(finding(.unknown(isRunning: true)).toDo == "restart speem run")
        #expect(finding(.unknown(isRunning: nil)).state == .unknown)
    }

    @Test func aWildcardIsReachedOverTheLoopback() {
        #expect(PortCheck.target("0.0.0.0:4404") == "127.0.0.1:4404")
        #expect(PortCheck.target("[::]:4404") == "[::1]:4404")
        #expect(PortCheck.target("192.0.2.1:4404") == "192.0.2.1:4404")
        #expect(PortCheck.target("[2001:db8::1]:4404") == "[2001:db8::1]:4404")
        #expect(PortCheck.target("nothing") == "nothing")
        #expect(
            PortCheck.target("[fe80::1]:41234", configured: ["[fe80::12%eth1]:0", "[fe80::1%eth0]:0"])
                == "[fe80::1%eth0]:41234")
    }
}
