import SpeemCrypto
import Synchronization
import StoreTestTools
import Testing

@testable import SpeemStore

/// A full disk: nothing more comes in, and what is there can be read and deleted.
struct FullDiskTests {
    private static let ballast = 6 << 20
    private let long = String(repeating: "x", count: 3500)

    /// A store that grew until the disk was full, with a log that holds much that is not yet in the main file.
    private func fullStore(_ disk: MemoryDisk) async throws -> (store: Store, rows: Int64) {
        let store = try await Store.open(options(disk, ballast: Self.ballast))
        // Space for the log and not for the main file.
        let used = disk.used
        disk.state.withLock { $0.capacity = used + 3 * StoreLayout.framesPerChunk * StoreLayout.sealedFrame + 4096 }
        var rows: Int64 = 0
        do {
            while rows < 5000 {
                try await store.add(batch: rows, text: long)
                rows += 1
            }
        } catch StoreError.diskFull {}
        #expect(rows > 200 && rows < 5000)
        return (store, rows)
    }

    @Test func deletionsGoOnAndDepositsWait() async throws {
        let disk = MemoryDisk()
        let (store, rows) = try await fullStore(disk)
        #expect(disk[ballastPath] == nil)
        for batch in 0..<rows / 2 {
            try await store.write(grows: false) {
                try $0.execute("DELETE FROM note WHERE batch = ?", .integer(batch))
            }
        }
        #expect(try await Int64(store.batches().count) == rows - rows / 2)
        await #expect(throws: StoreError.self) { try await store.add(batch: -1, text: long) }
        // With space again, everything does.
        disk.state.withLock { $0.capacity = .max }
        try await store.add(batch: -2, text: long)
        #expect(disk[ballastPath]?.count == Self.ballast)
        try await store.verify()
        await store.close()
    }

    /// Other programs took all that the ballast gave back, but for what the log needed at once.
    @Test func startedAgainWhileTheDiskIsFull() async throws {
        let disk = MemoryDisk()
        let (store, rows) = try await fullStore(disk)
        await store.close()
        let used = disk.used
        disk.state.withLock { $0.capacity = used }
        let again = try await Store.open(options(disk, mayCreate: false, ballast: Self.ballast))
        await #expect(throws: StoreError.self) { try await again.add(batch: -1) }
        try await again.write(grows: false) { try $0.execute("DELETE FROM note WHERE batch < 10") }
        #expect(try await Int64(again.batches().count) == rows - 10)
        await again.close()
    }

    @Test func theBallastIsKeptAndMadeAgain() throws {
        let disk = MemoryDisk()
        let first = Ballast(path: ballastPath, size: 1000, fileSystem: disk)
        #expect(try first.put())
        #expect(disk[ballastPath]?.count == 1000)
        // Of an interrupted start, shorter.
        disk[ballastPath] = [0]
        let second = Ballast(path: ballastPath, size: 1000, fileSystem: disk)
        #expect(try second.put())
        #expect(disk[ballastPath]?.count == 1000)
        disk.state.withLock { $0.capacity = 1999 }
        disk["/other"] = [UInt8](repeating: 0, count: 1000)
        #expect(try second.put())
        #expect(try second.drop())
        #expect(try !second.drop())
        #expect(try !second.put())
        #expect(disk[ballastPath] == nil)
        disk.state.withLock { $0.capacity = 2000 }
        #expect(try second.put())
        let none = Ballast(path: ballastPath + "-none", size: 0, fileSystem: disk)
        #expect(try none.put())
        #expect(try !none.drop())
    }
}
