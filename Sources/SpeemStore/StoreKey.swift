public import SpeemCrypto

/// The key of a store.
///
/// Its file is one line of text: "speem-store-key-1", the 32 bytes in hexadecimal, and the first 4 bytes of their BLAKE2b, so that
/// a mistyped copy is told from a wrong key. With the file beside the store it protects nothing from a thief of both.
public struct StoreKey: Sendable {
    /// 32 bytes.
    public let secret: SecretBytes
    /// The file it came from: of the key, the wrapped key or the credential.
    public let path: String

    /// Length of the key, in bytes.
    public static let length = 32
    private static let magic = "speem-store-key-1"
    private static let fileLimit = 256

    public init(secret: SecretBytes, path: String) {
        precondition(secret.count == Self.length, "a store key has 32 bytes")
        self.secret = secret
        self.path = path
    }

    /// What a node seals to while its store is locked: the public half is in clear in the wrapped key.
    public var sealKeyPair: X25519.PrivateKey {
        let secret = HKDF.derive(secret: secret, info: DomainSeparator("store seal").bytes, length: X25519.length)
        do throws(CryptoError) {
            return try X25519.PrivateKey(secret)
        } catch {
            preconditionFailure("HKDF gives the length that is asked for")
        }
    }

    /// Reads the key file.
    ///
    /// - Returns: nil when there is none.
    /// - Throws: ``StoreError/keyFile(path:reason:)`` when others may read it, it is not a key file, or was mistyped.
    public static func load(
        _ path: String, fileSystem: some FileSystem = PosixFileSystem()
    ) throws(StoreError) -> StoreKey? {
        guard var bytes = try onDisk({ () throws(FileError) in try fileSystem.readSmall(path, limit: fileLimit) })
        else { return nil }
        defer { Wipe.zero(&bytes) }
        let (mode, isOwn) = try onDisk { () throws(FileError) in try fileSystem.permissions(path) }
        if mode & 0o077 != 0 {
            throw .keyFile(
                path: path, reason: "others may read it (mode 0\(String(mode, radix: 8))): run chmod 600 \(path)")
        }
        guard isOwn else { throw .keyFile(path: path, reason: "it belongs to another user") }
        guard let secret = parse(bytes) else {
            throw .keyFile(path: path, reason: "it is not a speem key file, or was altered")
        }
        return StoreKey(secret: secret, path: path)
    }

    /// Reads a credential that the service manager has put into a folder of its own: the text of a key file, or the 32
    /// bytes themselves. Who may read it is the service manager's to say.
    ///
    /// - Throws: ``StoreError/missing(path:reason:)``, ``StoreError/keyFile(path:reason:)``.
    public static func loadCredential(
        _ path: String, fileSystem: some FileSystem = PosixFileSystem()
    ) throws(StoreError) -> StoreKey {
        guard var bytes = try onDisk({ () throws(FileError) in try fileSystem.readSmall(path, limit: fileLimit) })
        else { throw .missing(path: path, reason: "the service manager has put no such credential there") }
        defer { Wipe.zero(&bytes) }
        guard let secret = bytes.count == length ? SecretBytes(bytes) : parse(bytes) else {
            throw .keyFile(path: path, reason: "it is neither the text of a speem key file nor \(length) bytes")
        }
        return StoreKey(secret: secret, path: path)
    }

    /// Makes a key and its file, with mode 0600.
    public static func create(
        _ path: String, random: some RandomSource, fileSystem: some FileSystem = PosixFileSystem()
    ) throws(StoreError) -> StoreKey {
        let key = StoreKey(secret: random.secret(length), path: path)
        try key.save(path, fileSystem: fileSystem)
        return key
    }

    /// Writes the key file, with mode 0600, in the place of an earlier one; returns when it is on disk.
    func save(_ path: String, fileSystem: some FileSystem) throws(StoreError) {
        var text = text.exposedCopy()
        defer { Wipe.zero(&text) }
        try onDisk { () throws(FileError) in
            try fileSystem.makeFolder(Self.folder(of: path))
            try fileSystem.writeSmall(path, text, folder: Self.folder(of: path))
        }
    }

    /// The text of its file.
    public var text: SecretBytes {
        var writer = SecretWriter()
        writer.write(Array("\(Self.magic) ".utf8))
        writer.write(Hex.encode(secret))
        writer.write(Array(" \(Self.checksum(secret))\n".utf8))
        return writer.encoded
    }

    private static func parse(_ bytes: [UInt8]) -> SecretBytes? {
        // Slices, so that no copy of the text is made that nobody wipes.
        let line = bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...]
        let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard words.count == 3, words[0].elementsEqual(magic.utf8), let secret = Hex.decodeSecret(words[1]),
            secret.count == length, words[2].elementsEqual(checksum(secret).utf8)
        else { return nil }
        return secret
    }

    private static func checksum(_ secret: SecretBytes) -> String {
        let label = BLAKE2b.hash(DomainSeparator("store key checksum").bytes, key: secret, length: 16)
        return Hex.encode(label[..<4])
    }

    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
