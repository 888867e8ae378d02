/// A cursor over bytes that came from outside: every read is checked, none can trap.
public struct ByteReader: Sendable {
    /// The input ended before what was to be read.
    public struct Truncated: Error, Equatable, Sendable, CustomStringConvertible {
        public init() {}

        public var description: String { "the input ends too early" }
    }

    private let bytes: [UInt8]
    /// How many bytes were read.
    public private(set) var offset = 0

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// How many bytes are left.
    public var remaining: Int { bytes.count - offset }

    /// The next `count` bytes.
    public mutating func read(_ count: Int) throws(Truncated) -> [UInt8] {
        guard count >= 0, count <= remaining else { throw Truncated() }
        defer { offset += count }
        return Array(bytes[offset..<(offset + count)])
    }

    /// The next `count` bytes, in memory that wipes itself; wiping the input is the caller's duty.
    public mutating func readSecret(_ count: Int) throws(Truncated) -> SecretBytes {
        guard count >= 0, count <= remaining else { throw Truncated() }
        defer { offset += count }
        return SecretBytes(bytes[offset..<(offset + count)])
    }

    /// The next byte.
    public mutating func readByte() throws(Truncated) -> UInt8 {
        guard remaining > 0 else { throw Truncated() }
        defer { offset += 1 }
        return bytes[offset]
    }

    /// The next integer of type `T`, most significant byte first.
    public mutating func readBigEndian<T: FixedWidthInteger & UnsignedInteger>(_: T.Type) throws(Truncated) -> T {
        var value: T = 0
        for byte in try read(MemoryLayout<T>.size) { value = value << 8 | T(byte) }
        return value
    }

    /// All that is left.
    public mutating func readRest() -> [UInt8] {
        defer { offset = bytes.count }
        return Array(bytes[offset...])
    }
}
