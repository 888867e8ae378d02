import SpeemCrypto
import Synchronization
import StoreTestTools
import Testing

@testable import SpeemStore

struct RekeyTests {
    /// The names of a store that nothing was left beside.
    private let names: Set<String> = [mainPath, walPath, keyPath, markerPath, ballastPath]

    private func names(_ disk: MemoryDisk) -> Set<String> { Set(disk.state.withLock { $0.names.keys }) }

    /// A disk with some pages, freed ones among them.
    private func largeDisk() async throws -> MemoryDisk {
        let disk = try await usedDisk()
        let store = try await Store.open(options(disk))
        try await store.add(batch: 100, count: 50, text: String(repeating: "x", count: 3000))
        try await store.write { try $0.execute("DELETE FROM note WHERE batch = 100 AND id % 2 = 0") }
        await store.close()
        return disk
    }

    @Test func allIsThereUnderAnotherKey() async throws {
        let disk = try await largeDisk()
        let before = disk.copy()
        let first = try await Store.open(options(before.copy()))
        let rows = try await first.batches()
        await first.close()
        let reports = Mutex<[Int64]>([])
        try change(disk).rekey(.file(keyPath)) { done, total in
            #expect(done <= total && total > 0)
            reports.withLock { $0.append(done) }
        }
        #expect(reports.withLock { $0.count } >= 2)
        #expect(disk[keyPath] != before[keyPath])
        #expect(names(disk) == names)
        let store = try await Store.open(options(disk, mayCreate: false))
        #expect(try await store.batches() == rows)
        try await store.verify()
        try await store.add(batch: 200)
        await store.close()
        let again = try await Store.open(options(disk, mayCreate: false))
        #expect(try await again.batches()[200] == 1)
        await again.close()
        // The old key opens nothing of it.
        disk[keyPath] = before[keyPath]
        await #expect(throws: StoreError.wrongKey(path: keyPath)) { _ = try await Store.open(options(disk)) }
    }

    @Test func noPageStaysAsItWas() async throws {
        let disk = try await largeDisk()
        let before = try #require(disk[mainPath])
        try change(disk).rekey(.file(keyPath))
        let after = try #require(disk[mainPath])
        for start in stride(from: 0, to: min(before.count, after.count), by: 4096)
        where before[start..<(start + 4096)].contains(where: { $0 != 0 }) {
            #expect(before[start..<(start + 4096)] != after[start..<(start + 4096)], "page \(start / 4096 + 1)")
        }
    }

    @Test func theCommitNumberNeverGoesBack() async throws {
        let disk = try await usedDisk()
        let first = try await Store.open(options(disk))
        let commits = try await first.read { try $0.commitNumber() }
        await first.close()
        try change(disk).rekey(.file(keyPath))
        let second = try await Store.open(options(disk))
        #expect(try await second.read { try $0.commitNumber() } == commits)
        await second.close()
    }

    @Test func withAPassphraseItStaysTheSame() async throws {
        let disk = try await usedDisk()
        _ = try change(disk).setPassphrase(try passphrase("one"), keyFile: keyPath, cost: cheap)
        let old = try #require(try WrappedKey.load(folder: "/store", fileSystem: disk))
        #expect(throws: WrappedKey.Failure.wrongPassphrase) {
            try change(disk).rekey(.passphrase(try passphrase("two")))
        }
        try change(disk).rekey(.passphrase(try passphrase("one")))
        #expect(names(disk) == names.subtracting([keyPath]).union([wrappedPath]))
        let new = try #require(try WrappedKey.load(folder: "/store", fileSystem: disk))
        #expect(new.sealPublicKey != old.sealPublicKey)
        let store = try await open(disk, "one")
        #expect(try await store.batches().count == 6)
        await store.close()
        // The old wrapped key and its passphrase open nothing any more.
        disk[wrappedPath] = old.encoded
        await #expect(throws: StoreError.wrongKey(path: wrappedPath)) { _ = try await open(disk, "one") }
    }

    @Test func aKeyElsewhereIsReplacedThere() async throws {
        let disk = MemoryDisk()
        var elsewhere = options(disk)
        elsewhere.key = .file("/usb/store.key")
        let store = try await Store.open(elsewhere)
        try await store.add(batch: 1)
        await store.close()
        let old = disk["/usb/store.key"]
        try change(disk).rekey(.file("/usb/store.key"))
        #expect(disk["/usb/store.key"] != old)
        let again = try await Store.open(elsewhere)
        #expect(try await again.batches() == [1: 1])
        await again.close()
        #expect(names(disk).allSatisfy { !$0.contains("rekey") })
    }

    @Test func aRunningStoreIsLeftAlone() async throws {
        let disk = try await usedDisk()
        let store = try await Store.open(options(disk))
        let key = disk[keyPath]
        #expect(throws: StoreError.inUse(folder: "/store")) { try change(disk).rekey(.file(keyPath)) }
        #expect(disk[keyPath] == key)
        try await store.add(batch: 9)
        await store.close()
    }

    @Test func withoutRoomNothingIsChanged() async throws {
        let disk = try await largeDisk()
        let before = disk.copy()
        let used = disk.used
        disk.state.withLock { $0.capacity = used + 8192 }
        let error = #expect(throws: StoreError.self) { try change(disk).rekey(.file(keyPath)) }
        if case .diskFull = error {} else { Issue.record("\(String(describing: error))") }
        #expect(names(disk) == names)
        #expect(disk[keyPath] == before[keyPath] && disk[markerPath] == before[markerPath])
        let store = try await Store.open(options(disk, mayCreate: false))
        try await store.verify()
        await store.close()
    }

    @Test func aDamagedPageIsNotCopied() async throws {
        let disk = try await largeDisk()
        // After it no page is in the log, from which a checkpoint would mend it.
        try change(disk).rekey(.file(keyPath))
        disk[mainPath]?[4096 + 100] ^= 1
        let before = disk.copy()
        #expect(throws: StoreError.self) { try change(disk).rekey(.file(keyPath)) }
        #expect(names(disk) == names)
        #expect(disk[keyPath] == before[keyPath] && disk[markerPath] == before[markerPath])
    }

    @Test func noStoreNoKey() async throws {
        let disk = MemoryDisk()
        #expect(throws: StoreError.self) { try change(disk).rekey(.file(keyPath)) }
        #expect(throws: StoreError.self) { try change(disk).rekey(.passphrase(try passphrase("one"))) }
        #expect(names(disk).isEmpty)
    }

    // MARK: Power cuts

    /// At every operation, and once more while the next start finishes what was left: one whole store that opens.
    @Test func atEveryOperation() async throws {
        let whole = try await usedDisk()
        let trial = whole.copy()
        try change(trial).rekey(.file(keyPath))
        var old = 0
        var new = 0
        for failAt in 0...trial.operations {
            let disk = whole.copy()
            disk.state.withLock { $0.failAt = failAt }
            _ = try? change(disk).rekey(.file(keyPath))
            for seed in 0..<3 as Range<UInt64> {
                var found = disk.afterPowerCut(seed: UInt64(failAt) * 10 + seed)
                let label = "cut at operation \(failAt), seed \(seed)"
                found.state.withLock { $0.failAt = Int(seed) * 3 + failAt % 7 }
                if let store = try? await Store.open(options(found, mayCreate: false)) { await store.close() }
                found = found.afterPowerCut(seed: seed)
                do {
                    let store = try await Store.open(options(found, mayCreate: false))
                    #expect(try await store.batches() == [0: 3, 1: 3, 2: 3, 3: 3, 4: 3, 5: 3], "\(label)")
                    try await store.verify()
                    try await store.add(batch: 50)
                    await store.close()
                } catch {
                    Issue.record("\(label): \(error)")
                    continue
                }
                #expect(names(found) == names, "\(label)")
                if found[keyPath] == whole[keyPath] { old += 1 } else { new += 1 }
            }
        }
        #expect(old > 0 && new > 0)
    }

    @Test func atEveryOperationWithAPassphrase() async throws {
        let whole = try await usedDisk()
        _ = try change(whole).setPassphrase(try passphrase("one"), keyFile: keyPath, cost: cheap)
        let trial = whole.copy()
        try change(trial).rekey(.passphrase(try passphrase("one")))
        // The copy is the same as with a file; what comes after it is not.
        for failAt in (trial.operations - 22)...trial.operations {
            let disk = whole.copy()
            disk.state.withLock { $0.failAt = failAt }
            _ = try? change(disk).rekey(.passphrase(try passphrase("one")))
            let found = disk.afterPowerCut(seed: UInt64(failAt))
            do {
                let store = try await open(found, "one")
                #expect(try await store.batches().count == 6)
                await store.close()
            } catch {
                Issue.record("cut at operation \(failAt): \(error)")
            }
            #expect(names(found) == names.subtracting([keyPath]).union([wrappedPath]), "cut at operation \(failAt)")
        }
    }

    @Test func aRecordThatIsNoneIsSaidToBeDamaged() async throws {
        let disk = try await usedDisk()
        disk["/store/store.rekey"] = Array("something else".utf8)
        await #expect(throws: StoreError.damaged(file: "store.rekey", place: "its only line")) {
            _ = try await Store.open(options(disk))
        }
    }

    @Test func aNewKeyThatIsAwayIsWaitedFor() async throws {
        let disk = try await usedDisk()
        let before = disk.copy()
        disk["/store/store.rekey"] = Array("speem-rekey-1 /usb/store.key\n".utf8)
        disk[RekeyFiles.new(mainPath)] = [1]
        await #expect(throws: StoreError.self) { _ = try await Store.open(options(disk)) }
        #expect(disk[mainPath] == before[mainPath])
    }
}
