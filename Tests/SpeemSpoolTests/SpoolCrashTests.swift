import SpeemStore
import StoreTestTools
import Synchronization
import Testing

@testable import SpeemSpool

/// Power cuts at every operation: what was acknowledged is there, once, and the spool goes on.
struct SpoolCrashTests {
    private final class Acknowledged: Sendable {
        let numbers = Mutex<Set<Int>>([])
    }

    /// Appends until the power goes, some of it together; returns what was acknowledged.
    private func work(on disk: MemoryDisk, from first: Int) async -> Set<Int> {
        guard let spool = try? open(disk) else { return [] }
        let acknowledged = Acknowledged()
        for round in 0..<6 {
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<3 {
                    let number = first + round * 3 + number
                    group.addTask {
                        guard (try? await spool.append(entry(number, count: number % 5 * 400))) != nil else { return }
                        acknowledged.numbers.withLock { _ = $0.insert(number) }
                    }
                }
            }
        }
        await spool.close()
        return acknowledged.numbers.withLock { $0 }
    }

    private func check(_ disk: MemoryDisk, _ acknowledged: Set<Int>, _ words: String) throws {
        let contents = try Contents(disk)
        #expect(contents.unreadable == [] && contents.damage == [], "\(words)")
        #expect(Set(contents.numbers).count == contents.numbers.count, "\(words)")
        #expect(acknowledged.isSubset(of: contents.numbers), "\(words)")
    }

    @Test func atEveryOperation() async throws {
        let whole = MemoryDisk()
        #expect(await work(on: whole, from: 0).count == 18)
        for failAt in 0..<whole.operations {
            let disk = MemoryDisk()
            disk.state.withLock { $0.failAt = failAt }
            let acknowledged = await work(on: disk, from: 0)
            for seed in 0..<4 as Range<UInt64> {
                let found = disk.afterPowerCut(seed: UInt64(failAt) * 10 + seed)
                try check(found, acknowledged, "cut at operation \(failAt), seed \(seed)")
                let more = await work(on: found, from: 100)
                #expect(more.count == 18)
                try check(found, acknowledged.union(more), "after operation \(failAt), seed \(seed)")
            }
        }
    }

    /// Three boots that end with a power cut each; every file links to the one before as it was found.
    @Test(arguments: 0..<60)
    func overSeveralBoots(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        var disk = MemoryDisk()
        var acknowledged: Set<Int> = []
        for boot in 0..<3 {
            disk.state.withLock { $0.failAt = $0.operations + Int.random(in: 0...16, using: &generator) }
            acknowledged.formUnion(await work(on: disk, from: boot * 100))
            disk = disk.afterPowerCut(seed: seed &+ UInt64(boot) << 32)
        }
        try check(disk, acknowledged, "seed \(seed)")
        var link = SpoolFormat.noLink
        let files = try folder(disk).files()
        for (file, found) in zip(files, try Contents(disk).links) {
            #expect(found == link)
            link = try folder(disk).hash(of: file)
        }
    }

    /// What a full disk left of a record, and then a power cut in the next one.
    @Test(arguments: 0..<20)
    func afterAFullDisk(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let disk = MemoryDisk()
        let spool = try open(disk)
        var acknowledged: Set<Int> = [0]
        try await spool.append(entry(0))
        disk.state.withLock { $0.capacity = 2000 }
        await #expect(throws: SpoolError.self) { try await spool.append(entry(1, count: 5000)) }
        disk.state.withLock {
            $0.capacity = .max
            $0.failAt = $0.operations + Int.random(in: 1...8, using: &generator)
        }
        for number in 2..<8 {
            guard (try? await spool.append(entry(number, count: number * 300))) != nil else { break }
            acknowledged.insert(number)
        }
        await spool.close()
        try check(disk.afterPowerCut(seed: seed), acknowledged, "seed \(seed)")
    }
}
