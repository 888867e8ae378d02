import SpeemCrypto
import StoreTestTools
import Testing

@testable import SpeemStore

/// As cheap as is allowed.
let cheap = Argon2id.Cost(passes: 1, memory: 8 << 10)

func passphrase(_ text: String) throws -> Passphrase { try Passphrase(SecretBytes(Array(text.utf8))) }

func freshKey() -> StoreKey { StoreKey(secret: SystemRandomSource().secret(32), path: keyPath) }

struct WrappedKeyTests {
    private let key = freshKey()

    private func wrap(_ text: String = "open sesame") throws -> WrappedKey {
        try WrappedKey(
            wrapping: key, passphrase: try passphrase(text), cost: cheap, random: SystemRandomSource())
    }

    @Test func opensWithItsPassphraseOnly() throws {
        let wrapped = try WrappedKey(try wrap().encoded)
        let opened = try wrapped.unwrap(try passphrase("open sesame"), path: "/x")
        #expect(opened.secret == key.secret)
        #expect(opened.path == "/x")
        for wrong in ["open sesam", "open sesame ", "Open sesame", "x"] {
            #expect(throws: WrappedKey.Failure.wrongPassphrase) { _ = try wrapped.unwrap(try passphrase(wrong)) }
        }
    }

    @Test func showsThePublicKeyToSealTo() throws {
        let wrapped = try wrap()
        #expect(wrapped.sealPublicKey == key.sealKeyPair.publicKey)
        #expect(wrapped.sealPublicKey != freshKey().sealKeyPair.publicKey)
        let box = try SealedBox.seal([1, 2, 3], to: wrapped.sealPublicKey)
        let opened = try wrapped.unwrap(try passphrase("open sesame"))
        #expect(try SealedBox.open(box, with: opened.sealKeyPair) == [1, 2, 3])
    }

    @Test func neverTheSameTwice() throws {
        let (one, two) = (try wrap(), try wrap())
        #expect(one.salt != two.salt)
        #expect(one != two)
    }

    @Test func hasOneLengthAndNoOther() throws {
        let encoded = try wrap().encoded
        #expect(encoded.count == WrappedKey.encodedLength)
        #expect(WrappedKey.encodedLength == 180)
        #expect(try WrappedKey(encoded).encoded == encoded)
        for bytes in [[], Array(encoded.dropLast()), encoded + [0], Array(encoded.dropFirst())] {
            #expect(throws: WrappedKey.Failure.malformed) { _ = try WrappedKey(bytes) }
        }
    }

    /// Whoever alters a byte gets no key out of it, whatever else the passphrase says.
    @Test func everyByteCounts() throws {
        let encoded = try wrap().encoded
        let right = try passphrase("open sesame")
        for index in encoded.indices {
            var altered = encoded
            // The lowest bit: passes and memory stay in bounds or leave them, and cost little.
            altered[index] ^= 1
            #expect(throws: WrappedKey.Failure.self, "byte \(index)") { _ = try WrappedKey(altered).unwrap(right) }
        }
    }

    /// The seal key beside the key of another store: what is sealed to it would be somebody else's to read.
    @Test func anotherSealKeyIsFound() throws {
        var altered = try wrap().encoded
        altered.replaceSubrange(44..<76, with: freshKey().sealKeyPair.publicKey.bytes)
        let wrapped = try WrappedKey(altered)
        #expect(throws: WrappedKey.Failure.altered) { _ = try wrapped.unwrap(try passphrase("open sesame")) }
    }

    @Test(
        arguments: [
            (0, 32 << 10), (65, 32 << 10), (.max, .max), (1, 0), (1, (8 << 10) - 1), (1, (256 << 10) + 1), (1, .max),
            (64, 256 << 10), (17, 256 << 10),
        ] as [(UInt32, UInt32)])
    func aCostThatIsNoneIsRefusedBeforeItIsPaid(passes: UInt32, memory: UInt32) throws {
        var encoded = try wrap().encoded
        encoded.replaceSubrange(20..<24, with: BigEndian.bytes(passes))
        encoded.replaceSubrange(24..<28, with: BigEndian.bytes(memory))
        #expect(throws: WrappedKey.Failure.costOutOfBounds) { _ = try WrappedKey(encoded) }
    }

    @Test func theStandardCostIsAccepted() throws {
        let wrapped = try WrappedKey(
            wrapping: key, passphrase: try passphrase("a"), random: SystemRandomSource())
        #expect(wrapped.cost == WrappedKey.standardCost)
        // A node may have 64 MB, and a device beside it.
        #expect(wrapped.cost.memory <= 32 << 10)
        #expect(try wrapped.unwrap(try passphrase("a")).secret == key.secret)
    }

    // MARK: Its file

    @Test func isReadFromTheStoresFolder() throws {
        let disk = MemoryDisk()
        #expect(try WrappedKey.load(folder: "/store", fileSystem: disk) == nil)
        let wrapped = try wrap()
        try wrapped.save(folder: "/store", fileSystem: disk)
        #expect(disk["/store/store.wrapped"] == wrapped.encoded)
        #expect(try WrappedKey.load(folder: "/store", fileSystem: disk) == wrapped)
        for bytes in [wrapped.encoded + [0], [], [UInt8](repeating: 0x20, count: 100_000)] {
            disk["/store/store.wrapped"] = bytes
            let error = #expect(throws: StoreError.self) { _ = try WrappedKey.load(folder: "/store", fileSystem: disk) }
            guard case .keyFile("/store/store.wrapped", _) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
    }

    @Test func theSealKeyIsNeitherKeyNorPages() throws {
        #expect(key.sealKeyPair.secret != key.secret)
        #expect(key.sealKeyPair == key.sealKeyPair)
    }

    @Test func itsFailuresHaveWords() {
        let all: [WrappedKey.Failure] = [
            .malformed, .costOutOfBounds, .wrongPassphrase, .altered, .outOfMemory(32 << 10),
        ]
        #expect(Set(all.map(\.description)).count == all.count)
        #expect("\(WrappedKey.Failure.outOfMemory(32 << 10))".contains("32 MiB"))
    }
}
