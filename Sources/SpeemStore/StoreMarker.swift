import SpeemCrypto

/// `initialised`, the marker of a store: one line with what must not be asked of the store's own files.
///
/// It is written after the first transaction of a new store. From then on a missing store, log or key is an error and
/// never a reason to make a new one, and a log shorter than it says was cut.
struct StoreMarker: Equatable {
    /// The chunks that the log has at least.
    var chunks: UInt64

    private static let magic = "speem-store-2"
    /// Bytes that are read of the file, far more than it has.
    static let limit = 256

    enum Failure: Error, Equatable {
        case wrongKey
        case damaged
    }

    init(chunks: UInt64) { self.chunks = chunks }

    init(_ bytes: [UInt8], key: StoreKey) throws(Failure) {
        let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: { $0 == " " || $0 == "\n" })
        guard words.count == 4, words[0] == Self.magic, let check = Hex.decode(words[1]), let chunks = UInt64(words[2]),
            let code = Hex.decode(words[3])
        else { throw .damaged }
        guard ConstantTime.equal(check, Self.keyCheck(key)) else { throw .wrongKey }
        guard ConstantTime.equal(code, Self.code(chunks, key)) else { throw .damaged }
        self.chunks = chunks
    }

    func encoded(_ key: StoreKey) -> [UInt8] {
        let words = [
            Self.magic, Hex.encode(Self.keyCheck(key)), "\(chunks)", Hex.encode(Self.code(chunks, key)),
        ]
        return Array((words.joined(separator: " ") + "\n").utf8)
    }

    /// Tells a wrong key from damage; says nothing about the key otherwise. 16 bytes.
    private static func keyCheck(_ key: StoreKey) -> [UInt8] {
        BLAKE2b.hash(DomainSeparator("store key check").bytes, key: key.secret, length: 16)
    }

    /// Authenticates the number. 32 bytes.
    private static func code(_ chunks: UInt64, _ key: StoreKey) -> [UInt8] {
        BLAKE2b.hash(
            DomainSeparator("store log size").bytes, BigEndian.bytes(chunks), key: key.secret, length: 32)
    }
}
