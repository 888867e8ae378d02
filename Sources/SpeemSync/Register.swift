/// A last-writer-wins register: of two values the one with the higher stamp stays.
public struct Register: Sendable, Hashable {
    /// Bytes of a value at the most: a name, a mark, a setting.
    public static let maxValueBytes = 256

    public let value: [UInt8]
    public let stamp: Stamp

    public init(value: [UInt8], stamp: Stamp) {
        self.value = value
        self.stamp = stamp
    }

    /// The join of two copies. Equal stamps mean the same change; should a device ever give one stamp to two values, the
    /// greater value stays, so that even then all agree.
    public func joined(with other: Register) -> Register {
        if stamp != other.stamp { return stamp < other.stamp ? other : self }
        return value.lexicographicallyPrecedes(other.value) ? other : self
    }
}
