/// Integers as bytes, least significant first.
public enum LittleEndian {
    /// The 8 bytes of `value`.
    public static func bytes(_ value: UInt64) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { [UInt8]($0) }
    }
}

/// Integers as bytes, most significant first.
public enum BigEndian {
    /// The 8 bytes of `value`.
    public static func bytes(_ value: UInt64) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { [UInt8]($0) }
    }

    /// The 4 bytes of `value`.
    public static func bytes(_ value: UInt32) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { [UInt8]($0) }
    }

    /// The 2 bytes of `value`.
    public static func bytes(_ value: UInt16) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { [UInt8]($0) }
    }
}
