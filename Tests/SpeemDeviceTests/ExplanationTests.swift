import SpeemProtocol
import Testing

@testable import SpeemDevice

struct ExplanationTests {
    private static let hour: Int64 = 3_600_000
    private static let now: Int64 = 1_000 * hour

    private func sent(
        _ state: MessageState, alarm: String? = nil, problem: String? = nil, hasRoute: Bool = true
    ) -> WayRows.Sent {
        WayRows.Sent(
            id: [1], contact: "bob", state: state, alarm: alarm, problem: problem, hasRoute: hasRoute)
    }

    private func way(
        _ state: OutgoingState, isSealed: Bool = true, trouble: String? = nil, since: Int64? = nil,
        failure: String? = nil, node: [UInt8]? = nil
    ) -> Way {
        Way(
            message: [1], contact: "bob", state: state, isSealed: isSealed, trouble: trouble, troubleSince: since,
            failure: failure, device: [2], node: node)
    }

    private func words(
        _ message: WayRows.Sent, _ ways: [Way], nodes: [Explanation.NodeView] = []
    ) -> [String] {
        Explanation(message: message, ways: ways, nodes: nodes, now: Self.now).words
    }

    @Test func theFarNodeIsAway() {
        let trouble = "your node cannot reach the contact's node"
        #expect(
            words(sent(.queued), [way(.queued, trouble: trouble, since: Self.now - 2 * Self.hour)]) == [
                "your node has it, and brings it to bob's node", trouble + ", since 2 h 0 min",
            ])
    }

    @Test func theMailboxIsFull() {
        let full = OutboxReports.words(.mailboxFull) ?? ""
        #expect(words(sent(.queued), [way(.queued, trouble: full)]).last == "the mailbox at the contact's node is full")
    }

    @Test func everyTroubleOfAnOutboxHasWords() {
        #expect(OutboxReports.words(.notTriedYet) == nil && OutboxReports.words(.unspecified) == nil)
        let all = [.unreachable, .unknownKey, .mailboxFull, .farTrouble, .noRoute].map { OutboxReports.words($0) }
        #expect(Set(all).count == 5 && !all.contains(nil))
    }

    @Test func thereIsNoRoute() {
        let line = "there is no route over your own node yet: this device brings it itself"
        #expect(words(sent(.waiting, hasRoute: false), [way(.waiting)]).last == line)
        #expect(!words(sent(.waiting, hasRoute: true), [way(.waiting)]).contains(line))
        #expect(!words(sent(.queued, hasRoute: false), [way(.queued)]).contains(line))
    }

    @Test func itWaitsForASession() {
        let line = words(
            sent(.waiting), [way(.waiting, isSealed: false, trouble: "no answer", since: Self.now - 61_000)]
        ).last
        #expect(
            line
                == "no session with a device of bob yet: it begins when bob's node can be reached (no answer, since 1 min)"
        )
    }

    @Test func theDeviceWasRemoved() {
        #expect(
            words(sent(.waiting), []) == [
                "it is only on this device so far",
                "the devices that it was for are not in bob's account any more",
            ])
        #expect(words(sent(.queued), []).last?.hasPrefix("another device of yours looks after it, or ") == true)
        #expect(words(sent(.delivered), []) == ["a device of bob has it"])
        #expect(words(sent(.failed), []) == ["it was given up"])
    }

    @Test func theOwnNodeIsAway() {
        let node = Explanation.NodeView(key: [7], name: "pi:4040", isReachable: false, knowsTime: true)
        let line = words(sent(.queued), [way(.queued, node: [7])], nodes: [node]).last
        #expect(line?.hasPrefix("your node at pi:4040 cannot be reached now") == true)
    }

    @Test func theClockIsNotKnown() {
        let node = Explanation.NodeView(key: [7], name: "pi:4040", isReachable: true, knowsTime: false)
        let line = words(sent(.queued), [way(.queued, node: [7])], nodes: [node]).last
        #expect(line == "your node at pi:4040 does not know the time yet: until then it gives nothing up by age")
        let fine = Explanation.NodeView(key: [7], name: "pi:4040", isReachable: true, knowsTime: true)
        #expect(words(sent(.queued), [way(.queued, node: [7])], nodes: [fine]).count == 1)
    }

    @Test func otherDevicesDoNotHaveItYet() {
        #expect(words(sent(.delivered), [way(.stored)]).last == "another device of bob does not have it yet")
        #expect(
            words(sent(.seen), [way(.stored), way(.queued)]).dropFirst().first
                == "2 other devices of bob do not have it yet")
        #expect(words(sent(.stored), [way(.stored), way(.stored)]).count == 1)
        // One that was refused for good is not on its way.
        #expect(
            words(sent(.delivered), [way(.stored, failure: "no")]) == [
                "a device of bob has it", "refused for good: no",
            ])
    }

    @Test func theSameReasonIsGivenOnce() {
        let ways = [way(.queued, trouble: "full"), way(.queued, trouble: "full"), way(.waiting, trouble: "other")]
        #expect(words(sent(.queued), ways).dropFirst() == ["full", "other"])
    }

    @Test func problemsAndAlarmsAreTold() {
        let lines = words(sent(.failed, alarm: "split", problem: "its node refused us"), [])
        #expect(lines.dropFirst() == ["nothing reaches bob: its node refused us", "warning: split"])
    }

    /// A clock that went back, or was never right, makes no nonsense.
    @Test func clocksThatAreWrong() {
        for since in [Self.now + 1, .max, .min, Self.now] {
            let line = words(sent(.queued), [way(.queued, trouble: "full", since: since)]).last
            #expect(line == "full")
        }
    }

    @Test(arguments: [
        (-5, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h 0 min"),
        (86_399, "23 h 59 min"), (86_400, "1 d 0 h"), (10 * 86_400 + 7200, "10 d 2 h"),
    ])
    func durations(_ seconds: Int64, _ words: String) { #expect(Explanation.duration(seconds) == words) }
}
