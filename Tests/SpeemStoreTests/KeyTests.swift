import SpeemCrypto
import StoreTestTools
import Testing

@testable import SpeemStore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

struct KeyTests {
    @Test func isMadeOnceAndReadAgain() throws {
        let disk = MemoryDisk()
        #expect(try StoreKey.load(keyPath, fileSystem: disk) == nil)
        let made = try StoreKey.create(keyPath, random: SystemRandomSource(), fileSystem: disk)
        let read = try #require(try StoreKey.load(keyPath, fileSystem: disk))
        #expect(made.secret == read.secret)
        #expect(read.secret.count == StoreKey.length)
        let text = String(decoding: try #require(disk[keyPath]), as: UTF8.self)
        #expect(text.hasPrefix("speem-store-key-1 ") && text.hasSuffix("\n"))
    }

    @Test func everyMistypedCharacterIsFound() throws {
        let disk = MemoryDisk()
        _ = try StoreKey.create(keyPath, random: SystemRandomSource(), fileSystem: disk)
        let text = try #require(disk[keyPath])
        for index in text.indices.dropLast() {
            let copy = disk.copy()
            copy[keyPath]?[index] ^= 1
            #expect(throws: StoreError.self, "character \(index)") { _ = try StoreKey.load(keyPath, fileSystem: copy) }
            copy[keyPath] = Array(text[..<index])
            #expect(throws: StoreError.self, "cut at \(index)") { _ = try StoreKey.load(keyPath, fileSystem: copy) }
        }
        disk[keyPath] = [UInt8](repeating: 0x20, count: 100_000)
        #expect(throws: StoreError.self) { _ = try StoreKey.load(keyPath, fileSystem: disk) }
    }

    @Test(arguments: [0o640, 0o604, 0o660, 0o777] as [UInt32])
    func aKeyThatOthersMayReadIsRefused(mode: UInt32) throws {
        let path = "/tmp/speem-key-\(UInt64.random(in: 0 ... .max))"
        defer { unlink(path) }
        _ = try StoreKey.create(path, random: SystemRandomSource())
        #expect(try PosixFileSystem().permissions(path).mode == 0o600)
        chmod(path, mode_t(mode))
        let error = #expect(throws: StoreError.self) { _ = try StoreKey.load(path) }
        #expect("\(String(describing: error))".contains("others may read it"))
        chmod(path, 0o600)
        #expect(try StoreKey.load(path) != nil)
    }

    @Test func aLinkIsNotFollowed() throws {
        let path = "/tmp/speem-key-\(UInt64.random(in: 0 ... .max))"
        defer { unlink(path) }
        symlink("/etc/hostname", path)
        #expect(throws: StoreError.self) { _ = try StoreKey.load(path) }
    }

    // MARK: Credentials

    private let credential = "/run/credentials/speem-store-key"

    @Test func aCredentialIsTextOrBytes() throws {
        let disk = MemoryDisk()
        let key = try StoreKey.create(credential, random: SystemRandomSource(), fileSystem: disk)
        #expect(try StoreKey.loadCredential(credential, fileSystem: disk).secret == key.secret)
        #expect(key.text.exposedCopy() == disk[credential])
        disk[credential] = key.secret.exposedCopy()
        let raw = try StoreKey.loadCredential(credential, fileSystem: disk)
        #expect(raw.secret == key.secret && raw.path == credential)
    }

    @Test func anythingElseIsNoCredential() throws {
        let disk = MemoryDisk()
        #expect(throws: StoreError.self) { _ = try StoreKey.loadCredential(credential, fileSystem: disk) }
        for count in [0, 31, 33, 64, 4096] {
            disk[credential] = [UInt8](repeating: 0x61, count: count)
            #expect(throws: StoreError.self) { _ = try StoreKey.loadCredential(credential, fileSystem: disk) }
        }
    }

    /// systemd gives credentials to a service that it neither owns nor may write.
    @Test func aCredentialNeedsNoMoreThanReading() throws {
        let path = "/tmp/speem-credential-\(UInt64.random(in: 0 ... .max))"
        defer { unlink(path) }
        let key = try StoreKey.create(path, random: SystemRandomSource())
        chmod(path, 0o440)
        #expect(try StoreKey.loadCredential(path).secret == key.secret)
    }

    @Test func aStoreOpensWithAKeyThatItsCallerHas() async throws {
        let disk = MemoryDisk()
        var given = options(disk)
        given.key = .key(freshKey())
        let store = try await Store.open(given)
        #expect(store.report.isNew)
        await store.close()
        #expect(disk[keyPath] == nil)
        let again = try await Store.open(given)
        #expect(!again.report.isNew)
        await again.close()
        given.key = .key(freshKey())
        await #expect(throws: StoreError.wrongKey(path: keyPath)) { _ = try await Store.open(given) }
        // What tells that there was a store counts with every key.
        disk[mainPath] = nil
        await #expect(throws: StoreError.self) { _ = try await Store.open(given) }
    }

    @Test func aWrongKeySaysSo() async throws {
        let disk = try await usedDisk()
        let other = try await usedDisk()
        disk[keyPath] = other[keyPath]
        await #expect(throws: StoreError.wrongKey(path: keyPath)) { _ = try await Store.open(options(disk)) }
        // Without the marker, too.
        disk[markerPath] = nil
        await #expect(throws: StoreError.wrongKey(path: keyPath)) { _ = try await Store.open(options(disk)) }
    }

    @Test func aKeyElsewhereWithoutItsStoreMakesNoNewOne() async throws {
        let disk = MemoryDisk()
        var elsewhere = options(disk)
        elsewhere.key = .file("/usb/store.key")
        let store = try await Store.open(elsewhere)
        await store.close()
        for path in [mainPath, walPath, markerPath] { disk[path] = nil }
        await #expect(throws: StoreError.self) { _ = try await Store.open(elsewhere) }
    }

    @Test func withoutLeaveToMakeOneNothingIsMade() async throws {
        let disk = MemoryDisk()
        await #expect(throws: StoreError.missing(path: mainPath, reason: StoreError.neverMade)) {
            _ = try await Store.open(options(disk, mayCreate: false))
        }
        #expect(disk[keyPath] == nil && disk[mainPath] == nil)
    }
}

/// Whether the folder was empty; it is gone then.
func rmdirIsPossible(_ path: String) -> Bool { rmdir(path) == 0 }
