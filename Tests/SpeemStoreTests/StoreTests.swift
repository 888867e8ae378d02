import SpeemCrypto
import Synchronization
import StoreTestTools
import Testing

@testable import SpeemStore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

struct StoreTests {
    @Test func whatIsWrittenIsThereAfterReopening() async throws {
        let disk = MemoryDisk()
        let first = try await Store.open(options(disk))
        #expect(first.report.isNew)
        #expect(first.report.migrations == ["notes"])
        try await first.add(batch: 1, count: 3)
        #expect(try await first.batches() == [1: 3])
        await first.close()
        let second = try await Store.open(options(disk, mayCreate: false))
        #expect(!second.report.isNew)
        #expect(second.report.migrations.isEmpty)
        #expect(second.report.droppedFrames == 0)
        #expect(try await second.batches() == [1: 3])
        try await second.verify()
        await second.close()
    }

    @Test func withoutClosing() async throws {
        let disk = MemoryDisk()
        let first = try await Store.open(options(disk))
        for batch in 0..<50 { try await first.add(batch: Int64(batch)) }
        // Killed: the process is gone, and with it its lock.
        let second = try await Store.open(options(disk.copy(), mayCreate: false))
        #expect(try await second.batches().count == 50)
        await second.close()
        await first.close()
    }

    @Test func onARealDisk() async throws {
        let folder = "/tmp/speem-store-\(UInt64.random(in: 0 ... .max))"
        let real = PosixFileSystem()
        let path = Store.Options(
            folder: folder, key: .file(folder + "/store.key"), migrations: testMigrations, mayCreate: true)
        let store = try await Store.open(path)
        try await store.add(batch: 1, count: 500)
        // A second process would find the lock taken.
        await #expect(throws: StoreError.inUse(folder: folder)) { _ = try await Store.open(path) }
        await store.close()
        let again = try await Store.open(path)
        #expect(try await again.batches() == [1: 500])
        await again.close()
        for name in ["store.db", "store.db-wal", "store.key", "initialised", "store.lock", "store.ballast"] {
            #expect(try real.permissions("\(folder)/\(name)").mode == 0o600)
            try real.remove("\(folder)/\(name)")
        }
        // No journal, no shared memory: the folder is empty now.
        #expect(rmdirIsPossible(folder))
    }

    @Test func manyWritersShareOneSync() async throws {
        let disk = MemoryDisk()
        let store = try await Store.open(options(disk))
        let before = disk.syncs
        try await withThrowingTaskGroup(of: Void.self) { group in
            for batch in 0..<500 { group.addTask { try await store.add(batch: Int64(batch)) } }
            try await group.waitForAll()
        }
        #expect(try await store.batches().count == 500)
        // One by one it would take 500.
        #expect(disk.syncs - before < 250)
        await store.close()
    }

    @Test func aFailingWriteTakesNothingWithIt() async throws {
        struct Mine: Error {}
        let disk = MemoryDisk()
        let store = try await Store.open(options(disk))
        await withTaskGroup(of: Bool.self) { group in
            for batch in 0..<100 {
                group.addTask {
                    do {
                        try await store.write { connection in
                            try connection.execute(
                                "INSERT INTO note (batch, text) VALUES (?, 'x')", .integer(Int64(batch)))
                            if batch % 3 == 0 { throw Mine() }
                        }
                        return batch % 3 != 0
                    } catch {
                        return batch % 3 == 0 && error is Mine
                    }
                }
            }
            for await isRight in group { #expect(isRight) }
        }
        let kept = try await store.batches().keys
        #expect(Set(kept) == Set((0..<100).filter { $0 % 3 != 0 }))
        await store.close()
    }

    @Test func nothingIsAnsweredBeforeTheSync() async throws {
        let disk = MemoryDisk()
        let store = try await Store.open(options(disk))
        disk.state.withLock { $0.failSyncs = [walPath: EIO] }
        await #expect(throws: StoreError.self) { try await store.add(batch: 1) }
        // After a failed sync nobody knows what the disk holds: the store refuses everything.
        disk.state.withLock { $0.failSyncs = [:] }
        for _ in 0..<2 {
            let error = await #expect(throws: StoreError.self) { try await store.add(batch: 2) }
            guard case .failed = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
        await store.close()
    }

    @Test func aFullDiskIsToldAndPasses() async throws {
        let disk = MemoryDisk()
        let store = try await Store.open(options(disk))
        let size = (disk[mainPath]?.count ?? 0) + (disk[walPath]?.count ?? 0)
        disk.state.withLock { $0.capacity = size + 64 * 1024 }
        var stored: Int64 = 0
        var isFull = false
        let long = String(repeating: "x", count: 3000)
        while stored < 5000, !isFull {
            do {
                try await store.add(batch: stored, text: long)
                stored += 1
            } catch StoreError.diskFull {
                isFull = true
            }
        }
        #expect(isFull)
        #expect(stored > 20)
        #expect(try await Int64(store.batches().count) == stored)
        await #expect(throws: StoreError.self) { try await store.add(batch: -1, count: 100, text: long) }
        disk.state.withLock { $0.capacity = .max }
        try await store.add(batch: stored, text: long)
        #expect(try await Int64(store.batches().count) == stored + 1)
        try await store.verify()
        await store.close()
    }

    @Test func readsSeeOnlyWhatIsCommitted() async throws {
        let store = try await Store.open(options(MemoryDisk()))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for batch in 0..<200 {
                group.addTask { try await store.add(batch: Int64(batch), count: 2) }
                group.addTask {
                    let counts = Set(try await store.batches().values)
                    #expect(counts.isSubset(of: [2]))
                }
            }
            try await group.waitForAll()
        }
        await store.close()
    }

    @Test func commitsAreCounted() async throws {
        let disk = MemoryDisk()
        let store = try await Store.open(options(disk))
        let first = try await store.read { try $0.commitNumber() }
        try await store.add(batch: 1)
        try await store.add(batch: 2)
        #expect(try await store.read { try $0.commitNumber() } == first + 2)
        await store.close()
        let again = try await Store.open(options(disk))
        #expect(try await again.read { try $0.commitNumber() } == first + 2)
        await again.close()
    }

    @Test func afterClosing() async throws {
        let store = try await Store.open(options(MemoryDisk()))
        await store.close()
        await #expect(throws: StoreError.closed) { try await store.add(batch: 1) }
        await #expect(throws: StoreError.closed) { _ = try await store.batches() }
        await store.close()
    }

    @Test func theLogStartsAgainWhenItWasTakenOver() async throws {
        let disk = MemoryDisk()
        let store = try await Store.open(options(disk))
        for batch in 0..<1500 { try await store.add(batch: Int64(batch), text: String(repeating: "y", count: 900)) }
        // Without checkpoints the log would hold over 3,000 frames.
        let frames = ((disk[walPath]?.count ?? 0) - StoreLayout.sealedWALHeader) / StoreLayout.sealedFrame
        #expect(frames <= 1536)
        await store.close()
        let again = try await Store.open(options(disk))
        #expect(try await again.batches().count == 1500)
        try await again.verify()
        await again.close()
    }
}
