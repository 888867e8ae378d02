import Testing

@testable import SpeemSync

struct NodeContinuityTests {
    private func judge(_ epoch: UInt8, _ commit: UInt64) -> NodeContinuity.Judgement {
        NodeContinuity.judge(
            NodeContinuity(epoch: [epoch], commit: commit), known: NodeContinuity(epoch: [1], commit: 100))
    }

    @Test func whatADeviceMakesOfANode() {
        #expect(judge(1, 100) == .onward)
        #expect(judge(1, 101) == .onward)
        #expect(judge(1, .max) == .onward)
        #expect(judge(1, 99) == .wentBack)
        #expect(judge(1, 0) == .wentBack)
        #expect(judge(2, 100) == .anotherStore)
        #expect(judge(2, 5) == .anotherStore)
        #expect(judge(2, 500) == .anotherStore)
        #expect(NodeContinuity.judge(NodeContinuity(epoch: [1], commit: 0), known: nil) == .new)
    }

    @Test func whatMayBeGone() {
        #expect(!NodeContinuity.Judgement.new.mayHaveLost && !NodeContinuity.Judgement.onward.mayHaveLost)
        #expect(NodeContinuity.Judgement.wentBack.mayHaveLost && NodeContinuity.Judgement.anotherStore.mayHaveLost)
    }
}
