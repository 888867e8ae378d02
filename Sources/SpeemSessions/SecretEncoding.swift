import SpeemCrypto

/// Builds an encoding that holds secrets, in memory that wipes itself: no copy of a key stays behind in a freed array.
struct SecretWriter {
    private enum Field {
        case open([UInt8])
        case secret(SecretBytes)
    }

    private var fields: [Field] = []
    private var count = 0

    mutating func write(_ byte: UInt8) { write([byte]) }

    /// Appends bytes that need no wiping.
    mutating func write(_ bytes: [UInt8]) {
        fields.append(.open(bytes))
        count += bytes.count
    }

    mutating func write(_ secret: SecretBytes) {
        fields.append(.secret(secret))
        count += secret.count
    }

    /// All that was written.
    var encoded: SecretBytes {
        SecretBytes(count: count) { out in
            var rest = out[...]
            for field in fields {
                let target = UnsafeMutableRawBufferPointer(rebasing: rest)
                switch field {
                case .open(let bytes):
                    target.copyBytes(from: bytes)
                    rest = rest.dropFirst(bytes.count)
                case .secret(let secret):
                    secret.withUnsafeBytes { target.copyMemory(from: $0) }
                    rest = rest.dropFirst(secret.count)
                }
            }
        }
    }
}

/// Takes apart what ``SecretWriter`` built; like ``SpeemCrypto/ByteReader``, no read can trap.
struct SecretReader {
    private let bytes: SecretBytes
    private var offset = 0

    init(_ bytes: SecretBytes) {
        self.bytes = bytes
    }

    /// How many bytes are left.
    var remaining: Int { bytes.count - offset }

    /// The next `count` bytes, which stay secret.
    mutating func readSecret(_ count: Int) throws(ByteReader.Truncated) -> SecretBytes {
        guard count >= 0, count <= remaining else { throw ByteReader.Truncated() }
        defer { offset += count }
        return bytes.slice(offset..<(offset + count))
    }

    /// The next `count` bytes, which are none.
    mutating func read(_ count: Int) throws(ByteReader.Truncated) -> [UInt8] {
        try readSecret(count).exposedCopy()
    }

    mutating func readByte() throws(ByteReader.Truncated) -> UInt8 {
        var reader = ByteReader(try read(1))
        return try reader.readByte()
    }

    mutating func readBigEndian<T: FixedWidthInteger & UnsignedInteger>(
        _ type: T.Type
    ) throws(ByteReader.Truncated) -> T {
        var reader = ByteReader(try read(MemoryLayout<T>.size))
        return try reader.readBigEndian(type)
    }
}
