import SpeemCrypto
import StoreTestTools
import Testing

@testable import SpeemStore

struct MainFileTests {
    private let disk = MemoryDisk()
    private let cipher = PageCipher(
        key: StoreKey(secret: SystemRandomSource().secret(32), path: keyPath), random: SystemRandomSource())

    private func open(creating: Bool = false) throws -> MainFile {
        MainFile(file: try disk.open(mainPath, create: true), cipher: cipher, name: "store.db", creating: creating)
    }

    private func page(_ seed: UInt8) -> [UInt8] {
        (0..<StoreLayout.page).map { $0 < StoreLayout.usable ? UInt8(truncatingIfNeeded: $0) &+ seed : 0 }
    }

    private func read(_ count: Int, _ offset: Int, from main: MainFile) throws -> (MainFile.ReadResult, [UInt8]) {
        var bytes = [UInt8](repeating: 0xee, count: count)
        let result = try bytes.withUnsafeMutableBytes { try main.read(into: $0, at: Int64(offset)) }
        return (result, bytes)
    }

    @Test func reservedBytesReadAsZeros() throws {
        let main = try open()
        try page(1).withUnsafeBytes { try main.write($0, at: 0) }
        let (result, bytes) = try read(StoreLayout.page, 0, from: main)
        #expect(result == .whole)
        #expect(Array(bytes[..<StoreLayout.usable]) == Array(page(1)[..<StoreLayout.usable]))
        #expect(bytes[StoreLayout.usable...].allSatisfy { $0 == 0 })
        #expect(StoreLayout.reserve == 40)
    }

    @Test func aPageWithSomethingInItsReserveIsRefused() throws {
        let main = try open()
        for index in [StoreLayout.usable, StoreLayout.page - 1] {
            var full = page(1)
            full[index] = 1
            #expect(throws: FileWriteFailure.self) { try full.withUnsafeBytes { try main.write($0, at: 0) } }
        }
        #expect(throws: FileWriteFailure.self) { try [1, 2].withUnsafeBytes { try main.write($0, at: 0) } }
        #expect(disk[mainPath] == [])
    }

    @Test func sqlitesBufferIsNotTouched() throws {
        let main = try open()
        let mine = page(3)
        try mine.withUnsafeBytes { try main.write($0, at: 0) }
        #expect(mine == page(3))
        #expect(disk[mainPath] != mine)
    }

    @Test func partsOfAPage() throws {
        let main = try open()
        try page(1).withUnsafeBytes { try main.write($0, at: 0) }
        try page(2).withUnsafeBytes { try main.write($0, at: Int64(StoreLayout.page)) }
        #expect(try read(16, 24, from: main) == (.whole, Array(page(1)[24..<40])))
        #expect(try read(100, 4096 + 100, from: main) == (.whole, Array(page(2)[100..<200])))
        let (across, _) = try read(100, 4090, from: main)
        #expect(across != .whole)
    }

    @Test func aTornFirstPageGivesOnlyItsConstantHeader() throws {
        let main = try open()
        try page(1).withUnsafeBytes { try main.write($0, at: 0) }
        disk[mainPath]?[2000] ^= 1
        let (header, bytes) = try read(100, 0, from: main)
        #expect(header == .whole)
        #expect(Array(bytes[..<16]) == Array("SQLite format 3\u{0}".utf8))
        #expect(bytes[16] == 16 && bytes[17] == 0 && bytes[18] == 2 && bytes[19] == 2 && bytes[20] == 40)
        #expect(try read(16, 24, from: main).0 == .whole)
        #expect(try read(4096, 0, from: main).0 == .damaged(.damaged(file: "store.db", place: "page 1")))
        #expect(try read(100, 100, from: main).0 == .damaged(.damaged(file: "store.db", place: "page 1")))
    }

    @Test func aPageIsOnlyGoodInItsPlace() throws {
        let main = try open()
        try page(1).withUnsafeBytes { try main.write($0, at: 0) }
        try page(1).withUnsafeBytes { try main.write($0, at: 4096) }
        let bytes = try #require(disk[mainPath])
        #expect(bytes[..<4096] != bytes[4096...])
        disk[mainPath] = Array(bytes[4096...]) + Array(bytes[..<4096])
        #expect(try read(4096, 4096, from: main).0 == .damaged(.damaged(file: "store.db", place: "page 2")))
    }

    @Test func theEndOfTheFile() throws {
        let creating = try open(creating: true)
        #expect(try read(100, 0, from: creating) == (.short, [UInt8](repeating: 0, count: 100)))
        let main = try open()
        guard case .damaged(.damaged(_, let place)) = try read(100, 0, from: main).0 else {
            Issue.record("an empty file reads as something")
            return
        }
        #expect(place.contains("page 1"))
        try page(1).withUnsafeBytes { try main.write($0, at: 0) }
        disk[mainPath]? += [1, 2, 3]
        // A ragged end: the whole pages are as good as ever.
        #expect(try read(4096, 0, from: main).0 == .whole)
        #expect(try read(4096, 4096, from: main).0 != .whole)
    }
}
