import Testing

@testable import SpeemSync

struct StampTests {
    @Test func higherCountersWinAndDevicesBreakTies() throws {
        let one = try Sample.device(1)
        let two = try Sample.device(2)
        #expect(Stamp(counter: 1, device: two) < Stamp(counter: 2, device: one))
        #expect(Stamp(counter: 2, device: one) < Stamp(counter: 2, device: two))
        #expect(!(Stamp(counter: 2, device: two) < Stamp(counter: 2, device: two)))
    }

    @Test func theNextIsAboveAllThatWasSeen() throws {
        let device = try Sample.device(1)
        #expect(Stamp.next(after: 0, by: device).counter == 1)
        #expect(Stamp.next(after: 41, by: device).counter == 42)
        // A counter that should have been refused does not stop the counting.
        #expect(Stamp.next(after: .max, by: device).counter == Stamp.maxCounter + 1)
    }
}
