import Foundation
import Testing

/// Random schedules of two accounts with several devices and nodes, over a network that loses, doubles and reorders.
///
/// `SPEEM_SIMULATION_SEED` runs one schedule, `SPEEM_SIMULATION_SCHEDULES` another number of them.
struct SimulationTests {
    private static let parts = 20

    private static func number(_ name: String) -> Int? { ProcessInfo.processInfo.environment[name].flatMap { Int($0) } }

    @Test(arguments: 0..<parts)
    func everyScheduleEndsWell(part: Int) {
        if let seed = Self.number("SPEEM_SIMULATION_SEED") {
            if part == 0 { Self.check(UInt64(seed)) }
            return
        }
        let count = (Self.number("SPEEM_SIMULATION_SCHEDULES") ?? 10_000) / Self.parts
        for place in 0..<count {
            guard Self.check(UInt64(part * count + place)) else { return }
        }
    }

    /// - Returns: whether all is well.
    @discardableResult
    private static func check(_ seed: UInt64) -> Bool {
        let schedule = Schedule(seed: seed)
        guard !schedule.run().isEmpty else { return true }
        let short = schedule.shortened()
        Issue.record(
            "SPEEM_SIMULATION_SEED=\(seed): \(short.run().joined(separator: "; ")) after \(short.events.map(\.description).joined(separator: ", "))"
        )
        return false
    }

    /// The same seed is the same schedule, in every process.
    @Test func aSeedReproduces() {
        for seed in 0..<20 as Range<UInt64> {
            let one = Schedule(seed: seed)
            #expect(one.events.map(\.description) == Schedule(seed: seed).events.map(\.description))
            #expect(one.run(bug: .noSeenSet) == one.run(bug: .noSeenSet))
        }
    }

    @Test func everythingHappens() {
        var tally: [World.Happening: Int] = [:]
        for seed in 0..<600 as Range<UInt64> { tally.merge(Schedule(seed: seed).play().tally, uniquingKeysWith: +) }
        for happening in World.Happening.allCases { #expect(tally[happening] ?? 0 > 0, "\(happening)") }
    }

    /// A simulation that finds nothing proves nothing: each of these is found, and soon.
    @Test(arguments: Bug.allCases)
    func aBugIsFound(bug: Bug) throws {
        let seed = (0..<2000 as Range<UInt64>).first { !Schedule(seed: $0).run(bug: bug).isEmpty }
        let found = try #require(seed, "\(bug) is not found")
        let short = Schedule(seed: found).shortened(bug: bug)
        #expect(!short.run(bug: bug).isEmpty)
        // It is the bug that fails.
        #expect(short.run().isEmpty)
        #expect(short.events.count < 30)
    }
}
