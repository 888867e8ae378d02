import Foundation
import Testing

@testable import SpeemStore

/// What counts as given to the disk.
struct WriteCounterTests {
    @Test func aWriteCountsTheBlocksThatItTouches() {
        for (count, offset, blocks) in [
            (1, 0, 1), (4096, 0, 1), (4097, 0, 2), (4096, 4096, 1), (2, 4095, 2), (4136, 100, 2), (0, 7, 0),
            (12 << 20, 0, 3072), (1, -1, 0),
        ] as [(Int, Int64, Int64)] {
            var unsynced = UnsyncedBlocks()
            #expect(unsynced.write(count, at: offset) == blocks, "\(count) bytes at \(offset)")
        }
    }

    @Test func neighboursShareABlockUntilTheNextSync() {
        var unsynced = UnsyncedBlocks()
        #expect(unsynced.write(100, at: 0) == 1)
        #expect(unsynced.write(100, at: 100) == 0)
        #expect(unsynced.write(4096, at: 200) == 1)
        unsynced.sync()
        #expect(unsynced.write(10, at: 4300) == 1)
        // Away from it and back: it may have gone to the disk in between.
        #expect(unsynced.write(1, at: 0) == 1)
        #expect(unsynced.write(1, at: 4300) == 1)
    }

    @Test func theRealDiskCountsAllItsFiles() throws {
        let folder = "/tmp/speem-written-\(UInt64.random(in: 0 ... .max))"
        let disk = PosixFileSystem()
        try disk.makeFolder(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(disk.bytesWritten == 0)
        for name in ["one", "two"] {
            let file = try disk.open("\(folder)/\(name)", create: true)
            defer { file.close() }
            // Reserving gives it nothing to write.
            try file.grow(to: 1 << 20)
            for _ in 0..<2 {
                try [UInt8](repeating: 1, count: 5000).withUnsafeBytes { try file.write($0, at: 0) }
                try file.sync()
            }
        }
        #expect(disk.bytesWritten == 2 * 2 * 2 * 4096)
        #expect(PosixFileSystem().bytesWritten == 0)
    }
}
