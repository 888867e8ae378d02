import SpeemCrypto
import StoreTestTools
import Testing

@testable import SpeemStore

/// Whatever is done to the files: the right rows, or an error that names the place.
struct DamageTests {
    /// Checks a damaged disk: an error that names a file, or all rows, or all but the last transaction, and that told.
    private func check(_ disk: MemoryDisk, against rows: [Int64: Int64], _ words: String) async {
        switch await readAll(disk) {
        case .success(let found):
            if found.rows == rows { return }
            var withoutLast = rows
            withoutLast[(rows.keys.max() ?? 0)] = nil
            #expect(found.rows == withoutLast, "\(words)")
            #expect(found.dropped > 0 || found.rows == rows, "\(words): silently dropped")
        case .failure(let error):
            switch error {
            case .damaged(let file, let place): #expect(file.hasPrefix("store.db") && !place.isEmpty)
            case .missing(let path, _): #expect(path.hasPrefix("/store/"))
            default: Issue.record("\(words): \(error)")
            }
        }
    }

    /// Every byte of every page, at the door where pages are read.
    @Test func everyByteOfTheMainFile() async throws {
        let disk = try await usedDisk()
        let key = try #require(try StoreKey.load(keyPath, fileSystem: disk))
        let bytes = try #require(disk[mainPath])
        #expect(bytes.count >= 2 * StoreLayout.page)
        let flipped = MemoryDisk()
        flipped[mainPath] = bytes
        let main = MainFile(
            file: try flipped.open(mainPath, create: false),
            cipher: PageCipher(key: key, random: SystemRandomSource()), name: "store.db", creating: false)
        let page = UnsafeMutableRawBufferPointer.allocate(byteCount: StoreLayout.page, alignment: 16)
        defer { page.deallocate() }
        for index in bytes.indices {
            let number = index / StoreLayout.page
            var copy = Array(bytes[(number * StoreLayout.page)..<((number + 1) * StoreLayout.page)])
            copy[index % StoreLayout.page] ^= 1 << UInt8(index % 8)
            let file = try flipped.open(mainPath, create: false)
            try copy.withUnsafeBytes { try file.write($0, at: Int64(number * StoreLayout.page)) }
            let result = try main.read(into: page, at: Int64(number * StoreLayout.page))
            #expect(result == .damaged(.damaged(file: "store.db", place: "page \(number + 1)")))
            copy[index % StoreLayout.page] ^= 1 << UInt8(index % 8)
            try copy.withUnsafeBytes { try file.write($0, at: Int64(number * StoreLayout.page)) }
        }
        #expect(try main.read(into: page, at: 0) == .whole)
    }

    /// Every byte of the log, at the door where it is opened.
    @Test func everyByteOfTheLog() async throws {
        let disk = try await usedDisk(batches: 4)
        let key = try #require(try StoreKey.load(keyPath, fileSystem: disk))
        let bytes = try #require(disk[walPath])
        let used = bytes.lastIndex { $0 != 0 } ?? 0
        let cipher = PageCipher(key: key, random: SystemRandomSource())
        func load() throws -> (error: WALFile.OpenFailure?, size: Int64, dropped: UInt64) {
            let wal = WALFile(file: try disk.open(walPath, create: false), cipher: cipher, name: "store.db-wal")
            do throws(WALFile.OpenFailure) {
                try wal.load()
                return (nil, wal.logicalSize, wal.droppedFrames)
            } catch {
                return (error, 0, 0)
            }
        }
        let whole = try load()
        #expect(whole.error == nil && whole.dropped == 0 && whole.size > 0)
        let file = try disk.open(walPath, create: false)
        var dropped = 0
        for index in 0...used {
            let byte = bytes[index] ^ (1 << UInt8(index % 8))
            try [byte].withUnsafeBytes { try file.write($0, at: Int64(index)) }
            let found = try load()
            try [bytes[index]].withUnsafeBytes { try file.write($0, at: Int64(index)) }
            if index < StoreLayout.sealedWALHeader {
                #expect(found.error == .header, "byte \(index)")
                continue
            }
            let frame = (index - StoreLayout.sealedWALHeader) / StoreLayout.sealedFrame + 1
            if let error = found.error {
                #expect(error == .damaged(.damaged(file: "store.db-wal", place: "frame \(frame)")), "byte \(index)")
            } else {
                // Only the last transaction may be taken for a torn one.
                #expect(found.size < whole.size && found.dropped > 0, "byte \(index)")
                dropped += 1
            }
        }
        let last = try lastTransaction(disk, cipher: cipher, bytes: bytes)
        #expect(dropped == last * StoreLayout.sealedFrame)
    }

    /// Frames of the last transaction in the log.
    private func lastTransaction(_ disk: MemoryDisk, cipher: PageCipher, bytes: [UInt8]) throws -> Int {
        let header = try #require(cipher.openWALHeader(Array(bytes[..<StoreLayout.sealedWALHeader])))
        var starts: [UInt64] = []
        var number: UInt64 = 1
        while true {
            let offset = StoreLayout.sealedWALHeader + Int(number - 1) * StoreLayout.sealedFrame
            guard offset + StoreLayout.sealedFrame <= bytes.count else { break }
            var sealed = Array(bytes[offset..<(offset + StoreLayout.sealedFrame)])
            let frame = sealed.withUnsafeMutableBytes {
                cipher.openFrame($0, number: number, page: nil)
            }
            guard let frame, frame.origin.salts.elementsEqual(header[16..<24]) else { break }
            starts.append(frame.origin.transactionStart)
            number += 1
        }
        return starts.count { $0 == starts.last }
    }

    /// The whole way, through SQLite: single bytes at random.
    @Test(arguments: [mainPath, walPath])
    func randomBytes(path: String) async throws {
        let disk = try await usedDisk(batches: 30, rows: 20)
        let expected = try #require(try? await readAll(disk.copy()).get().rows)
        #expect(expected.count == 30)
        var generator = SeededGenerator(seed: 7)
        let bytes = try #require(disk[path])
        for _ in 0..<150 {
            let index = Int.random(in: bytes.indices, using: &generator)
            let copy = disk.copy()
            copy[path]?[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            await check(copy, against: expected, "byte \(index) of \(path)")
        }
    }

    @Test func exchangedPages() async throws {
        let disk = try await usedDisk(batches: 30, rows: 20)
        let expected = try await readAll(disk.copy()).get().rows
        let bytes = try #require(disk[mainPath])
        let pages = bytes.count / StoreLayout.page
        #expect(pages >= 3)
        for (one, other) in [(0, 1), (1, 2), (0, pages - 1)] {
            let copy = disk.copy()
            copy[mainPath] = exchange(bytes, one, other, size: StoreLayout.page, offset: 0)
            guard case .failure(.damaged(let file, let place)) = await readAll(copy) else {
                await check(copy, against: expected, "pages \(one) and \(other)")
                continue
            }
            #expect(file == "store.db" && place.hasPrefix("page "))
        }
        // A page of another store with the same key would be refused for its place; one in the place of another is.
        let duplicated = disk.copy()
        duplicated[mainPath]?.replaceSubrange(
            StoreLayout.page..<(2 * StoreLayout.page), with: bytes[(2 * StoreLayout.page)..<(3 * StoreLayout.page)])
        await check(duplicated, against: expected, "a page twice")
    }

    @Test func exchangedFrames() async throws {
        let disk = try await usedDisk()
        let expected = try await readAll(disk.copy()).get().rows
        let bytes = try #require(disk[walPath])
        for (one, other) in [(0, 1), (1, 3), (2, 5)] {
            let copy = disk.copy()
            copy[walPath] = exchange(
                bytes, one, other, size: StoreLayout.sealedFrame, offset: StoreLayout.sealedWALHeader)
            guard case .failure(.damaged("store.db-wal", _)) = await readAll(copy) else {
                Issue.record("frames \(one) and \(other) changed places unnoticed")
                continue
            }
        }
        _ = expected
    }

    private func exchange(_ bytes: [UInt8], _ one: Int, _ other: Int, size: Int, offset: Int) -> [UInt8] {
        var copy = bytes
        let first = (offset + one * size)..<(offset + (one + 1) * size)
        let second = (offset + other * size)..<(offset + (other + 1) * size)
        copy.replaceSubrange(first, with: bytes[second])
        copy.replaceSubrange(second, with: bytes[first])
        return copy
    }

    @Test(arguments: [mainPath, walPath])
    func cutAnywhere(path: String) async throws {
        let disk = try await usedDisk(batches: 30, rows: 20)
        let expected = try await readAll(disk.copy()).get().rows
        let bytes = try #require(disk[path])
        var lengths = [
            0, 1, 71, 72, 73, 100, 4095, 4096, 4097, 8192, bytes.count - StoreLayout.sealedFrame, bytes.count - 1,
        ]
        lengths += (1..<20).map { bytes.count * $0 / 20 }
        for length in lengths where length >= 0 && length < bytes.count {
            let copy = disk.copy()
            copy[path] = Array(bytes[..<length])
            if path == walPath {
                // The log never shrinks: every cut shows.
                guard case .failure(.damaged) = await readAll(copy) else {
                    Issue.record("the log, cut to \(length) bytes, went unnoticed")
                    continue
                }
            } else {
                await check(copy, against: expected, "\(path) cut to \(length)")
            }
        }
        let longer = disk.copy()
        longer[path] = bytes + [0]
        await check(longer, against: expected, "\(path) longer by a byte")
    }

    @Test func missingFiles() async throws {
        let disk = try await usedDisk()
        for path in [mainPath, walPath, keyPath] {
            let copy = disk.copy()
            copy[path] = nil
            guard case .failure(.missing(let named, _)) = await readAll(copy) else {
                Issue.record("\(path) is missing, unnoticed")
                continue
            }
            #expect(named == path)
            // And nothing new is made in its place, even when it might.
            await #expect(throws: StoreError.self) { _ = try await Store.open(options(copy)) }
            #expect(copy[path] == nil)
        }
    }

    @Test func aMissingMarkerIsWrittenAgain() async throws {
        let disk = try await usedDisk()
        disk[markerPath] = nil
        #expect(try await readAll(disk).get().rows.count == 6)
        #expect(disk[markerPath] != nil)
    }

    @Test func withoutAMarkerAnEmptyLogIsStillNoNewStore() async throws {
        let disk = try await usedDisk()
        disk[markerPath] = Array("nonsense".utf8)
        guard case .failure(.damaged("initialised", _)) = await readAll(disk) else {
            Issue.record("a damaged marker went unnoticed")
            return
        }
    }

    @Test func theLastTransactionOfATornLogIsDroppedAndTold() async throws {
        let disk = try await usedDisk()
        let bytes = try #require(disk[walPath])
        let used = try #require(bytes.lastIndex { $0 != 0 })
        let copy = disk.copy()
        copy[walPath]?[used] ^= 1
        let found = try await readAll(copy).get()
        #expect(found.rows.count == 5)
        #expect(found.dropped > 0)
    }

    @Test func nothingReadableIsOnDisk() async throws {
        let disk = MemoryDisk()
        let store = try await Store.open(options(disk))
        for batch in 0..<200 { try await store.add(batch: Int64(batch), text: "the-secret-of-bob") }
        await store.close()
        for path in [mainPath, walPath, markerPath, keyPath] {
            let bytes = try #require(disk[path])
            // Long enough that they are not found by chance among megabytes of random bytes.
            for word in ["SQLite format 3", "CREATE TABLE", "INTEGER", "the-secret-of-bob"] {
                let isFound = contains(bytes, Array(word.utf8))
                #expect(!isFound, "\(word) in \(path)")
            }
        }
    }

    private func contains(_ bytes: [UInt8], _ word: [UInt8]) -> Bool {
        guard bytes.count >= word.count, let first = word.first else { return false }
        return bytes.indices.dropLast(word.count - 1).contains { index in
            bytes[index] == first && bytes[index..<(index + word.count)].elementsEqual(word)
        }
    }
}
