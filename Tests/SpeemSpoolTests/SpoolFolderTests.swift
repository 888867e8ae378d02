import SpeemStore
import StoreTestTools
import Testing

@testable import SpeemSpool

struct SpoolFolderTests {
    @Test func filesAreInTheOrderOfTheirNumbers() throws {
        let disk = MemoryDisk()
        for name in ["10.spool", "9.spool", "1.spool", "01.spool", "x.spool", "3.spool.new", "4.spool.damaged", "5"] {
            disk["/spool/" + name] = [1]
        }
        #expect(try folder(disk).files().map(\.number) == [1, 9, 10])
        #expect(try folder(disk).aside() == ["4.spool.damaged"])
    }

    @Test func aMissingFolderIsEmpty() throws {
        let folder = SpoolFolder("/tmp/speem-no-such-folder", fileSystem: PosixFileSystem())
        #expect(try folder.files() == [] && folder.aside() == [])
    }

    @Test func aRemovedFileIsGoneAfterAPowerCut() async throws {
        let disk = try await usedDisk()
        let file = try #require(try folder(disk).files().first)
        try folder(disk).remove(file)
        for seed in 0..<4 as Range<UInt64> { #expect(try folder(disk.afterPowerCut(seed: seed)).files() == []) }
    }

    @Test func aFileIsSetAside() async throws {
        let disk = try await usedDisk()
        let file = try #require(try folder(disk).files().first)
        #expect(try folder(disk).setAside(file) == "1.spool.damaged")
        #expect(try folder(disk).files() == [] && folder(disk).aside() == ["1.spool.damaged"])
    }

    @Test func theHashIsOfEveryByte() async throws {
        let disk = try await usedDisk(records: 3, count: 60_000)
        let file = try #require(try folder(disk).files().first)
        let hash = try folder(disk).hash(of: file)
        #expect(try folder(disk).hash(of: file) == hash)
        let whole = try #require(disk["/spool/1.spool"])
        for index in [0, 511, 65_535, 65_536, whole.count - 1] {
            var bytes = whole
            bytes[index] ^= 1
            disk["/spool/1.spool"] = bytes
            #expect(try folder(disk).hash(of: file) != hash)
        }
        disk["/spool/1.spool"] = Array(whole.dropLast(512))
        #expect(try folder(disk).hash(of: file) != hash)
    }
}
