import Testing

@testable import SpeemMailbox

struct OutboxItemTests {
    private let fresh = OutboxItem.new(targets: 2, now: 100)

    @Test func aNewItemIsTriedAtOnce() {
        #expect(fresh.state == .waiting && fresh.nextTry == 100 && fresh.trouble == .notTriedYet)
    }

    @Test func bothStored() {
        let over = fresh.after(.answered([.stored, .stored]), now: 101, jitter: 0)
        #expect(over.state == .stored && over.trouble == nil && over.isOver)
        #expect(over.targets == [.stored, .stored])
        // Whatever comes later changes nothing.
        #expect(over.after(.failed(.unreachable, advice: nil), now: 500, jitter: 0) == over)
        #expect(over.expired() == over)
    }

    @Test func oneRefusedForGood() {
        let over = fresh.after(.answered([.refused(code: 7, detail: "gone"), .stored]), now: 101, jitter: 0)
        #expect(over.state == .stored)
        #expect(over.targets == [.refused(code: 7, detail: "gone"), .stored])
        let none = fresh.after(
            .answered([.refused(code: 7, detail: "gone"), .refused(code: 6, detail: "")]), now: 101, jitter: 0)
        #expect(none.state == .refused)
    }

    @Test func whatMayBeTakenLaterIsTriedAgainAndTheRestIsNot() {
        let first = fresh.after(.answered([.stored, .later(.mailboxFull, advice: 60)]), now: 101, jitter: 0)
        #expect(first.state == .waiting && first.trouble == .mailboxFull && first.troubleSince == 101)
        #expect(first.nextTry > 101 + 3600)
        // Only the second target is still asked for.
        let second = first.after(.answered([.stored]), now: 9000, jitter: 0)
        #expect(second.state == .stored && second.targets == [.stored, .stored])
    }

    @Test func failuresInARowWaitLongerAndKeepTheirBeginning() {
        var item = fresh
        var last: Int64 = 0
        for now in [200, 300, 400] as [Int64] {
            item = item.after(.failed(.unreachable, advice: nil), now: now, jitter: 1)
            #expect(item.nextTry - now > last)
            last = item.nextTry - now
            #expect(item.troubleSince == 200)
        }
        #expect(item.attempts == 3)
        // Another trouble begins anew.
        item = item.after(.failed(.farTrouble, advice: nil), now: 500, jitter: 1)
        #expect(item.troubleSince == 500 && item.attempts == 1)
    }

    @Test func aShortAnswerIsNoAnswerForTheRest() {
        let item = fresh.after(.answered([.stored]), now: 101, jitter: 0)
        #expect(item.state == .waiting && item.trouble == .farTrouble)
        let long = fresh.after(.answered([.stored, .stored, .stored]), now: 101, jitter: 0)
        #expect(long.state == .stored)
    }

    @Test func timeIsOver() {
        #expect(fresh.expired().state == .expired)
        let half = fresh.after(.answered([.stored, .later(.mailboxFull, advice: nil)]), now: 101, jitter: 0)
        #expect(half.expired().state == .stored)
    }

    @Test func clocksAtTheirEndsDoNotTrap() {
        let item = OutboxItem.new(targets: 1, now: .max)
        #expect(item.after(.failed(.unreachable, advice: .max), now: .max, jitter: 1).nextTry == .max)
    }

    @Test func whatNobodyAnsweredWaitsAsLongAsTheOldest() {
        var old = fresh
        for _ in 0..<5 { old = old.after(.failed(.unreachable, advice: nil), now: 100, jitter: 1) }
        let next = OutboxItem.after(.unreachable, items: [old, fresh], now: 200, jitter: 1)
        #expect(next.map(\.nextTry) == [264, 264])
        #expect(next.map(\.attempts) == [6, 1] && next.map(\.troubleSince) == [100, 200])
        #expect(OutboxItem.after(.unreachable, items: [], now: 200, jitter: 1).isEmpty)
    }

    @Test func onlyNewsIsNews() {
        let once = fresh.after(.failed(.unreachable, advice: nil), now: 100, jitter: 0)
        #expect(once.differs(from: fresh))
        #expect(!once.after(.failed(.unreachable, advice: nil), now: 200, jitter: 0).differs(from: once))
        #expect(once.after(.failed(.unknownKey, advice: nil), now: 200, jitter: 0).differs(from: once))
        #expect(
            once.after(.answered([.stored, .later(.farTrouble, advice: nil)]), now: 200, jitter: 0).differs(from: once))
        #expect(once.expired().differs(from: once))
    }
}
