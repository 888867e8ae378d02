import Testing

@testable import SpeemDiscovery

struct SystemBusTests {
    /// With a bus nothing, without one libdbus's own words: either way it has tried, and ends, however often it is asked.
    @Test func itAnswersOrTheLibrarySaysWhyNot() {
        let first = SystemBus.problem()
        #expect(first == nil || first?.isEmpty == false)
        #expect(first == first?.lowercased())
        #expect(SystemBus.problem() == first)
    }
}
