import CSQLite
import SpeemCrypto
import Synchronization
import StoreTestTools
import Testing

@testable import SpeemStore

/// What SQLite may and may not do with files.
struct VFSTests {
    @Test func noOtherFilesAreOpened() async throws {
        let disk = MemoryDisk()
        let store = try await Store.open(options(disk))
        await #expect(throws: StoreError.self) {
            try await store.read { try $0.execute("ATTACH DATABASE '/store/other.db' AS other") }
        }
        // A sort that is too large for memory pages would open a temporary file; it stays in memory.
        try await store.add(batch: 1, count: 3000, text: String(repeating: "x", count: 500))
        let sorted = try await store.read { connection in
            try connection.query("SELECT text FROM note ORDER BY text || id DESC") { row throws(StoreError) in
                try row.text(0).count
            }.count
        }
        #expect(sorted == 3000)
        await store.close()
        let names = disk.state.withLock { Set($0.names.keys) }
        #expect(names == [mainPath, walPath, keyPath, markerPath, ballastPath])
    }

    @Test func theSettingsThatTheDesignDemands() async throws {
        let store = try await Store.open(options(MemoryDisk()))
        let settings = try await store.read { connection in
            [
                try connection.pragma("journal_mode"), try connection.pragma("locking_mode"),
                try connection.pragma("synchronous"), try connection.pragma("temp_store"),
                try connection.pragma("cache_spill"), try connection.pragma("page_size"),
                try connection.pragma("foreign_keys"),
            ]
        }
        #expect(settings == ["wal", "exclusive", "2", "2", "0", "4096", "1"])
        await store.close()
    }

    /// What the format depends on: SQLite writes no padding, maps no memory, and leaves 40 bytes of each page.
    @Test func whatSQLiteIsTold() async throws {
        let methods = VFSCallbacks.methods.pointer.pointee
        #expect(methods.iVersion == 1)
        #expect(methods.xDeviceCharacteristics(nil) == SQLITE_IOCAP_POWERSAFE_OVERWRITE)
        #expect(methods.xSectorSize(nil) == 4096)
        let disk = try await usedDisk(batches: 30, rows: 20)
        let key = try #require(try StoreKey.load(keyPath, fileSystem: disk))
        var first = Array(try #require(disk[mainPath])[..<StoreLayout.page])
        let cipher = PageCipher(key: key, random: SystemRandomSource())
        #expect(first.withUnsafeMutableBytes { cipher.openPage($0, number: 1) })
        #expect(Array(first[16..<21]) == [0x10, 0x00, 2, 2, 40])
    }

    @Test func aTransactionLargerThanTheCacheIsNotSpilled() async throws {
        let disk = MemoryDisk()
        let store = try await Store.open(options(disk))
        // About 12 MB in one transaction; SQLite's cache holds 2.
        try await store.add(batch: 1, count: 3000, text: String(repeating: "x", count: 4000))
        #expect(try await store.batches() == [1: 3000])
        try await store.verify()
        await store.close()
        #expect(try await readAll(disk).get().rows == [1: 3000])
    }

    @Test func manyStoresAtOnce() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask {
                    let store = try await Store.open(options(MemoryDisk()))
                    for _ in 0..<20 { try await store.add(batch: Int64(number)) }
                    #expect(try await store.batches() == [Int64(number): 20])
                    await store.close()
                }
            }
            try await group.waitForAll()
        }
    }
}
