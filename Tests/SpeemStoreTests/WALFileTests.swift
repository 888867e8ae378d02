import SpeemCrypto
import Synchronization
import StoreTestTools
import Testing

@testable import SpeemStore

/// SQLite's order of writes, and every other.
struct WALFileTests {
    private let disk = MemoryDisk()
    private let cipher = PageCipher(
        key: StoreKey(secret: SystemRandomSource().secret(32), path: keyPath), random: SystemRandomSource())
    private let header = [UInt8](0..<32)
    private let page = (0..<StoreLayout.page).map { $0 < StoreLayout.usable ? UInt8(truncatingIfNeeded: $0 &* 7) : 0 }

    private func open() throws -> WALFile {
        let wal = WALFile(file: try disk.open(walPath, create: true), cipher: cipher, name: "store.db-wal")
        do { try wal.load() } catch WALFile.OpenFailure.absent {}
        return wal
    }

    private func write(_ bytes: [UInt8], _ offset: Int, to wal: WALFile) throws {
        try bytes.withUnsafeBytes { try wal.write($0, at: Int64(offset)) }
    }

    private func frameHeader(page: UInt8, commit: UInt8) -> [UInt8] {
        [0, 0, 0, page, 0, 0, 0, commit] + [UInt8](repeating: 9, count: 16)
    }

    private func writeFrame(_ number: Int, commit: UInt8, to wal: WALFile) throws {
        let offset = StoreLayout.walHeader + (number - 1) * StoreLayout.frame
        try write(frameHeader(page: UInt8(truncatingIfNeeded: number), commit: commit), offset, to: wal)
        try write(page, offset + StoreLayout.frameHeader, to: wal)
    }

    private func read(_ count: Int, _ offset: Int, from wal: WALFile) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0xee, count: count)
        let result = try bytes.withUnsafeMutableBytes { try wal.read(into: $0, at: Int64(offset)) }
        #expect(result == .whole)
        return bytes
    }

    @Test func readsBackInEveryShape() throws {
        let wal = try open()
        #expect(wal.logicalSize == 0)
        try write(header, 0, to: wal)
        try writeFrame(1, commit: 0, to: wal)
        try writeFrame(2, commit: 2, to: wal)
        #expect(wal.logicalSize == Int64(32 + 2 * 4120))
        for wal in [wal, try open()] {
            #expect(try read(32, 0, from: wal) == header)
            #expect(try read(8, 16, from: wal) == Array(header[16..<24]))
            #expect(try read(4120, 32, from: wal) == frameHeader(page: 1, commit: 0) + page)
            #expect(try read(4096, 32 + 4120 + 24, from: wal) == page)
            #expect(try read(24, 32 + 4120, from: wal) == frameHeader(page: 2, commit: 2))
            #expect(try read(8, 32 + 20, from: wal) == [9, 9, 9, 9] + page[..<4])
        }
    }

    @Test func aFrameHeaderStaysInMemoryUntilItsPageComes() throws {
        let wal = try open()
        try write(header, 0, to: wal)
        let before = disk[walPath]
        try write(frameHeader(page: 1, commit: 1), 32, to: wal)
        #expect(disk[walPath] == before)
        try write(page, 32 + 24, to: wal)
        #expect(disk[walPath] != before)
    }

    @Test func otherOrdersAreRefused() throws {
        let wal = try open()
        try write(header, 0, to: wal)
        // A page without its header, a header twice, a page of another frame, odd sizes and places.
        #expect(throws: FileWriteFailure.self) { try write(page, 32 + 24, to: wal) }
        try write(frameHeader(page: 1, commit: 0), 32, to: wal)
        #expect(throws: FileWriteFailure.self) { try write(frameHeader(page: 1, commit: 0), 32, to: wal) }
        #expect(throws: FileWriteFailure.self) { try write(page, 32 + 4120 + 24, to: wal) }
        #expect(throws: FileWriteFailure.self) { try write(header, 0, to: wal) }
        wal.forgetPending()
        #expect(throws: FileWriteFailure.self) { try write([1, 2, 3], 32, to: wal) }
        #expect(throws: FileWriteFailure.self) { try write([1, 2, 3], 5, to: wal) }
        try writeFrame(1, commit: 1, to: wal)
        // What is committed is never written again in the same generation.
        #expect(throws: FileWriteFailure.self) { try writeFrame(1, commit: 1, to: wal) }
    }

    @Test func aTransactionWithoutCommitIsDropped() throws {
        let wal = try open()
        try write(header, 0, to: wal)
        try writeFrame(1, commit: 1, to: wal)
        try writeFrame(2, commit: 0, to: wal)
        try writeFrame(3, commit: 0, to: wal)
        let again = try open()
        #expect(again.logicalSize == Int64(32 + 4120))
        #expect(again.droppedFrames == 2)
        // The next transaction takes its place.
        try writeFrame(2, commit: 2, to: again)
        #expect(try open().logicalSize == Int64(32 + 2 * 4120))
    }

    @Test func leftoversOfAFailedTransactionAreNoDamage() throws {
        let wal = try open()
        try write(header, 0, to: wal)
        try writeFrame(1, commit: 1, to: wal)
        for number in 2...6 { try writeFrame(number, commit: 0, to: wal) }
        // It failed; a shorter one was written over its beginning, and another behind that.
        try writeFrame(2, commit: 2, to: wal)
        try writeFrame(3, commit: 3, to: wal)
        let again = try open()
        #expect(again.logicalSize == Int64(32 + 3 * 4120))
        #expect(again.droppedFrames == 0)
    }

    /// Two power cuts: each left a part of a transaction that began at the same frame.
    @Test func whatTwoAttemptsLeftIsNoTransaction() throws {
        let wal = try open()
        try write(header, 0, to: wal)
        try writeFrame(1, commit: 1, to: wal)
        for number in 2...4 { try writeFrame(number, commit: number == 4 ? 4 : 0, to: wal) }
        // Its first frame did not reach the disk.
        let start = StoreLayout.sealedWALHeader + StoreLayout.sealedFrame
        let zeros = [UInt8](repeating: 0, count: StoreLayout.sealedFrame)
        disk[walPath]?.replaceSubrange(start..<(start + StoreLayout.sealedFrame), with: zeros)
        let second = try open()
        #expect(second.frameCount == 1 && second.droppedFrames == 2)
        // Of the next one, only the first frame did.
        try writeFrame(2, commit: 0, to: second)
        let third = try open()
        #expect(third.frameCount == 1 && third.droppedFrames == 3)
        try writeFrame(2, commit: 2, to: third)
        #expect(try open().frameCount == 2)
    }

    /// The first frame of a transaction, so torn that nothing authenticates, is told from what earlier generations left.
    @Test(arguments: [0, 600, StoreLayout.sealedFrame - 1])
    func aTornFirstFrameIsTold(byte: Int) throws {
        let wal = try open()
        try write(header, 0, to: wal)
        try writeFrame(1, commit: 1, to: wal)
        try writeFrame(2, commit: 2, to: wal)
        disk[walPath]?[StoreLayout.sealedWALHeader + StoreLayout.sealedFrame + byte] ^= 1
        let again = try open()
        #expect(again.frameCount == 1 && again.droppedFrames == 1)
    }

    @Test func theRecordOutsideFollowsTheSizeAndPrecedesTheFrames() throws {
        let recorded = Mutex<[(chunks: UInt64, size: Int, synced: Bool)]>([])
        let disk = disk
        let record = LogRecord { chunks throws(FileError) in
            let file = disk.state.withLock { $0.names[walPath] }
            let isSynced = file?.state.withLock { $0.changes.isEmpty } ?? false
            recorded.withLock { $0.append((chunks, disk[walPath]?.count ?? 0, isSynced)) }
        }
        let wal = WALFile(
            file: try disk.open(walPath, create: true), cipher: cipher, name: "store.db-wal", record: record)
        try write(header, 0, to: wal)
        for number in 1...(StoreLayout.framesPerChunk + 1) { try writeFrame(number, commit: 1, to: wal) }
        let chunk = StoreLayout.framesPerChunk * StoreLayout.sealedFrame
        let calls = recorded.withLock { $0 }
        #expect(calls.map(\.chunks) == [1, 2])
        #expect(calls.map(\.size) == [1, 2].map { StoreLayout.sealedWALHeader + $0 * chunk })
        #expect(calls.map(\.synced) == [true, true])
    }

    @Test func somethingInTheReserveIsRefused() throws {
        let wal = try open()
        try write(header, 0, to: wal)
        try write(frameHeader(page: 1, commit: 1), 32, to: wal)
        var full = page
        full[StoreLayout.usable] = 1
        #expect(throws: FileWriteFailure.self) { try write(full, 32 + 24, to: wal) }
    }

    @Test func aNewGenerationMakesOldFramesNothing() throws {
        let wal = try open()
        try write(header, 0, to: wal)
        for number in 1...5 { try writeFrame(number, commit: 1, to: wal) }
        var next = header
        next[16] ^= 0xff
        try write(next, 0, to: wal)
        #expect(wal.logicalSize == 32)
        try writeFrame(1, commit: 1, to: wal)
        let again = try open()
        #expect(again.logicalSize == Int64(32 + 4120))
        #expect(again.droppedFrames == 0)
        // Putting back the old header brings back no mixture.
        try write(header, 0, to: again)
        #expect(throws: WALFile.OpenFailure.self) { _ = try open() }
    }

    @Test func theSizeNeverTellsOfAWrite() throws {
        let wal = try open()
        try write(header, 0, to: wal)
        let chunk = StoreLayout.framesPerChunk * StoreLayout.sealedFrame
        #expect(disk[walPath]?.count == StoreLayout.sealedWALHeader + chunk)
        for number in 1...StoreLayout.framesPerChunk { try writeFrame(number, commit: 1, to: wal) }
        #expect(disk[walPath]?.count == StoreLayout.sealedWALHeader + chunk)
        try writeFrame(StoreLayout.framesPerChunk + 1, commit: 1, to: wal)
        #expect(disk[walPath]?.count == StoreLayout.sealedWALHeader + 2 * chunk)
    }

    @Test func beyondTheEndThereIsNothing() throws {
        let wal = try open()
        try write(header, 0, to: wal)
        var bytes = [UInt8](repeating: 1, count: 24)
        let result = try bytes.withUnsafeMutableBytes { try wal.read(into: $0, at: 32) }
        #expect(result == .short)
        #expect(bytes == [UInt8](repeating: 0, count: 24))
    }

    @Test func theSameFrameIsNeverTheSameBytes() throws {
        let wal = try open()
        try write(header, 0, to: wal)
        try writeFrame(1, commit: 0, to: wal)
        let first = disk[walPath]
        try writeFrame(1, commit: 0, to: wal)
        #expect(disk[walPath] != first)
    }
}
