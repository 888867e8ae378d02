import SpeemCrypto
import Testing

@testable import SpeemSync

struct ItemSetTests {
    @Test func sortedWithoutDoubles() {
        let a = ReconciliationItem(time: 1, id: 9)
        let b = ReconciliationItem(time: 2, id: 1)
        #expect(ItemSet([b, a, b, a]).items == [a, b])
    }

    @Test func rangesThatDifferLookDifferent() {
        var generator = SeededGenerator(seed: 7)
        let items = (0..<100).map { ReconciliationItem(time: $0, id: generator.next()) }
        let set = ItemSet(items)
        #expect(set.fingerprint(0..<0) == 0)
        var seen = Set<UInt64>()
        for lower in 0..<100 {
            for upper in (lower + 1)...100 { #expect(seen.insert(set.fingerprint(lower..<upper)).inserted) }
        }
        // An element of 0 counts.
        #expect(ItemSet([ReconciliationItem(time: 0, id: 0)]).fingerprint(0..<1) != 0)
    }

    @Test func placesAreFound() {
        let set = ItemSet([1, 3, 3, 7].map { ReconciliationItem(time: $0, id: $0) })
        #expect(set.index(of: .item(ReconciliationItem(time: 3, id: 0)), from: 0) == 1)
        #expect(set.index(of: .item(ReconciliationItem(time: 3, id: 4)), from: 0) == 2)
        #expect(set.index(of: .end, from: 1) == 3)
        #expect(set.index(of: .item(ReconciliationItem(time: 0, id: 0)), from: 2) == 2)
    }

    @Test func anElementDependsOnSaltTimeAndContent() {
        let salt = [UInt8](repeating: 1, count: 16)
        let item = ReconciliationItem(time: 5, salt: salt, content: [1, 2])
        #expect(item == ReconciliationItem(time: 5, salt: salt, content: [1, 2]))
        #expect(item.id != ReconciliationItem(time: 6, salt: salt, content: [1, 2]).id)
        #expect(item.id != ReconciliationItem(time: 5, salt: salt, content: [1, 3]).id)
        #expect(item.id != ReconciliationItem(time: 5, salt: [UInt8](repeating: 2, count: 16), content: [1, 2]).id)
        #expect(ReconciliationItem(time: .max, salt: salt, content: []).time == ReconciliationItem.maxTime)
    }
}
