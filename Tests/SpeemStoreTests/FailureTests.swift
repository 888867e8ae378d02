import Dispatch
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

/// A disk that fails: the store stops when nobody knows what is written, and only then.
struct FailureTests {
    private let long = String(repeating: "x", count: 3500)

    private func isStopped(_ store: Store) async {
        for await error in store.failure {
            guard case .failed = error else {
                Issue.record("\(error)")
                return
            }
            break
        }
        await #expect {
            try await store.add(batch: -1)
        } throws: { error in
            if case .failed? = error as? StoreError { true } else { false }
        }
        await #expect(throws: StoreError.self) { _ = try await store.batches() }
    }

    /// A sync that fails for want of space has lost something, too: that is no full disk that passes.
    @Test(arguments: [EIO, ENOSPC])
    func ofTheMainFilesSyncInACheckpoint(code: Int32) async throws {
        let disk = MemoryDisk()
        let store = try await Store.open(options(disk))
        disk.state.withLock { $0.failSyncs = [mainPath: code] }
        var acknowledged: Int64 = 0
        while acknowledged < 3000, (try? await store.add(batch: acknowledged, text: long)) != nil { acknowledged += 1 }
        #expect(acknowledged < 3000)
        await isStopped(store)
        disk.state.withLock { $0.failSyncs = [:] }
        let main = disk[mainPath]
        await store.close()
        // Closing wrote no further.
        #expect(disk[mainPath] == main)
        let again = try await Store.open(options(disk.afterPowerCut(seed: 1)))
        #expect(try await Int64(again.batches().count) == acknowledged)
        await again.close()
    }

    @Test(arguments: [EIO, ENOSPC])
    func ofTheLogsSync(code: Int32) async throws {
        let disk = MemoryDisk()
        let store = try await Store.open(options(disk))
        disk.state.withLock { $0.failSyncs = [walPath: code] }
        await #expect(throws: StoreError.inputOutput(operation: "sync", path: walPath, code: code)) {
            try await store.add(batch: 1)
        }
        disk.state.withLock { $0.failSyncs = [:] }
        await isStopped(store)
        await store.close()
    }

    /// Nothing is unknown after a failed read.
    @Test func ofAReadPasses() async throws {
        let disk = try await usedDisk(batches: 30, rows: 20)
        let store = try await Store.open(options(disk))
        disk.state.withLock { $0.failReads = [mainPath, walPath] }
        await #expect {
            _ = try await store.batches()
        } throws: { error in
            guard case .inputOutput("read", _, EIO)? = error as? StoreError else { return false }
            return true
        }
        await #expect(throws: StoreError.self) {
            try await store.write { try $0.execute("UPDATE note SET batch = batch + 1") }
        }
        disk.state.withLock { $0.failReads = [] }
        #expect(try await store.batches().count == 30)
        try await store.add(batch: 99)
        await store.close()
    }

    /// A page that cannot be read fails those who need it, and nobody else in the same transaction.
    @Test func ofOneJobFailsNoOther() async throws {
        let disk = MemoryDisk()
        let two = Migration(number: 2, name: "other") { connection in
            try connection.execute("CREATE TABLE other (id INTEGER PRIMARY KEY) STRICT")
        }
        let made = try await Store.open(options(disk, migrations: testMigrations + [two]))
        try await made.add(batch: 1, count: 30, text: long)
        await made.close()
        let store = try await Store.open(options(disk, migrations: testMigrations + [two]))
        // Opening has taken the log over, so this page is read from the main file: one of the long texts.
        disk[mainPath]?[20 * StoreLayout.page] ^= 1
        let started = DispatchSemaphore(value: 0)
        let gate = DispatchSemaphore(value: 0)
        async let first: Void = store.read { _ in
            started.signal()
            gate.wait()
        }
        let results = await withTaskGroup(of: (Int64, Bool).self) { group in
            started.wait()
            for number in 1...40 as ClosedRange<Int64> {
                group.addTask {
                    let isGood = number % 10 != 0
                    let result: Void? = try? await store.write { connection in
                        if isGood {
                            try connection.execute("INSERT INTO other VALUES (?)", .integer(number))
                        } else {
                            try connection.execute("UPDATE note SET text = 'y'")
                        }
                    }
                    return (number, result != nil)
                }
            }
            gate.signal()
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        try await first
        #expect(results.allSatisfy { $0.value == ($0.key % 10 != 0) })
        let kept = try await store.read { connection in
            try connection.query("SELECT id FROM other") { row throws(StoreError) in try row.integer(0) }
        }
        #expect(Set(kept) == Set((1...40).filter { $0 % 10 != 0 }))
        await store.close()
    }

    @Test func theFailuresEndWithTheStore() async throws {
        let store = try await Store.open(options(MemoryDisk()))
        await store.close()
        for await error in store.failure { Issue.record("\(error)") }
    }

    /// More bytes than may wait: the callers are told to come back.
    @Test func tooManyBytesAreRefused() async throws {
        let store = try await Store.open(options(MemoryDisk()))
        let started = DispatchSemaphore(value: 0)
        let gate = DispatchSemaphore(value: 0)
        async let first: Void = store.read { _ in
            started.signal()
            gate.wait()
        }
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            started.wait()
            for _ in 0..<12 {
                group.addTask {
                    do {
                        try await store.write(cost: 4 << 20) { _ in }
                        return true
                    } catch {
                        #expect(error as? StoreError == .busy)
                        gate.signal()
                        return false
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        try await first
        #expect(outcomes.contains(true) && outcomes.contains(false))
        await store.close()
    }
}
