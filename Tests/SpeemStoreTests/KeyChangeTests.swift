import SpeemCrypto
import Synchronization
import StoreTestTools
import Testing

@testable import SpeemStore

let wrappedPath = "/store/store.wrapped"

func change(_ disk: any FileSystem) throws -> KeyChange { try KeyChange(folder: "/store", fileSystem: disk) }

/// Opens the store of `disk` with a passphrase.
func open(_ disk: MemoryDisk, _ words: String, mayCreate: Bool = false) async throws -> Store {
    let wrapped = try #require(try WrappedKey.load(folder: "/store", fileSystem: disk))
    var options = options(disk, mayCreate: mayCreate)
    options.key = .key(try wrapped.unwrap(try passphrase(words), path: wrappedPath))
    return try await Store.open(options)
}

struct KeyChangeTests {
    @Test func theFirstPassphraseTakesTheKeyFilesPlace() async throws {
        let disk = try await usedDisk()
        let done = try change(disk).setPassphrase(try passphrase("one"), keyFile: keyPath, cost: cheap)
        #expect(done == .existing(keyFile: keyPath))
        #expect(disk[keyPath] == nil)
        let store = try await open(disk, "one")
        #expect(try await store.batches().count == 6)
        await store.close()
        await #expect(throws: WrappedKey.Failure.wrongPassphrase) { _ = try await open(disk, "two") }
        // The configuration still says file: no new identity, and the reason.
        await #expect(throws: StoreError.missing(path: keyPath, reason: StoreError.hasPassphrase)) {
            _ = try await Store.open(options(disk))
        }
        #expect(disk[keyPath] == nil)
    }

    @Test func aSecondFirstOneIsRefused() async throws {
        let disk = try await usedDisk()
        _ = try change(disk).setPassphrase(try passphrase("one"), keyFile: keyPath, cost: cheap)
        let before = disk[wrappedPath]
        #expect(throws: StoreError.self) {
            _ = try change(disk).setPassphrase(try passphrase("two"), keyFile: keyPath, cost: cheap)
        }
        #expect(disk[wrappedPath] == before)
    }

    @Test func aStoreThatIsNotThereYetGetsAKey() async throws {
        let disk = MemoryDisk()
        #expect(
            try change(disk).setPassphrase(try passphrase("one"), keyFile: keyPath, cost: cheap) == .newStore)
        #expect(disk[keyPath] == nil)
        let store = try await open(disk, "one", mayCreate: true)
        #expect(store.report.isNew)
        await store.close()
        let again = try await open(disk, "one")
        #expect(!again.report.isNew)
        await again.close()
    }

    @Test func aStoreWithoutItsKeyGetsNoOther() async throws {
        let disk = try await usedDisk()
        disk[keyPath] = nil
        #expect(throws: StoreError.self) {
            _ = try change(disk).setPassphrase(try passphrase("one"), keyFile: keyPath, cost: cheap)
        }
        #expect(disk[wrappedPath] == nil)
    }

    @Test func aChangeRewrapsTheSameKey() async throws {
        let disk = try await usedDisk()
        _ = try change(disk).setPassphrase(try passphrase("one"), keyFile: keyPath, cost: cheap)
        let old = try #require(try WrappedKey.load(folder: "/store", fileSystem: disk))
        try change(disk).changePassphrase(
            old, from: try passphrase("one"), to: try passphrase("two"), keyFile: keyPath, cost: cheap)
        let new = try #require(try WrappedKey.load(folder: "/store", fileSystem: disk))
        #expect(new.salt != old.salt)
        #expect(new.sealPublicKey == old.sealPublicKey)
        await #expect(throws: WrappedKey.Failure.wrongPassphrase) { _ = try await open(disk, "one") }
        let store = try await open(disk, "two")
        #expect(try await store.batches().count == 6)
        await store.close()
        // A copy of the old one opens the same store: that is what rekey is for.
        #expect(try old.unwrap(try passphrase("one")).secret == new.unwrap(try passphrase("two")).secret)
    }

    @Test func aWrongPassphraseChangesNothing() async throws {
        let disk = try await usedDisk()
        _ = try change(disk).setPassphrase(try passphrase("one"), keyFile: keyPath, cost: cheap)
        let old = try #require(try WrappedKey.load(folder: "/store", fileSystem: disk))
        let operations = disk.operations
        #expect(throws: WrappedKey.Failure.wrongPassphrase) {
            try change(disk).changePassphrase(
                old, from: try passphrase("two"), to: try passphrase("two"), keyFile: keyPath, cost: cheap)
        }
        #expect(disk.operations == operations)
    }

    /// Between the wrapped key and the removal of the key file the power may go.
    @Test func aKeyFileThatWasLeftGoesWithTheNextChange() async throws {
        let disk = try await usedDisk()
        let file = disk[keyPath]
        _ = try change(disk).setPassphrase(try passphrase("one"), keyFile: keyPath, cost: cheap)
        disk[keyPath] = file
        let old = try #require(try WrappedKey.load(folder: "/store", fileSystem: disk))
        try change(disk).changePassphrase(
            old, from: try passphrase("one"), to: try passphrase("two"), keyFile: keyPath, cost: cheap)
        #expect(disk[keyPath] == nil)
        // The key of something else stays.
        let other = try StoreKey.create(keyPath, random: SystemRandomSource(), fileSystem: disk)
        let now = try #require(try WrappedKey.load(folder: "/store", fileSystem: disk))
        try change(disk).changePassphrase(
            now, from: try passphrase("two"), to: try passphrase("one"), keyFile: keyPath, cost: cheap)
        #expect(try StoreKey.load(keyPath, fileSystem: disk)?.secret == other.secret)
    }

    @Test func twoChangesDoNotMeet() async throws {
        let disk = try await usedDisk()
        let one = try change(disk)
        #expect(throws: StoreError.inUse(folder: "/store")) { _ = try change(disk) }
        withExtendedLifetime(one) {}
    }

    @Test func aRunningStoreGoesOn() async throws {
        let disk = try await usedDisk()
        let store = try await Store.open(options(disk))
        _ = try change(disk).setPassphrase(try passphrase("one"), keyFile: keyPath, cost: cheap)
        try await store.add(batch: 77)
        await store.close()
        let again = try await open(disk, "one")
        #expect(try await again.batches()[77] == 1)
        await again.close()
    }

    /// Power cuts at every operation: the store opens with the key file or with the passphrase.
    @Test func atEveryOperation() async throws {
        let whole = try await usedDisk()
        let trial = whole.copy()
        _ = try change(trial).setPassphrase(try passphrase("one"), keyFile: keyPath, cost: cheap)
        for failAt in 0...trial.operations {
            let disk = whole.copy()
            disk.state.withLock { $0.failAt = failAt }
            _ = try? change(disk).setPassphrase(try passphrase("one"), keyFile: keyPath, cost: cheap)
            for seed in 0..<4 as Range<UInt64> {
                let found = disk.afterPowerCut(seed: UInt64(failAt) * 10 + seed)
                if found[wrappedPath] != nil {
                    let store = try await open(found, "one")
                    #expect(try await store.batches().count == 6)
                    await store.close()
                } else {
                    let store = try await Store.open(options(found, mayCreate: false))
                    #expect(try await store.batches().count == 6)
                    await store.close()
                }
            }
        }
    }
}
