import SpeemCrypto
import SpeemIdentity

/// Turns records into the bytes of a backup. What it holds never grows with the backup.
struct BackupWriter {
    private let stream: SecretStream.Sealer
    private let header: [UInt8]
    private var isFirst = true
    private var pending: [UInt8] = []
    private var hash: [UInt8]
    /// Sealed, and not taken yet.
    private var output: [UInt8]

    /// - Throws: ``SpeemCrypto/CryptoError/weakPublicKey`` for a key that no account has.
    init(account: AccountPublicKey, random: some RandomSource) throws {
        let key = random.secret(SecretStream.keyLength)
        stream = try SecretStream.Sealer(key: key)
        var copy = key.exposedCopy()
        defer { Wipe.zero(&copy) }
        header =
            BackupFormat.magic + account.bytes + (try SealedBox.seal(copy, to: try account.sealKey)) + stream.header
        hash = BackupFormat.hash([], header)
        output = header
        pending.reserveCapacity(BackupFormat.chunkBytes)
    }

    /// Adds a record, whose bytes are wiped.
    mutating func write(_ kind: BackupFormat.Kind, _ record: consuming [UInt8]) {
        precondition(record.count <= BackupFormat.maxRecord, "a record of our own is too long")
        append([kind.rawValue] + BigEndian.bytes(UInt32(clamping: record.count)))
        append(record)
        Wipe.zero(&record)
    }

    /// What is ready to be written to the file.
    mutating func take() -> [UInt8] {
        defer { output = [] }
        return output
    }

    /// The last record, and the signature.
    mutating func finish(signing key: Ed25519.PrivateKey) {
        write(.end, [])
        if !pending.isEmpty { seal() }
        output += sealed(key.sign(hash, domain: BackupFormat.domain), isLast: true)
    }

    private mutating func append(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest.prefix(BackupFormat.chunkBytes - pending.count)
            pending += part
            rest = rest.dropFirst(part.count)
            if pending.count == BackupFormat.chunkBytes { seal() }
        }
    }

    private mutating func seal() {
        hash = BackupFormat.hash(hash, pending)
        output += sealed(pending, isLast: false)
        Wipe.zero(&pending)
        pending.removeAll(keepingCapacity: true)
    }

    private mutating func sealed(_ chunk: [UInt8], isLast: Bool) -> [UInt8] {
        defer { isFirst = false }
        let bytes = stream.seal(chunk, associated: isFirst ? header : [], isLast: isLast)
        return BigEndian.bytes(UInt32(clamping: bytes.count)) + bytes
    }
}
