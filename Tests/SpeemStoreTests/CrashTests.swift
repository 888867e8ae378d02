import SpeemCrypto
import Synchronization
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
