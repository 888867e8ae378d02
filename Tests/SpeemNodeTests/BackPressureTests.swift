import Testing

@testable import SpeemNode

struct BackPressureTests {
    @Test func aPartyIsToldOnceWhenThereIsEnough() {
        let pressure = Tested()
        #expect(pressure.isEmpty)
        #expect(pressure.refused(100, of: 2, share: 1000))
        #expect(pressure.isWaiting(2) && !pressure.isWaiting(3))
        #expect(pressure.spaceFreed([2: (free: 249, share: 1000)]).isEmpty)
        #expect(pressure.spaceFreed([3: (free: 1000, share: 1000)]).isEmpty)
        #expect(pressure.spaceFreed([2: (free: 250, share: 1000)]) == [2])
        #expect(pressure.isEmpty)
        #expect(pressure.spaceFreed([2: (free: 1000, share: 1000)]).isEmpty)
    }

    @Test func aQuarterOrSixtyFourKibibytesAreEnough() {
        let large: Int64 = 1 << 30
        #expect(!BackPressure.isEnough(65_535, share: large, size: 1))
        #expect(BackPressure.isEnough(65_536, share: large, size: 1))
        #expect(!BackPressure.isEnough(24, share: 100, size: 1))
        #expect(BackPressure.isEnough(25, share: 100, size: 1))
        // What was refused must fit: else its sender would be told, refused, and told again without end.
        #expect(!BackPressure.isEnough(100_000, share: large, size: 100_001))
        #expect(BackPressure.isEnough(100_001, share: large, size: 100_001))
        #expect(!BackPressure.isEnough(0, share: 0, size: 1))
    }

    @Test func theSmallestDepositCounts() {
        let pressure = Tested()
        for size in [800, 600, 700] as [Int64] { #expect(pressure.refused(size, of: 2, share: 1000)) }
        #expect(pressure.spaceFreed([2: (free: 599, share: 1000)]).isEmpty)
        #expect(pressure.spaceFreed([2: (free: 600, share: 1000)]) == [2])
    }

    @Test func whatNeverFitsIsNotWaitedFor() {
        let pressure = Tested()
        #expect(!pressure.refused(1001, of: 2, share: 1000))
        #expect(pressure.isEmpty)
        #expect(pressure.refused(1, of: 2, share: 1000))
        #expect(pressure.refused(1001, of: 2, share: 1000))
    }

    @Test func itsMemoryIsBounded() {
        let pressure = Tested()
        for party in 1...Int64(BackPressure.limit) { #expect(pressure.refused(1, of: party, share: 100)) }
        #expect(!pressure.refused(1, of: .max, share: 100))
        #expect(pressure.parties.count == BackPressure.limit)
        // Who is remembered already stays so, and who was told makes room.
        #expect(pressure.refused(1, of: 1, share: 100))
        #expect(pressure.spaceFreed([1: (free: 100, share: 100), 5: (free: 100, share: 100)]) == [1, 5])
        #expect(pressure.refused(1, of: .max, share: 100))
    }
}

/// `#expect` calls no mutating method.
private final class Tested {
    private var pressure = BackPressure()

    var isEmpty: Bool { pressure.isEmpty }
    var parties: [Int64] { pressure.parties }
    func isWaiting(_ party: Int64) -> Bool { pressure.isWaiting(party) }
    func refused(_ size: Int64, of party: Int64, share: Int64) -> Bool {
        pressure.refused(size, of: party, share: share)
    }
    func spaceFreed(_ space: [Int64: (free: Int64, share: Int64)]) -> [Int64] { pressure.spaceFreed(space) }
}
