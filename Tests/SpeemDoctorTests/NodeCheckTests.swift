import SpeemTransport
import Testing

@testable import SpeemDoctor

struct NodeCheckTests {
    private func finding(_ daemon: DaemonFacts, isNode: Bool = false) -> Finding {
        let finding = NodeCheck.finding(NodeCheck.Facts(isNode: isNode, daemon: daemon, file: "/etc/speem.toml"))
        #expect(finding.check == .node)
        #expect(finding.isInOurVoice, "\(finding)")
        #expect((finding.toDo == nil) == (finding.state == .ok), "\(finding)")
        return finding
    }

    private func node(_ address: String, reachable: Bool, retired: Bool = false, problem: String? = nil) -> JSON {
        var members: [String: JSON] = [
            "addresses": .array([.string(address)]), "reachable": .bool(reachable), "retired": .bool(retired),
        ]
        if let problem { members["problem"] = .string(problem) }
        return .object(members)
    }

    private func device(_ nodes: JSON...) -> Finding { finding(.notRunning(nodes: .array(nodes))) }

    @Test func allAnswer() {
        #expect(device(node("a:1", reachable: true)) == .ok(.node, "a:1 answers"))
        #expect(
            device(node("a:1", reachable: true), node("b:2", reachable: true)).words == "a:1 answers; b:2 answers")
    }

    @Test func oneDoesNot() {
        let found = device(node("a:1", reachable: true), node("b:2", reachable: false, problem: "refused"))
        #expect(found.state == .problem)
        #expect(found.words == "a:1 answers; b:2 does not answer (refused)")
        #expect(device(node("a:1", reachable: false)).words == "a:1 does not answer")
    }

    @Test func oneThatWasReplacedMayBeGone() {
        #expect(
            device(node("a:1", reachable: true), node("b:2", reachable: false, retired: true))
                == .ok(.node, "a:1 answers"))
    }

    @Test func thereIsNone() {
        for found in [device(), device(node("b:2", reachable: false, retired: true)), finding(.notRunning())] {
            #expect(found.state == .problem)
            #expect(found.toDo?.contains("speem accept") == true)
        }
    }

    @Test func whatCannotBeAskedIsSaidInItsWords() {
        let trouble = DaemonFacts.Trouble("this device has no identity yet", hint: "run speem init")
        let found = finding(.failed(trouble, isRunning: false))
        #expect(found == .problem(.node, "this device has no identity yet", toDo: "run speem init"))
        let odd = finding(.failed(DaemonFacts.Trouble("odd"), isRunning: nil), isNode: true)
        #expect(odd.state == .problem)
        #expect(odd.toDo?.contains("as the user that speem run belongs to") == true)
    }

    @Test func ofANodeItSaysWhoseItIs() {
        func status(_ members: [String: JSON]) -> Finding {
            finding(.running(status: .object(members), nodes: nil, nearby: nil), isNode: true)
        }
        let unowned = status(["owned": .bool(false)])
        #expect(unowned.state == .ok)
        #expect(unowned.words.contains("nobody owns it") && unowned.words.contains("speem accept"))
        #expect(status(["owned": .bool(true)]) == .ok(.node, "this is a node, and it has an owner"))
        #expect(status(["owned": .bool(true), "retired": .bool(true)]).words.contains("taken its place"))
        #expect(status([:]).words == "this is a node")
    }

    @Test func aNodeThatDoesNotRunIsUnknown() {
        let found = finding(.notRunning(), isNode: true)
        #expect(found.state == .unknown)
        #expect(found.toDo == "start it with: speem run --config /etc/speem.toml")
    }
}
