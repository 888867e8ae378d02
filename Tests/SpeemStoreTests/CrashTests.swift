import SpeemCrypto
import Synchronization
import StoreTestTools
import Testing

@testable import SpeemStore

/// Power cuts at every operation: what was acknowledged is there, whole, and the store goes on.
struct CrashTests {
    /// Writes batches of three rows until the power goes; returns which were acknowledged.
    private func work(on disk: MemoryDisk) async -> (acknowledged: Set<Int64>, tried: Set<Int64>) {
        var acknowledged: Set<Int64> = []
        var tried: Set<Int64> = []
        guard let store = try? await Store.open(options(disk)) else { return ([], []) }
        for batch in 0..<12 {
            tried.insert(Int64(batch))
            do {
                try await store.add(batch: Int64(batch), count: 3, text: String(repeating: "z", count: batch * 300))
                acknowledged.insert(Int64(batch))
            } catch {
                break
            }
        }
        await store.close()
        return (acknowledged, tried)
    }

    @Test func atEveryOperation() async throws {
        let whole = MemoryDisk()
        #expect(await work(on: whole).acknowledged.count == 12)
        for failAt in 0..<whole.operations {
            let disk = MemoryDisk()
            disk.state.withLock { $0.failAt = failAt }
            let (acknowledged, tried) = await work(on: disk)
            for seed in 0..<2 {
                let found = disk.afterPowerCut(seed: UInt64(failAt * 10 + seed))
                let store: Store
                do {
                    store = try await Store.open(options(found))
                } catch {
                    Issue.record("cut at operation \(failAt), seed \(seed): \(error)")
                    continue
                }
                let rows = try await store.batches()
                #expect(acknowledged.isSubset(of: rows.keys), "cut at operation \(failAt), seed \(seed)")
                #expect(Set(rows.keys).isSubset(of: tried), "cut at operation \(failAt), seed \(seed)")
                #expect(rows.values.allSatisfy { $0 == 3 }, "cut at operation \(failAt), seed \(seed)")
                try await store.add(batch: 99, count: 3)
                try await store.verify()
                await store.close()
            }
        }
    }

    /// Two power cuts, the second while the store goes on after the first: nothing of one is taken for the other's.
    @Test(arguments: 0..<150)
    func twice(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let disk = MemoryDisk()
        let store = try await Store.open(options(disk))
        var acknowledged: Set<Int64> = []
        for batch in 0..<Int64.random(in: 0...3, using: &generator) {
            try await store.add(batch: batch)
            acknowledged.insert(batch)
        }
        var found = disk
        var running = store
        for life in 1...2 as ClosedRange<Int64> {
            found.state.withLock { $0.failAt = $0.operations + Int.random(in: 1...14, using: &generator) }
            for batch in (life * 100)..<(life * 100 + 10) {
                let text = String(repeating: "y", count: Int.random(in: 0...4000, using: &generator))
                do {
                    try await running.add(batch: batch, count: 3, text: text)
                    acknowledged.insert(batch)
                } catch {
                    break
                }
            }
            await running.close()
            found = found.afterPowerCut(seed: seed &+ UInt64(life) << 32)
            running = try await Store.open(options(found, mayCreate: false))
        }
        // It goes on, and all of it is there after one start more.
        try await running.add(batch: 1000)
        await running.close()
        let last = try await Store.open(options(found, mayCreate: false))
        let rows = try await last.batches()
        #expect(acknowledged.union([1000]).isSubset(of: rows.keys))
        try await last.verify()
        await last.close()
    }

    /// What a full disk left of a transaction, and then a power cut in the next one.
    @Test(arguments: 0..<40)
    func afterAFullDisk(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let disk = MemoryDisk()
        let store = try await Store.open(options(disk))
        // More frames than the log has space for, on a disk that gives it no more.
        disk.state.withLock { $0.capacity = 0 }
        let long = String(repeating: "x", count: 4000)
        await #expect(throws: StoreError.self) { try await store.add(batch: 1, count: 300, text: long) }
        disk.state.withLock {
            $0.capacity = .max
            $0.failAt = $0.operations + Int.random(in: 1...12, using: &generator)
        }
        var acknowledged: Set<Int64> = []
        for batch in 2..<10 as Range<Int64> {
            do {
                try await store.add(batch: batch, count: Int64.random(in: 1...5, using: &generator), text: long)
                acknowledged.insert(batch)
            } catch {
                break
            }
        }
        await store.close()
        let found = disk.afterPowerCut(seed: seed)
        for batch in 10...11 as ClosedRange<Int64> {
            let again = try await Store.open(options(found, mayCreate: false))
            let rows = try await again.batches()
            #expect(acknowledged.isSubset(of: rows.keys))
            try await again.add(batch: batch)
            acknowledged.insert(batch)
            await again.close()
        }
    }

    /// While the log grows, by chunks.
    @Test(arguments: 0..<30)
    func whileTheLogGrows(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let disk = MemoryDisk()
        let store = try await Store.open(options(disk))
        try await store.add(batch: 1)
        let used = store.report.isNew ? disk.operations : 0
        // The log has 256 frames; some operations around the one after which it has 512.
        disk.state.withLock { $0.failAt = used + Int.random(in: 235...275, using: &generator) }
        await #expect(throws: StoreError.self) {
            try await store.add(batch: 2, count: 300, text: String(repeating: "x", count: 4000))
        }
        await store.close()
        let again = try await Store.open(options(disk.afterPowerCut(seed: seed), mayCreate: false))
        #expect(try await again.batches() == [1: 1])
        try await again.add(batch: 3)
        await again.close()
    }

    /// Long enough for checkpoints and for the log to start again; cut at random places.
    @Test(arguments: 0..<12)
    func withCheckpoints(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let disk = MemoryDisk()
        let store = try await Store.open(options(disk))
        disk.state.withLock { $0.failAt = Int.random(in: 500...9000, using: &generator) }
        var acknowledged: Set<Int64> = []
        for batch in 0..<1200 {
            do {
                try await store.add(
                    batch: Int64(batch), count: 2,
                    text: String(repeating: "z", count: Int.random(in: 0...4000, using: &generator)))
                acknowledged.insert(Int64(batch))
            } catch {
                break
            }
        }
        await store.close()
        let found = try await Store.open(options(disk.afterPowerCut(seed: seed)))
        let rows = try await found.batches()
        #expect(acknowledged.isSubset(of: rows.keys))
        #expect(rows.count - acknowledged.count <= 1)
        #expect(rows.values.allSatisfy { $0 == 2 })
        try await found.verify()
        await found.close()
    }
}
