import Foundation
import StoreTestTools
import Synchronization
import Testing

@testable import SpeemStore

/// How a store says that it stands with its disk.
struct DiskStateTests {
    @Test func aFullDiskShowsUntilThereIsRoom() async throws {
        let disk = MemoryDisk()
        let ballast = 1 << 20
        let store = try await Store.open(options(disk, ballast: ballast))
        #expect(try await store.diskState() == Store.DiskState(space: nil, refuses: false, written: nil))
        let used = disk.used
        disk.state.withLock { $0.capacity = used + 4096 }
        let long = String(repeating: "x", count: 3500)
        await #expect(throws: StoreError.self) {
            for batch in 0..<5000 { try await store.add(batch: Int64(batch), text: long) }
        }
        #expect(try await store.diskState().refuses)
        disk.state.withLock { $0.capacity = .max }
        // Looking is enough: nobody has to deposit first.
        #expect(try await !store.diskState().refuses)
        #expect(disk[ballastPath]?.count == ballast)
        await store.close()
    }

    @Test func lookingWritesNothing() async throws {
        let disk = MemoryDisk()
        let store = try await Store.open(options(disk))
        try await store.add(batch: 1)
        let (operations, commits) = (disk.operations, try await store.read { try $0.commitNumber() })
        for _ in 0..<10 { _ = try await store.diskState() }
        #expect(disk.operations == operations)
        #expect(try await store.read { try $0.commitNumber() } == commits)
        await store.close()
    }

    @Test func aStoreOnARealDiskKnowsItsSpaceAndWhatItWrote() async throws {
        let folder = "/tmp/speem-space-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = try await Store.open(
            Store.Options(
                folder: folder, key: .file(folder + "/store.key"), migrations: testMigrations, mayCreate: true))
        let before = try await store.diskState()
        let space = try #require(before.space)
        let used = try #require(space.used)
        // The ballast is in it.
        #expect(used > UInt64(Store.ballastSize) && used < 64 << 20)
        #expect(space.free <= space.total && space.total > used)
        let written = try #require(before.written)
        try await store.add(batch: 1)
        let after: UInt64 = try #require(try await store.diskState().written)
        // One transaction: a few pages of the log.
        #expect(after > written && after - written < 256 << 10)
        await store.close()
        await #expect(throws: StoreError.self) { try await store.diskState() }
    }

    @Test func theFilesOfAFolderAreCounted() throws {
        let folder = "/tmp/speem-space-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder + "/a/b", withIntermediateDirectories: true)
        for (name, count) in [("one", 3000), ("a/two", 500), ("a/b/three", 7)] {
            try Data(count: count).write(to: URL(filePath: "\(folder)/\(name)"))
        }
        try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: "/dev/zero")
        #expect(try DiskSpace.look(folder).used == 3507)
        #expect(try DiskSpace.look(folder + "/not/yet").used == 0)
        #expect(try DiskSpace.look(folder + "/not/yet").total > 0)
    }
}
