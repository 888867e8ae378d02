import SpeemCrypto
import SpeemStore
import Synchronization

/// The node's own files beside a store with a passphrase: `machine.access`, encrypted and authenticated under
/// `machine.key`, which the first start makes.
///
/// Who steals both can be taken for the locked node and knows the list of grants; the store stays shut. 24 bytes
/// "speem-machine-1\n" and zeros, then nonce, ``MachineRecord``, tag.
final class MachineFile: Sendable {
    let folder: String
    let fileSystem: any FileSystem
    private let random: any RandomSource
    /// Digests of what is on disk, with and without counters; nil when it is not known.
    private let written = Mutex<(whole: [UInt8], settled: [UInt8])?>(nil)

    private static let magic = Array("speem-machine-1\n".utf8) + [UInt8](repeating: 0, count: 8)
    /// Bytes: all grants and invites that a node can have, generously.
    private static let limit = 16 << 20

    var keyPath: String { folder + "/machine.key" }
    var path: String { folder + "/machine.access" }

    init(folder: String, fileSystem: any FileSystem, random: any RandomSource = SystemRandomSource()) {
        self.folder = folder
        self.fileSystem = fileSystem
        self.random = random
    }

    /// - Returns: nil when there is none: the node was never unlocked with a passphrase before.
    /// - Throws: ``SpeemStore/StoreError``.
    func read() throws -> MachineRecord? {
        guard let bytes = try onDisk({ () throws(FileError) in try fileSystem.readSmall(path, limit: Self.limit) })
        else { return nil }
        guard let key = try StoreKey.load(keyPath, fileSystem: fileSystem) else {
            throw StoreError.missing(path: keyPath, reason: "without it \(path) cannot be read")
        }
        guard bytes.starts(with: Self.magic),
            var plain = try? XChaCha20Poly1305.open(
                Array(bytes[Self.magic.count...]), key: key.secret, associatedData: Self.magic)
        else { throw StoreError.damaged(file: "machine.access", place: "it does not belong to machine.key") }
        defer { Wipe.zero(&plain) }
        do {
            return try MachineRecord(SecretBytes(plain))
        } catch {
            throw StoreError.damaged(file: "machine.access", place: "\(error)")
        }
    }

    /// Writes the record, and returns when it is in its place on disk. Does nothing when the same is there already.
    ///
    /// - Parameter counters: whether a difference in counters alone is worth it.
    /// - Throws: ``SpeemStore/StoreError``.
    func write(_ record: MachineRecord, counters: Bool) throws(StoreError) {
        let digests = (whole: Self.digest(record.encoded()), settled: Self.digest(record.encoded(counters: false)))
        let isKnown = written.withLock { written in
            guard let written else { return false }
            return counters ? written.whole == digests.whole : written.settled == digests.settled
        }
        guard !isKnown else { return }
        let key: StoreKey
        if let known = try StoreKey.load(keyPath, fileSystem: fileSystem) {
            key = known
        } else {
            key = try StoreKey.create(keyPath, random: random, fileSystem: fileSystem)
        }
        var plain = record.encoded().exposedCopy()
        defer { Wipe.zero(&plain) }
        let box = XChaCha20Poly1305.seal(plain, key: key.secret, associatedData: Self.magic, random: random)
        written.withLock { $0 = nil }
        try onDisk { () throws(FileError) in
            try fileSystem.makeFolder(folder)
            try fileSystem.writeSmall(path, Self.magic + box, folder: folder)
        }
        written.withLock { $0 = digests }
    }

    /// Removes both: the store is not locked at boot any more.
    func remove() throws(StoreError) {
        try onDisk { () throws(FileError) in
            var isChanged = false
            for path in [path, path + ".new", keyPath] where try fileSystem.exists(path) {
                try fileSystem.remove(path)
                isChanged = true
            }
            if isChanged { try fileSystem.syncFolder(folder) }
        }
    }

    private static func digest(_ bytes: SecretBytes) -> [UInt8] {
        var copy = bytes.exposedCopy()
        defer { Wipe.zero(&copy) }
        return BLAKE2b.hash(domain: DomainSeparator("machine record"), copy)
    }
}
