/// Bits gathered into bytes, most significant first.
struct BitBuffer {
    private(set) var bytes: [UInt8] = []
    private(set) var count = 0

    /// Appends the `width` low bits of `value`.
    mutating func append(_ value: Int, width: Int) {
        precondition((0...16).contains(width) && value >> width == 0, "the value does not fit its field")
        for shift in (0..<width).reversed() {
            if count % 8 == 0 { bytes.append(0) }
            bytes[count / 8] |= UInt8(value >> shift & 1) << (7 - count % 8)
            count += 1
        }
    }
}
