import SpeemCrypto
import Synchronization
import StoreTestTools
import Testing

@testable import SpeemStore

/// The first start of a store, interrupted, and what is missing later.
struct FirstStartTests {
    /// As a node does: its identity in the first transaction.
    private func identityOptions(_ disk: MemoryDisk, _ identity: String, mayCreate: Bool = true) -> Store.Options {
        var options = options(disk, mayCreate: mayCreate)
        options.firstCommit = { connection in
            try connection.execute("INSERT INTO note (batch, text) VALUES (-1, ?)", .text(identity))
        }
        return options
    }

    @Test func aNewStoreHasItsIdentityFromTheFirstTransactionOn() async throws {
        let disk = MemoryDisk()
        for name in ["first", "second"] {
            let store = try await Store.open(identityOptions(disk, name))
            #expect(store.report.isNew == (name == "first"))
            #expect(try await store.texts() == ["first"])
            await store.close()
        }
    }

    @Test func anIdentityThatFailsLeavesNoStore() async throws {
        struct Mine: Error {}
        let disk = MemoryDisk()
        var failing = options(disk)
        failing.firstCommit = { _ in throw Mine() }
        await #expect(throws: Mine.self) { _ = try await Store.open(failing) }
        #expect(disk[markerPath] == nil)
        let store = try await Store.open(identityOptions(disk, "second"))
        #expect(store.report.isNew)
        #expect(try await store.texts() == ["second"])
        await store.close()
    }

    /// A power cut at every operation: the next start finds the identity, or makes one, whole.
    @Test func interruptedAnywhere() async throws {
        let whole = MemoryDisk()
        let store = try await Store.open(identityOptions(whole, "first"))
        let count = whole.operations
        await store.close()
        #expect(count > 20)
        for failAt in 0...count {
            for seed in 0..<6 as Range<UInt64> {
                let disk = MemoryDisk()
                disk.state.withLock { $0.failAt = failAt }
                let made = try? await Store.open(identityOptions(disk, "first"))
                await made?.close()
                let words: Comment = "cut at operation \(failAt), seed \(seed)"
                let found = disk.afterPowerCut(seed: UInt64(failAt) << 8 | seed)
                await checkWithoutLeave(found.copy(), words)
                do {
                    let again = try await Store.open(identityOptions(found, "second"))
                    #expect(try await again.texts() == [again.report.isNew ? "second" : "first"], words)
                    if made != nil { #expect(!again.report.isNew, words) }
                    #expect(found[markerPath] != nil, words)
                    await again.close()
                } catch {
                    Issue.record("cut at operation \(failAt), seed \(seed): \(error)")
                }
            }
        }
    }

    /// Who may not make a store is told that there is none, or finds the one that was made.
    private func checkWithoutLeave(_ disk: MemoryDisk, _ words: Comment) async {
        do {
            let store = try await Store.open(identityOptions(disk, "third", mayCreate: false))
            #expect(try await store.texts() == ["first"], words)
            await store.close()
        } catch StoreError.missing(let path, let reason) {
            #expect(reason == StoreError.neverMade || path == "/store", words)
        } catch {
            Issue.record("\(words): \(error)")
        }
    }

    /// Every set of files that may be missing from a used store.
    @Test(arguments: 0..<16)
    func missing(_ set: Int) async throws {
        let disk = try await usedDisk()
        let paths = [mainPath, walPath, markerPath, keyPath]
        let missing = paths.indices.filter { set >> $0 & 1 == 1 }.map { paths[$0] }
        for path in missing { disk[path] = nil }
        let before = paths.map { disk[$0] }
        switch missing {
        case [], [markerPath]:
            #expect(try await readAll(disk).get().rows.count == 6)
            #expect(disk[markerPath] != nil)
        case [mainPath, walPath, markerPath], paths:
            // Nothing tells that there was a store, except perhaps the key beside it.
            let store = try await Store.open(options(disk))
            #expect(store.report.isNew)
            await store.close()
        default:
            for mayCreate in [true, false] {
                do {
                    let store = try await Store.open(options(disk, mayCreate: mayCreate))
                    Issue.record("opened without \(missing)")
                    await store.close()
                } catch StoreError.missing(let path, let reason) {
                    #expect(missing.contains(path))
                    #expect(reason != StoreError.neverMade)
                }
            }
            #expect(paths.map { disk[$0] } == before)
        }
    }

    /// The log is there and empty: that is no new store either.
    @Test func anEmptiedLogWithoutAMarker() async throws {
        let disk = try await usedDisk()
        disk[markerPath] = nil
        for length in [0, try #require(disk[walPath]?.count)] {
            disk[walPath] = [UInt8](repeating: 0, count: length)
            await #expect(throws: StoreError.damaged(file: "store.db-wal", place: "byte 0: it is empty")) {
                _ = try await Store.open(options(disk))
            }
        }
    }

    /// A marker promises a first transaction.
    @Test func aLogThatLostItsOnlyTransaction() async throws {
        let disk = MemoryDisk()
        let key = try StoreKey.create(keyPath, random: SystemRandomSource(), fileSystem: disk)
        // Stopped after the log was made and before anything was in it; the marker is of another time.
        disk.state.withLock { $0.failSyncs = [walPath: 5] }
        await #expect(throws: StoreError.self) { _ = try await Store.open(options(disk)) }
        disk.state.withLock { $0.failSyncs = [:] }
        #expect(disk[mainPath] != nil && disk[walPath] != nil && disk[markerPath] == nil)
        disk[markerPath] = StoreMarker(chunks: 0).encoded(key)
        await #expect(throws: StoreError.self) { _ = try await Store.open(options(disk)) }
    }
}
