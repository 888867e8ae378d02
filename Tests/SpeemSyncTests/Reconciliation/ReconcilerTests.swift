import Testing

@testable import SpeemSync

struct ReconcilerTests {
    /// What a whole exchange finds and costs.
    private struct Exchange {
        var have: Set<UInt64> = []
        var need: Set<UInt64> = []
        var found = 0
        var rounds = 0
        var bytes = 0
        var longest = 0
    }

    private func exchange(_ asking: ItemSet, _ answering: ItemSet) throws -> Exchange {
        let one = Reconciler(asking)
        let other = Reconciler(answering)
        var result = Exchange()
        var question: [UInt8]? = one.begin()
        while let bytes = question {
            let answer = try other.answer(bytes)
            result.rounds += 1
            result.bytes += bytes.count + answer.count
            result.longest = max(result.longest, bytes.count, answer.count)
            let (found, next) = try one.take(answer)
            result.found += found.have.count + found.need.count
            result.have.formUnion(found.have)
            result.need.formUnion(found.need)
            question = next
            try #require(result.rounds < 10_000)
        }
        return result
    }

    private func random(_ count: Int, times: UInt64, _ generator: inout SeededGenerator) -> [ReconciliationItem] {
        (0..<count).map { _ in
            ReconciliationItem(time: UInt64.random(in: 0...times, using: &generator), id: generator.next())
        }
    }

    private func check(_ mine: [ReconciliationItem], _ theirs: [ReconciliationItem]) throws -> Exchange {
        let result = try exchange(ItemSet(mine), ItemSet(theirs))
        let a = Set(mine)
        let b = Set(theirs)
        #expect(result.have == Set(a.subtracting(b).map(\.id)))
        #expect(result.need == Set(b.subtracting(a).map(\.id)))
        #expect(result.longest <= ReconciliationLimits.messageBytes)
        // Only what a message had no room for is gone through again.
        #expect(result.found <= 2 * (result.have.count + result.need.count))
        return result
    }

    @Test(arguments: 0..<300)
    func randomSets(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        // Many elements at one time, as well as few.
        let times: UInt64 = [0, 3, 1000, 1 << 40, .max].randomElement(using: &generator) ?? 0
        let common = random(Int.random(in: 0...400, using: &generator), times: times, &generator)
        let mine = common + random(Int.random(in: 0...60, using: &generator), times: times, &generator)
        let theirs = common + random(Int.random(in: 0...60, using: &generator), times: times, &generator)
        _ = try check(mine.shuffled(using: &generator), theirs.shuffled(using: &generator))
    }

    @Test func equalSetsCostOneRound() throws {
        var generator = SeededGenerator(seed: 1)
        let items = random(50_000, times: 1 << 40, &generator)
        let result = try check(items, items)
        #expect(result.rounds == 1)
        #expect(result.bytes < 300)
        #expect(try check([], []).rounds == 1)
    }

    /// A device that was just linked has nothing; and one that has all meets it.
    @Test func oneSideIsEmpty() throws {
        var generator = SeededGenerator(seed: 2)
        let items = random(20_000, times: 1 << 40, &generator)
        _ = try check([], items)
        _ = try check(items, [])
        _ = try check([], random(20_000, times: 0, &generator))
    }

    /// 10 of 100,000 cost a few KB, wherever they are.
    @Test func aFewMissingOfManyCostFewBytes() throws {
        var generator = SeededGenerator(seed: 3)
        let items = random(100_000, times: 1 << 42, &generator)
        let one = try check(Array(items.dropFirst(10)), items)
        #expect((500..<4500).contains(one.bytes))
        #expect(one.rounds <= 3)
        let both = try check(Array(items.dropFirst(10)), Array(items.dropLast(10)))
        #expect((1000..<8000).contains(both.bytes))
        let newest = try check(items.sorted().dropLast(10), items)
        #expect(newest.bytes < 900)
    }

    /// An asking side's lists are empty: only answers are compared with.
    @Test func aQuestionListsNothing() throws {
        let items = (1...16).map { ReconciliationItem(time: UInt64($0), id: UInt64($0)) }
        #expect(ReconciliationLimits.listed >= ReconciliationLimits.parts)
        #expect(Reconciler(ItemSet(items)).begin().count == 4)
        let answer = try Reconciler(ItemSet(items)).answer(Reconciler(ItemSet([])).begin())
        #expect(answer.count == 4 + 16 * 8)
    }

    @Test func farApartSetsOfManyElements() throws {
        var generator = SeededGenerator(seed: 4)
        let common = random(5_000, times: 1 << 30, &generator)
        _ = try check(
            common + random(9_000, times: 1 << 30, &generator), common + random(9_000, times: 1 << 30, &generator))
    }

    /// Whatever comes, either it is refused, or it is answered within the limit.
    @Test func hostileMessages() throws {
        var generator = SeededGenerator(seed: 5)
        let reconciler = Reconciler(ItemSet(random(3_000, times: 50, &generator)))
        let valid = reconciler.begin()
        for round in 0..<20_000 {
            var bytes: [UInt8]
            if round % 2 == 0 {
                bytes = [1] + generator.bytes(Int.random(in: 0...60, using: &generator))
            } else {
                bytes = valid
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
                        in: 0...255, using: &generator)
                }
                bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator))
            }
            do throws(ReconciliationError) {
                #expect(try reconciler.answer(bytes).count <= ReconciliationLimits.messageBytes)
                let taken = try reconciler.take(bytes)
                #expect((taken.next?.count ?? 0) <= ReconciliationLimits.messageBytes)
            } catch {
                #expect(error == .malformed)
            }
        }
        let long = [UInt8](repeating: 0, count: ReconciliationLimits.messageBytes + 1)
        #expect(throws: ReconciliationError.tooLong(limit: ReconciliationLimits.messageBytes)) {
            _ = try reconciler.answer(long)
        }
    }
}
