import SpeemCrypto
import SpeemIdentity
import SpeemStore

/// Where a backup is read from.
protocol BackupSource {
    /// The next bytes: as many as are asked for, and fewer only at the end.
    mutating func read(_ count: Int) throws -> [UInt8]
}

/// Takes the bytes of a backup apart, record by record. Nothing that it returns may be trusted before the end has been read,
/// where the device's signature is.
struct BackupReader<Source: BackupSource> {
    struct Record: Sendable {
        let kind: BackupFormat.Kind
        /// Whoever is done with them wipes them.
        var bytes: [UInt8]
    }

    private var source: Source
    private let stream: SecretStream.Opener
    private let header: [UInt8]
    private var isFirst = true
    private var pending: [UInt8] = []
    private var offset = 0
    /// What the signature is over.
    private(set) var hash: [UInt8]
    /// Set once the last chunk was read.
    private(set) var signature: [UInt8]?
    /// Bytes that were read.
    private(set) var position: Int64 = 0

    /// Reads the header.
    ///
    /// - Throws: ``BackupError``.
    init(_ source: Source, account: AccountKey) throws {
        self.source = source
        header = try self.source.read(BackupFormat.headerLength)
        position = Int64(header.count)
        var reader = ByteReader(header)
        guard let magic = try? reader.read(BackupFormat.magic.count), magic == BackupFormat.magic else {
            throw BackupError.notABackup
        }
        guard let owner = try? reader.read(32), let box = try? reader.read(BackupFormat.sealedKeyLength),
            let start = try? reader.read(SecretStream.headerLength)
        else { throw BackupError.damaged("it ends in its header") }
        guard owner == account.publicKey.bytes else { throw BackupError.otherAccount }
        guard var key = try? SealedBox.open(box, with: account.sealKey) else {
            throw BackupError.damaged("its key does not open")
        }
        defer { Wipe.zero(&key) }
        stream = try SecretStream.Opener(key: SecretBytes(key), header: start)
        hash = BackupFormat.hash([], header)
    }

    /// The next record; nil behind the last one, when ``signature`` is set and the file has ended.
    ///
    /// - Throws: ``BackupError``.
    mutating func next() throws -> Record? {
        guard try fill(5) else {
            guard signature != nil, pending.count == offset else { throw BackupError.damaged("it ends too early") }
            return nil
        }
        var lead = ByteReader(Array(pending[offset..<(offset + 5)]))
        guard let kind = BackupFormat.Kind(rawValue: try lead.readByte()) else {
            throw BackupError.damaged("a record of unknown kind")
        }
        let count = Int(try lead.readBigEndian(UInt32.self))
        guard count <= BackupFormat.maxRecord else { throw BackupError.damaged("a record is too long") }
        guard try fill(5 + count) else { throw BackupError.damaged("it ends too early") }
        let bytes = Array(pending[(offset + 5)..<(offset + 5 + count)])
        offset += 5 + count
        return Record(kind: kind, bytes: bytes)
    }

    /// Opens chunks until `count` bytes are there.
    ///
    /// - Returns: false when the stream ends before.
    private mutating func fill(_ count: Int) throws -> Bool {
        while pending.count - offset < count {
            guard signature == nil else { return false }
            try readChunk()
        }
        return true
    }

    private mutating func readChunk() throws {
        let lead = try source.read(4)
        guard lead.count == 4 else { throw BackupError.damaged("it ends too early") }
        var reader = ByteReader(lead)
        let count = Int(try reader.readBigEndian(UInt32.self))
        guard (SecretStream.overhead...(BackupFormat.chunkBytes + SecretStream.overhead)).contains(count) else {
            throw BackupError.damaged("a chunk of a length that none has")
        }
        let sealed = try source.read(count)
        guard sealed.count == count else { throw BackupError.damaged("it ends too early") }
        position += Int64(4 + count)
        guard var opened = try? stream.open(sealed, associated: isFirst ? header : []) else {
            throw BackupError.damaged("a chunk is not what was written")
        }
        isFirst = false
        guard !opened.isLast else {
            guard opened.chunk.count == Ed25519.signatureLength else { throw BackupError.damaged("its signature") }
            signature = opened.chunk
            guard try source.read(1).isEmpty else { throw BackupError.damaged("something follows its end") }
            return
        }
        hash = BackupFormat.hash(hash, opened.chunk)
        var rest = Array(pending[offset...])
        Wipe.zero(&pending)
        rest += opened.chunk
        Wipe.zero(&opened.chunk)
        (pending, offset) = (rest, 0)
    }
}

/// A file, read from its beginning.
struct BackupFile: BackupSource {
    private let file: any StoreFile
    private var offset: Int64 = 0
    /// In bytes.
    let size: Int64

    /// - Throws: ``SpeemStore/FileError``.
    init(path: String) throws {
        file = try PosixFileSystem().openNamed(path)
        size = try file.size()
    }

    mutating func read(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        let (file, offset) = (file, offset)
        try bytes.withUnsafeMutableBytes { done = try file.read(into: $0, at: offset) }
        self.offset += Int64(done)
        bytes.removeLast(count - done)
        return bytes
    }

    func close() { file.close() }
}

/// What a whole backup turned out to be.
struct VerifiedBackup: Sendable {
    let manifest: BackupManifest
    /// The account's chain as the device knew it.
    let roster: Roster
    /// Of the whole stream: another pass must find the same.
    let hash: [UInt8]
    let rows: Int64

    /// Reads a backup to its end, and believes none of it before the signature there is that of a device of the account.
    ///
    /// - Throws: ``BackupError``.
    init(_ source: some BackupSource, account: AccountKey, onProgress: (Int64) -> Void = { _ in }) throws {
        var reader = try BackupReader(source, account: account)
        guard let first = try reader.next(), first.kind == .manifest else {
            throw BackupError.damaged("its first record")
        }
        manifest = try BackupManifest(first.bytes)
        var entries: [[UInt8]] = []
        var table: BackupTable?
        var rows: Int64 = 0
        var hasEnded = false
        while var record = try reader.next() {
            guard !hasEnded else { throw BackupError.damaged("something follows its end") }
            switch record.kind {
            case .manifest: throw BackupError.damaged("a second first record")
            case .rosterEntry:
                guard table == nil, entries.count < Roster.maxEntries else {
                    throw BackupError.damaged("its roster")
                }
                entries.append(record.bytes)
            case .table: table = try BackupTable(record.bytes)
            case .row:
                guard let table else { throw BackupError.damaged("a row of no table") }
                defer { Wipe.zero(&record.bytes) }
                _ = try BackupRow.decode(record.bytes, count: table.columns.count)
                rows += 1
            case .end:
                guard record.bytes.isEmpty else { throw BackupError.damaged("its end") }
                hasEnded = true
            }
            onProgress(reader.position)
        }
        guard hasEnded, let signature = reader.signature else { throw BackupError.damaged("it ends too early") }
        guard manifest.account == account.publicKey,
            let roster = try? Roster(verifying: entries, account: account.publicKey),
            let device = roster.device(manifest.device)
        else { throw BackupError.damaged("its roster") }
        do {
            try device.signing.verify(signature, of: reader.hash, domain: BackupFormat.domain)
        } catch {
            throw BackupError.damaged("no device of the account has signed it")
        }
        self.roster = roster
        self.rows = rows
        hash = reader.hash
    }
}
