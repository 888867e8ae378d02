import SpeemCrypto
import SpeemStore
import StoreTestTools
import Synchronization
import Testing

@testable import SpeemSpool

/// Files that are not as they were written.
struct SpoolReaderTests {
    private let path = "/spool/1.spool"

    /// Every byte: what is read is what was written, and before the last record a change is told.
    @Test func everyByteFlipped() async throws {
        let disk = try await usedDisk(records: 4, count: 300)
        let whole = try #require(disk[path])
        let recordSpace = (whole.count - SpoolFormat.headerLength) / 4
        // Padding is not written by anybody, and not read.
        let recordLength = SpoolFormat.recordHead + 4 + 304 + XChaCha20Poly1305.overhead
        for index in whole.indices {
            let copy = disk.copy()
            var bytes = whole
            bytes[index] ^= 1 << UInt8(index % 8)
            copy[path] = bytes
            let contents = try Contents(copy)
            if index < SpoolFormat.headerLength {
                #expect(contents.unreadable == ["1.spool"], "byte \(index)")
                continue
            }
            let record = (index - SpoolFormat.headerLength) / recordSpace
            let isPadding = (index - SpoolFormat.headerLength) % recordSpace >= recordLength
            if isPadding {
                #expect(contents.numbers == [0, 1, 2, 3] && contents.damage == [], "byte \(index)")
            } else {
                #expect(contents.numbers == [0, 1, 2, 3].filter { $0 != record }, "byte \(index)")
                if record < 3 {
                    let place = "record \(record) at byte \(512 + record * recordSpace)"
                    #expect(contents.damage == [SpoolDamage(file: "1.spool", place: place)], "byte \(index)")
                } else {
                    // The last one cannot be told from a torn write.
                    #expect(contents.damage == [] && contents.torn == Int64(recordSpace), "byte \(index)")
                }
            }
        }
    }

    @Test func cutAnywhere() async throws {
        let disk = try await usedDisk(records: 3, count: 600)
        let whole = try #require(disk[path])
        let space = (whole.count - SpoolFormat.headerLength) / 3
        for end in stride(from: SpoolFormat.headerLength, to: whole.count, by: 37) {
            let copy = disk.copy()
            copy[path] = Array(whole[..<end])
            let contents = try Contents(copy)
            // A record without its last zeros is whole.
            let records = (end - SpoolFormat.headerLength + space - 12 - 4 - 604 - 40) / space
            #expect(contents.numbers == Array(0..<records), "cut at \(end)")
            #expect(contents.damage == [], "cut at \(end)")
        }
    }

    @Test func severalRecordsInARow() async throws {
        let disk = try await usedDisk(records: 6)
        var bytes = try #require(disk[path])
        for record in 1...3 { bytes[512 + 512 * record + 60] ^= 1 }
        disk[path] = bytes
        let contents = try Contents(disk)
        #expect(contents.numbers == [0, 4, 5])
        #expect(contents.damage.map(\.place) == ["records 1 to 3 at byte 1024"])
    }

    /// More than one sync can have written is no torn end.
    @Test func everythingBehindAPlace() async throws {
        let disk = try await usedDisk(records: 12, count: 200_000)
        var bytes = try #require(disk[path])
        let space = (bytes.count - 512) / 12
        for record in 2..<12 { bytes[512 + space * record + 100] ^= 1 }
        disk[path] = bytes
        let contents = try Contents(disk)
        #expect(contents.numbers == [0, 1])
        #expect(contents.damage.map(\.place) == ["record 2 at byte \(512 + 2 * space), and all behind it"])
    }

    @Test func recordsAreBoundToTheirPlaceAndFile() async throws {
        let disk = try await usedDisk(records: 3)
        let whole = try #require(disk[path])
        // The second record in the place of the third, and the first one of another file.
        var swapped = whole
        swapped.replaceSubrange(1536..<2048, with: whole[1024..<1536])
        disk[path] = swapped
        #expect(try Contents(disk).numbers == [0, 1])
        let other = try #require(try await usedDisk(records: 3)[path])
        var mixed = whole
        mixed.replaceSubrange(512..<1024, with: other[512..<1024])
        disk[path] = mixed
        #expect(try Contents(disk).numbers == [1, 2])
        // A whole file under another number.
        disk[path] = nil
        disk["/spool/7.spool"] = whole
        #expect(try Contents(disk).unreadable == ["7.spool"])
    }

    /// Somebody with the card fills a file with beginnings of records that make the reader try.
    @Test(arguments: 0..<8)
    func garbage(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let disk = try await usedDisk(records: 2)
        var bytes = try #require(disk[path])
        for sector in 0..<600 as Range<UInt64> {
            let length = UInt32.random(in: 0...300_000, using: &generator)
            let number =
                Bool.random(using: &generator) ? 3 + sector / 2 : UInt64.random(in: 0 ... .max, using: &generator)
            bytes += BigEndian.bytes(number) + BigEndian.bytes(length)
            bytes += (0..<500).map { _ in UInt8.random(in: 0...255, using: &generator) }
        }
        disk[path] = bytes
        let contents = try Contents(disk)
        #expect(contents.numbers == [0, 1])
    }

    @Test func aFileThatCannotBeReadIsAnError() async throws {
        let disk = try await usedDisk()
        disk.state.withLock { _ = $0.failReads.insert(path) }
        #expect(throws: SpoolError.self) { try Contents(disk) }
        #expect(throws: SpoolError.self) { try open(disk) }
    }

    @Test func aShortFileHasNoHeader() throws {
        let disk = MemoryDisk()
        for length in [0, 1, 100, 511] {
            disk[path] = [UInt8](repeating: 7, count: length)
            #expect(try Contents(disk).unreadable == ["1.spool"])
        }
    }
}
