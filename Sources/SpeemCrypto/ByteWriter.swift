/// Builds the encodings that ``ByteReader`` takes apart.
public struct ByteWriter: Sendable {
    /// What was written so far.
    public private(set) var bytes: [UInt8] = []

    public init() {}

    /// Appends one byte.
    public mutating func write(_ byte: UInt8) { bytes.append(byte) }

    /// Appends bytes of a length that the reader knows.
    public mutating func write(_ field: [UInt8]) { bytes += field }

    /// Appends an integer, most significant byte first.
    public mutating func write(bigEndian value: UInt64) { bytes += BigEndian.bytes(value) }

    /// Appends an integer, most significant byte first.
    public mutating func write(bigEndian value: UInt32) { bytes += BigEndian.bytes(value) }

    /// Appends an integer, most significant byte first.
    public mutating func write(bigEndian value: UInt16) { bytes += BigEndian.bytes(value) }

    /// Appends a field behind its length as 2 bytes.
    ///
    /// - Precondition: it has at most 65,535 bytes.
    public mutating func write(lengthPrefixed field: [UInt8]) {
        guard let count = UInt16(exactly: field.count) else { preconditionFailure("a field of our own is too long") }
        write(bigEndian: count)
        bytes += field
    }
}

extension ByteReader {
    /// The next field behind its length as 2 bytes; a field over `limit` counts as truncated.
    public mutating func readLengthPrefixed(limit: Int) throws(Truncated) -> [UInt8] {
        let count = Int(try readBigEndian(UInt16.self))
        guard count <= limit else { throw Truncated() }
        return try read(count)
    }
}
