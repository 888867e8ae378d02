import SpeemCrypto
import SpeemIdentity
import SpeemStore

/// Why a backup cannot be made or read.
public enum BackupError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file does not begin like a backup.
    case notABackup
    /// It was made for another account than the recovery words.
    case otherAccount
    /// It was cut, changed, or not made by a device of the account.
    case damaged(String)
    /// A newer program made it.
    case newer
    /// The file changed while it was read.
    case changed
    /// What is read is not the file that an interrupted restore began with.
    case otherBackup
    /// The data folder holds a device.
    case deviceIsThere
    /// Contacts and history are here, and no own node could be reached.
    case unreachable(String)

    public var description: String {
        switch self {
        case .notABackup: "this is no backup of a device"
        case .otherAccount: "the backup is of another account than these recovery words"
        case .damaged(let what): "the backup is damaged: \(what)"
        case .newer: "the backup was made by a newer speem than this one"
        case .changed: "the backup changed while it was read"
        case .otherBackup: "this folder holds the beginning of another backup's restore"
        case .deviceIsThere: "this data folder holds a device already"
        case .unreachable(let reason):
            "contacts and history are here, but the device could not be signed in at a node: \(reason)"
        }
    }

    /// What to do about it.
    public var hint: String? {
        switch self {
        case .notABackup: "name a file that speem backup has written"
        case .otherAccount: "check the words, and the file"
        case .damaged, .changed: "take another copy of the backup; nothing was restored"
        case .newer: "update speem"
        case .otherBackup: "go on with the file that it began with, or choose an empty data folder"
        case .deviceIsThere: "restore into an empty data folder; what is in this one stays as it is"
        case .unreachable: "run the same speem restore again when one of the account's nodes can be reached"
        }
    }
}

/// The layout of a backup: a header, and a stream of chunks that only the recovery words open.
///
///     "speem backup 1\n" | account 32 | the stream's key, sealed to the account's seal key 80 | stream header 24
///     chunks, each: length 4 | sealed chunk
///
/// The first chunk authenticates what is before it. The last one holds a signature of the device over all before it and
/// nothing else: whoever knows the account's public key could seal, but not sign.
enum BackupFormat {
    static let magic = Array("speem backup 1\n".utf8)
    static let headerLength = magic.count + 32 + sealedKeyLength + SecretStream.headerLength
    static let sealedKeyLength = SecretStream.keyLength + SealedBox.overhead
    /// Bytes in a chunk before it is sealed.
    static let chunkBytes = 64 * 1024
    /// Bytes of a record at the most: the longest row is a body on its way.
    static let maxRecord = 512 * 1024
    static let domain = DomainSeparator("backup")

    /// What the signature is over so far: of the header, and then of each chunk behind what was before.
    static func hash(_ before: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
        BLAKE2b.hash(domain: DomainSeparator("backup chunk"), before, bytes)
    }

    /// What a record is about.
    enum Kind: UInt8 {
        /// First of all.
        case manifest = 1
        /// An entry of the account's chain, oldest first.
        case rosterEntry = 2
        /// The table and columns of the rows that follow.
        case table = 3
        case row = 4
        /// Nothing follows but the signature.
        case end = 5
    }
}

/// What a backup says of itself.
struct BackupManifest: Sendable, Equatable {
    /// Of the store's tables: see ``DeviceSchema``.
    static let schema: UInt32 = 1

    var schema = Self.schema
    let account: AccountPublicKey
    let device: DeviceID
    /// The clock of the device, Unix milliseconds.
    let made: Int64
    /// About how many rows follow: for showing progress only.
    let rows: Int64

    var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.write(bigEndian: schema)
        writer.write(account.bytes)
        writer.write(device.bytes)
        writer.write(bigEndian: UInt64(clamping: made))
        writer.write(bigEndian: UInt64(clamping: rows))
        return writer.bytes
    }

    init(account: AccountPublicKey, device: DeviceID, made: Int64, rows: Int64) {
        (self.account, self.device, self.made, self.rows) = (account, device, made, rows)
    }

    /// - Throws: ``BackupError/damaged(_:)``, ``BackupError/newer``.
    init(_ bytes: [UInt8]) throws {
        var reader = ByteReader(bytes)
        do {
            schema = try reader.readBigEndian(UInt32.self)
            guard schema <= Self.schema else { throw BackupError.newer }
            account = try AccountPublicKey(try reader.read(32))
            device = try DeviceID(try reader.read(DeviceID.length))
            made = Int64(clamping: try reader.readBigEndian(UInt64.self))
            rows = Int64(clamping: try reader.readBigEndian(UInt64.self))
        } catch is ByteReader.Truncated {
            throw BackupError.damaged("its first record")
        }
        guard reader.remaining == 0 else { throw BackupError.damaged("its first record") }
    }
}

/// Rows as a backup has them: each value behind a byte for its type.
enum BackupRow {
    private enum Tag: UInt8 {
        case null = 0
        case integer = 1
        case text = 2
        case blob = 3
    }

    static func encode(_ values: [Value]) -> [UInt8] {
        var writer = ByteWriter()
        for value in values {
            switch value {
            case .null: writer.write(Tag.null.rawValue)
            case .integer(let integer):
                writer.write(Tag.integer.rawValue)
                writer.write(bigEndian: UInt64(bitPattern: integer))
            case .text(let text):
                let bytes = Array(text.utf8)
                writer.write(Tag.text.rawValue)
                writer.write(bigEndian: UInt32(clamping: bytes.count))
                writer.write(bytes)
            case .blob(let bytes):
                writer.write(Tag.blob.rawValue)
                writer.write(bigEndian: UInt32(clamping: bytes.count))
                writer.write(bytes)
            case .secret(let secret):
                var bytes = secret.exposedCopy()
                writer.write(Tag.blob.rawValue)
                writer.write(bigEndian: UInt32(clamping: bytes.count))
                writer.write(bytes)
                Wipe.zero(&bytes)
            }
        }
        return writer.bytes
    }

    /// - Throws: ``BackupError/damaged(_:)`` for anything but `count` values.
    static func decode(_ bytes: [UInt8], count: Int) throws -> [Value] {
        var reader = ByteReader(bytes)
        do {
            let values: [Value] = try (0..<count).map { _ in
                switch Tag(rawValue: try reader.readByte()) {
                case .null: return .null
                case .integer: return .integer(Int64(bitPattern: try reader.readBigEndian(UInt64.self)))
                case .text:
                    let bytes = try reader.read(Int(try reader.readBigEndian(UInt32.self)))
                    guard let text = String(validating: bytes, as: UTF8.self) else {
                        throw BackupError.damaged("a row")
                    }
                    return .text(text)
                case .blob: return .secret(try reader.readSecret(Int(try reader.readBigEndian(UInt32.self))))
                case nil: throw BackupError.damaged("a row")
                }
            }
            guard reader.remaining == 0 else { throw BackupError.damaged("a row") }
            return values
        } catch is ByteReader.Truncated {
            throw BackupError.damaged("a row")
        }
    }
}

/// The name of a table and of its columns, as a record.
struct BackupTable: Sendable, Equatable {
    private static let maxColumns = 64
    private static let maxNameBytes = 64

    let name: String
    let columns: [String]

    init(name: String, columns: [String]) {
        self.name = name
        self.columns = columns
    }

    var encoded: [UInt8] {
        var writer = ByteWriter()
        for part in [name] + columns { writer.write(lengthPrefixed: Array(part.utf8)) }
        return writer.bytes
    }

    /// - Throws: ``BackupError/damaged(_:)`` for names that no table of ours has.
    init(_ bytes: [UInt8]) throws {
        var reader = ByteReader(bytes)
        var names: [String] = []
        while reader.remaining > 0 {
            guard names.count <= Self.maxColumns,
                let part = try? reader.readLengthPrefixed(limit: Self.maxNameBytes), !part.isEmpty,
                part.allSatisfy({ (0x61...0x7a).contains($0) || $0 == 0x5f })
            else { throw BackupError.damaged("a table's names") }
            names.append(String(decoding: part, as: UTF8.self))
        }
        guard names.count >= 2, Set(names.dropFirst()).count == names.count - 1 else {
            throw BackupError.damaged("a table's names")
        }
        name = names[0]
        columns = Array(names.dropFirst())
    }
}
