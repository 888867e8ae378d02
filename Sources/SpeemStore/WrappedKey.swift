public import SpeemCrypto

/// The key of a store, wrapped under a passphrase: what may be shown to anybody who must guess the passphrase.
///
/// A value of its own: a device unwraps what a locked node hands it, without store and file. 180 bytes:
///
///     "speem-wrapped-key-1\n" 20 | passes 4 | memory in KiB 4 | salt 16 | seal public key 32 | commitment 32 |
///     box: nonce 24, key 32, tag 16
///
/// Argon2id gives 64 bytes: the key of the box and the commitment. The box authenticates all that stands before it.
/// The commitment binds the passphrase: XChaCha20-Poly1305 alone opens one box under several keys, and who hands out
/// such a box could test many guesses with each answer.
public struct WrappedKey: Sendable, Equatable {
    /// What unwrapping costs.
    public let cost: Argon2id.Cost
    /// 16 bytes.
    public let salt: [UInt8]
    /// The public half of ``StoreKey/sealKeyPair``: what a node seals to while the store is locked.
    public let sealPublicKey: X25519.PublicKey
    private let commitment: [UInt8]
    private let box: [UInt8]

    /// The name of its file in the folder of the store.
    public static let fileName = "store.wrapped"
    /// Length of the encoding, in bytes.
    public static let encodedLength = magic.count + 4 + 4 + Argon2id.saltLength + 32 + 32 + boxLength
    private static let boxLength = StoreKey.length + XChaCha20Poly1305.overhead
    private static let magic = Array("speem-wrapped-key-1\n".utf8)

    /// Why a wrapped key cannot be used.
    public enum Failure: Error, Equatable, Sendable, CustomStringConvertible {
        /// It is no wrapped key, or one of a newer version of the program.
        case malformed
        /// It asks for more memory or time than ``WrappedKey/passes`` and ``WrappedKey/memory`` allow, or for less.
        case costOutOfBounds
        /// The passphrase is another one.
        case wrongPassphrase
        /// The passphrase is right, and the rest was altered.
        case altered
        /// The system has not the memory for it, in KiB.
        case outOfMemory(UInt32)

        public var description: String {
            switch self {
            case .malformed: "it is not a wrapped key that this program knows"
            case .costOutOfBounds: "it asks for more or less memory or time than this program allows"
            case .wrongPassphrase: "the passphrase is wrong"
            case .altered: "it was altered"
            case .outOfMemory(let memory): "unwrapping it takes \(memory / 1024) MiB of memory, which are not free"
            }
        }
    }

    /// Passes that are accepted.
    public static let passes: ClosedRange<UInt32> = 1...64
    /// Memory that is accepted, in KiB: 8 MiB to 256 MiB.
    public static let memory: ClosedRange<UInt32> = (8 << 10)...(256 << 10)
    /// Passes times memory, in KiB: about half a minute on a small board.
    private static let work: UInt32 = 4 << 20
    /// 32 MiB fit beside a node that may have 64; six passes over them take about a second on a Cortex-A53.
    public static let standardCost = Argon2id.Cost(passes: 6, memory: 32 << 10)

    /// Takes a wrapped key from its encoding; nothing of it is checked yet but form and cost.
    public init(_ encoded: [UInt8]) throws(Failure) {
        guard encoded.count == Self.encodedLength, encoded.starts(with: Self.magic) else { throw .malformed }
        var reader = ByteReader(encoded)
        let passes: UInt32
        let memory: UInt32
        do {
            _ = try reader.read(Self.magic.count)
            passes = try reader.readBigEndian(UInt32.self)
            memory = try reader.readBigEndian(UInt32.self)
            salt = try reader.read(Argon2id.saltLength)
            sealPublicKey = try X25519.PublicKey(try reader.read(X25519.length))
            commitment = try reader.read(Self.commitmentLength)
            box = try reader.read(Self.boxLength)
        } catch {
            throw .malformed
        }
        guard Self.passes.contains(passes), Self.memory.contains(memory),
            UInt64(passes) * UInt64(memory) <= UInt64(Self.work)
        else { throw .costOutOfBounds }
        cost = Argon2id.Cost(passes: passes, memory: memory)
    }

    /// Wraps `key` under `passphrase`, with a salt of its own.
    ///
    /// - Throws: ``Failure/outOfMemory(_:)``, and ``Failure/costOutOfBounds``.
    public init(
        wrapping key: StoreKey, passphrase: Passphrase, cost: Argon2id.Cost = WrappedKey.standardCost,
        random: some RandomSource
    ) throws(Failure) {
        let salt = random.bytes(Argon2id.saltLength)
        let sealPublicKey = key.sealKeyPair.publicKey
        let keys = try Self.keys(passphrase, salt: salt, cost: cost)
        let head = Self.head(cost: cost, salt: salt, sealPublicKey: sealPublicKey, commitment: keys.commitment)
        var text = key.secret.exposedCopy()
        defer { Wipe.zero(&text) }
        let box = XChaCha20Poly1305.seal(text, key: keys.box, associatedData: head, random: random)
        try self.init(head + box)
    }

    /// The key inside.
    ///
    /// - Parameter path: where the wrapped key lies, for what is said of the key later.
    public func unwrap(_ passphrase: Passphrase, path: String = WrappedKey.fileName) throws(Failure) -> StoreKey {
        let keys = try Self.keys(passphrase, salt: salt, cost: cost)
        guard ConstantTime.equal(keys.commitment, commitment) else { throw .wrongPassphrase }
        var text: [UInt8]
        do throws(CryptoError) {
            text = try XChaCha20Poly1305.open(box, key: keys.box, associatedData: head)
        } catch {
            throw .altered
        }
        defer { Wipe.zero(&text) }
        let key = StoreKey(secret: SecretBytes(text), path: path)
        guard key.sealKeyPair.publicKey == sealPublicKey else { throw .altered }
        return key
    }

    /// ``encodedLength`` bytes.
    public var encoded: [UInt8] { head + box }

    private static let commitmentLength = 32

    private var head: [UInt8] {
        Self.head(cost: cost, salt: salt, sealPublicKey: sealPublicKey, commitment: commitment)
    }

    private static func head(
        cost: Argon2id.Cost, salt: [UInt8], sealPublicKey: X25519.PublicKey, commitment: [UInt8]
    ) -> [UInt8] {
        magic + BigEndian.bytes(cost.passes) + BigEndian.bytes(cost.memory) + salt + sealPublicKey.bytes + commitment
    }

    private static func keys(
        _ passphrase: Passphrase, salt: [UInt8], cost: Argon2id.Cost
    ) throws(Failure) -> (box: SecretBytes, commitment: [UInt8]) {
        let length = XChaCha20Poly1305.keyLength
        let both: SecretBytes
        do throws(CryptoError) {
            both = try Argon2id.derive(
                passphrase: passphrase.secret, salt: salt, cost: cost, length: length + commitmentLength)
        } catch {
            throw .outOfMemory(cost.memory)
        }
        return (both.slice(0..<length), both.slice(length..<both.count).exposedCopy())
    }
}

extension WrappedKey {
    /// Reads the wrapped key of the store in `folder`.
    ///
    /// - Returns: nil when there is none.
    /// - Throws: ``StoreError/keyFile(path:reason:)`` for what is none.
    public static func load(
        folder: String, fileSystem: some FileSystem = PosixFileSystem()
    ) throws(StoreError) -> WrappedKey? {
        // After a rekey that a power cut interrupted the new one counts before it has its name.
        let path = try onDisk { () throws(FileError) in
            try RekeyFiles(folder: folder, fileSystem: fileSystem).current(Self.path(folder: folder))
        }
        // One byte more than needed, so that a longer file is refused.
        let bytes = try onDisk { () throws(FileError) in
            try fileSystem.readSmall(path, limit: encodedLength + 1)
        }
        guard let bytes else { return nil }
        do throws(Failure) {
            return try WrappedKey(bytes)
        } catch {
            throw .keyFile(path: path, reason: error.description)
        }
    }

    /// Writes it into `folder`, in the place of an earlier one; returns when it is on disk.
    func save(folder: String, name: String = fileName, fileSystem: some FileSystem) throws(StoreError) {
        try onDisk { () throws(FileError) in
            try fileSystem.makeFolder(folder)
            try fileSystem.writeSmall(folder + "/" + name, encoded, folder: folder)
        }
    }

    /// Where the wrapped key of the store in `folder` lies.
    public static func path(folder: String) -> String { folder + "/" + WrappedKey.fileName }
}
