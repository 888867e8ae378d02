/// Builds an encoding that holds secrets, in memory that wipes itself: no copy of a key stays behind in a freed array.
public struct SecretWriter: Sendable {
    private enum Field: Sendable {
        case open([UInt8])
        case secret(SecretBytes)
    }

    private var fields: [Field] = []
    private var count = 0

    public init() {}

    /// Appends one byte that needs no wiping.
    public mutating func write(_ byte: UInt8) { write([byte]) }

    /// Appends bytes that need no wiping.
    public mutating func write(_ bytes: [UInt8]) {
        fields.append(.open(bytes))
        count += bytes.count
    }

    /// Appends a field that needs no wiping, behind its length as 2 bytes.
    ///
    /// - Precondition: it has at most 65,535 bytes.
    public mutating func write(lengthPrefixed field: [UInt8]) {
        guard let length = UInt16(exactly: field.count) else { preconditionFailure("a field of our own is too long") }
        write(BigEndian.bytes(length) + field)
    }

    /// Appends bytes that do.
    public mutating func write(_ secret: SecretBytes) {
        fields.append(.secret(secret))
        count += secret.count
    }

    /// All that was written.
    public var encoded: SecretBytes {
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

/// Takes apart what ``SecretWriter`` built; like ``ByteReader``, no read can trap.
public struct SecretReader: Sendable {
    private let bytes: SecretBytes
    private var offset = 0

    public init(_ bytes: SecretBytes) {
        self.bytes = bytes
    }

    /// How many bytes are left.
    public var remaining: Int { bytes.count - offset }

    /// The next `count` bytes, which stay secret.
    public mutating func readSecret(_ count: Int) throws(ByteReader.Truncated) -> SecretBytes {
        guard count >= 0, count <= remaining else { throw ByteReader.Truncated() }
        defer { offset += count }
        return bytes.slice(offset..<(offset + count))
    }

    /// The next `count` bytes, which are none.
    public mutating func read(_ count: Int) throws(ByteReader.Truncated) -> [UInt8] {
        try readSecret(count).exposedCopy()
    }

    /// The next byte, which is none.
    public mutating func readByte() throws(ByteReader.Truncated) -> UInt8 {
        var reader = ByteReader(try read(1))
        return try reader.readByte()
    }

    /// The next integer of type `T`, most significant byte first; it is none.
    public mutating func readBigEndian<T: FixedWidthInteger & UnsignedInteger>(
        _ type: T.Type
    ) throws(ByteReader.Truncated) -> T {
        var reader = ByteReader(try read(MemoryLayout<T>.size))
        return try reader.readBigEndian(type)
    }
}
