import SpeemCrypto
import SpeemStore
import StoreTestTools
import Synchronization
import Testing

@testable import SpeemSpool

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

struct SpoolTests {
    @Test func whatWasTakenInIsReadInOrder() async throws {
        let disk = try await usedDisk(records: 20)
        let contents = try Contents(disk)
        #expect(contents.numbers == Array(0..<20))
        #expect(contents.damage == [] && contents.torn == 0)
        #expect(contents.entries[3] == entry(3))
    }

    /// A boot in which nobody writes leaves nothing behind.
    @Test func withoutAnEntryThereIsNoFile() async throws {
        let disk = MemoryDisk()
        let spool = try open(disk)
        await spool.close()
        #expect(try folder(disk).files() == [])
        #expect(disk.operations == 0)
    }

    @Test func manyAtOnceShareASync() async throws {
        let disk = MemoryDisk()
        let spool = try open(disk)
        try await spool.append(entry(0))
        let before = disk.syncs
        await withTaskGroup(of: Void.self) { group in
            for number in 1...500 { group.addTask { try? await spool.append(entry(number)) } }
        }
        await spool.close()
        let contents = try Contents(disk)
        #expect(Set(contents.numbers) == Set(0...500) && contents.entries.count == 501)
        #expect(disk.syncs - before < 500)
        #expect(contents.records == disk.syncs - before + 1)
    }

    @Test func eachBootHasAFileThatLinksToTheOneBefore() async throws {
        let disk = MemoryDisk()
        for boot in 0..<3 {
            let spool = try open(disk)
            try await spool.append(entry(boot))
            await spool.close()
        }
        let files = try folder(disk).files()
        #expect(files.map(\.number) == [1, 2, 3])
        let contents = try Contents(disk)
        #expect(contents.numbers == [0, 1, 2])
        #expect(
            try contents.links == [
                SpoolFormat.noLink, folder(disk).hash(of: files[0]), folder(disk).hash(of: files[1]),
            ])
    }

    @Test func numbersGoOnAfterAnEmptiedSpool() async throws {
        let disk = MemoryDisk()
        let link = random.bytes(32)
        let spool = try open(disk, last: (41, link))
        try await spool.append(entry(1))
        await spool.close()
        #expect(try folder(disk).files().map(\.number) == [42])
        #expect(try Contents(disk).links == [link])
    }

    /// Nobody but the store: neither with another key, nor with what is in the file.
    @Test func nobodyElseReadsIt() async throws {
        let disk = try await usedDisk()
        #expect(try Contents(disk, key: X25519.PrivateKey(random: random)).unreadable == ["1.spool"])
        let bytes = try #require(disk["/spool/1.spool"])
        let needle = [UInt8](repeating: 3, count: 16)
        #expect(!bytes.indices.dropLast(16).contains { Array(bytes[$0..<($0 + 16)]) == needle })
    }

    @Test func whatIsTooLargeIsRefused() async throws {
        let disk = MemoryDisk()
        let spool = try open(disk)
        try await spool.append([UInt8](repeating: 1, count: SpoolFormat.maxEntry))
        await #expect(throws: SpoolError.tooLarge) {
            try await spool.append([UInt8](repeating: 1, count: SpoolFormat.maxEntry + 1))
        }
        await spool.close()
        #expect(try Contents(disk).entries.map(\.count) == [SpoolFormat.maxEntry])
    }

    @Test func itIsBoundedOverAllBoots() async throws {
        let disk = MemoryDisk()
        var taken: [Int] = []
        for boot in 0..<4 {
            let spool = try open(disk, limit: 16 * 1024)
            for number in 0..<8 {
                do {
                    try await spool.append(entry(boot * 8 + number, count: 1000))
                    taken.append(boot * 8 + number)
                } catch {
                    #expect(error == .full)
                }
            }
            #expect(spool.usage.bytes <= 16 * 1024)
            await spool.close()
        }
        // Nothing fits beside the files of earlier boots, and what was taken is there.
        #expect(taken.count == 10)
        #expect(disk.used <= 16 * 1024)
        #expect(try Contents(disk).numbers == taken)
        #expect(try open(disk, limit: 16 * 1024).earlier == Int64(disk.used))
    }

    @Test func aFullDiskIsARefusalAndNoEnd() async throws {
        let disk = MemoryDisk()
        let spool = try open(disk)
        try await spool.append(entry(0))
        disk.state.withLock { $0.capacity = 1024 }
        await #expect(throws: SpoolError.diskFull(path: "/spool/1.spool")) { try await spool.append(entry(1)) }
        disk.state.withLock { $0.capacity = .max }
        try await spool.append(entry(2))
        await spool.close()
        let contents = try Contents(disk)
        #expect(contents.numbers == [0, 2] && contents.damage == [] && contents.torn == 0)
    }

    /// Nobody knows what the disk holds then.
    @Test func aFailedSyncIsTheEnd() async throws {
        let disk = MemoryDisk()
        let spool = try open(disk)
        try await spool.append(entry(0))
        disk.state.withLock { $0.failSyncs["/spool/1.spool"] = EIO }
        await #expect(throws: SpoolError.self) { try await spool.append(entry(1)) }
        disk.state.withLock { $0.failSyncs = [:] }
        do {
            try await spool.append(entry(2))
            Issue.record("it went on")
        } catch {
            guard case .failed = error else {
                Issue.record("\(error)")
                return
            }
        }
        for await failure in spool.failure {
            guard case .failed = failure else {
                Issue.record("\(failure)")
                return
            }
            break
        }
        await spool.close()
        await #expect(throws: SpoolError.closed) { try await spool.append(entry(3)) }
        #expect(try Contents(disk).numbers.first == 0)
    }

    /// Two boots with the same random source still have other keys by their numbers: and no two records have one key.
    @Test func keysFollowEachOther() {
        let first = random.secret(32)
        var keys: [SecretBytes] = [first]
        for _ in 0..<10 { keys.append(SpoolFormat.next(keys[keys.count - 1])) }
        #expect(Set(keys.map { Hex.encode($0.exposedCopy()) }).count == 11)
        #expect(SpoolFormat.next(first) == keys[1])
    }
}
