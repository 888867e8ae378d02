import Testing

@testable import SpeemMailbox

struct OutboxScheduleTests {
    @Test func waitsDoubleUpToALimit() {
        let waits = (1...40).map {
            OutboxSchedule.delay(attempts: $0, trouble: .unreachable, advice: nil, jitter: 1)
        }
        #expect(waits.prefix(6) == [2, 4, 8, 16, 32, 64])
        #expect(waits.allSatisfy { $0 <= OutboxSchedule.longest })
        #expect(waits.last == OutboxSchedule.longest)
        #expect(zip(waits, waits.dropFirst()).allSatisfy { $0 <= $1 })
    }

    @Test func chanceTakesHalf() {
        for attempts in [1, 5, 100, Int64.max] {
            let low = OutboxSchedule.delay(attempts: attempts, trouble: .unreachable, advice: nil, jitter: 0)
            let high = OutboxSchedule.delay(attempts: attempts, trouble: .unreachable, advice: nil, jitter: 1)
            #expect(low >= 1 && low <= high && high <= max(2 * low, 2))
        }
    }

    @Test func adviceIsHeardAndBounded() {
        #expect(OutboxSchedule.delay(attempts: 1, trouble: .farTrouble, advice: 60, jitter: 1) == 60)
        #expect(
            OutboxSchedule.delay(attempts: 1, trouble: .farTrouble, advice: .max, jitter: 1)
                == OutboxSchedule.longest)
        #expect(OutboxSchedule.delay(attempts: 1, trouble: .farTrouble, advice: -5, jitter: 1) == 2)
    }

    @Test func aFullMailboxIsNotPolled() {
        #expect(OutboxSchedule.delay(attempts: 1, trouble: .mailboxFull, advice: 60, jitter: 0) >= 3 * 3600)
    }

    @Test(arguments: OutboxSchedule.Trouble.allCases)
    func noInputTraps(trouble: OutboxSchedule.Trouble) {
        for attempts in [Int64.min, -1, 0, 1, .max] {
            for jitter in [-1, 0, 0.5, 1, 2, .infinity, .nan] as [Double] {
                #expect(OutboxSchedule.delay(attempts: attempts, trouble: trouble, advice: .min, jitter: jitter) >= 1)
            }
        }
    }

    @Test func whereNoRouteIsNobodyAsks() {
        #expect(OutboxSchedule.delay(attempts: 1, trouble: .noRoute, advice: nil, jitter: 0) >= 3 * 3600)
    }

    @Test func theFirstAllClearIsBelieved() {
        #expect(OutboxSchedule.afterAllClear(attempts: 1) == 0)
        #expect(OutboxSchedule.afterAllClear(attempts: .max) == OutboxSchedule.longestAfterAllClear)
        for attempts in [Int64.min, -1, 0] { #expect(OutboxSchedule.afterAllClear(attempts: attempts) == 0) }
    }
}
