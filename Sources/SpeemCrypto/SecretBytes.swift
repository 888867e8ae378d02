import CSodium

/// Secret bytes in memory of their own that is wiped when the last reference goes.
///
/// A reference type, so that passing a key on never copies its bytes. Comparison takes constant time, and a
/// description never shows the contents.
public final class SecretBytes: Equatable, CustomStringConvertible, @unchecked Sendable {
    // Sendable is sound: the memory is written only inside `init`, before any other reference exists, and afterwards
    // only read, until `deinit`, which runs when no reference is left.
    private let memory: UnsafeMutableRawBufferPointer

    /// The number of bytes.
    public var count: Int { memory.count }

    /// Makes `count` zeroed bytes and lets `body` fill them.
    public init<E: Error>(count: Int, _ body: (UnsafeMutableRawBufferPointer) throws(E) -> Void) throws(E) {
        _ = Sodium.ready
        memory = .allocate(byteCount: count, alignment: 16)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        try body(memory)
    }

    /// Copies `bytes`; wiping the original is the caller's duty.
    public convenience init(_ bytes: some Collection<UInt8>) {
        self.init(count: bytes.count) { $0.copyBytes(from: bytes) }
    }

    deinit {
        Wipe.zero(memory)
        memory.deallocate()
    }

    /// Gives `body` the bytes for reading; the pointer must not outlive the call.
    public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try body(UnsafeRawBufferPointer(memory))
    }

    /// The bytes of `range`, as a secret of their own.
    ///
    /// - Precondition: `range` lies inside `0 ..< count`.
    public func slice(_ range: Range<Int>) -> SecretBytes {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "slice outside of the secret")
        return SecretBytes(count: range.count) { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[range])) }
    }

    /// A copy that does not wipe itself, for writing a secret into an encrypted place (store, sealed message).
    public func exposedCopy() -> [UInt8] { [UInt8](memory) }

    public static func == (lhs: SecretBytes, rhs: SecretBytes) -> Bool {
        lhs.withUnsafeBytes { left in rhs.withUnsafeBytes { right in ConstantTime.equal(left, right) } }
    }

    public var description: String { "SecretBytes(\(count))" }
}

/// Overwriting memory in a way that the compiler does not remove.
public enum Wipe {
    /// Overwrites `buffer` with zeros (`sodium_memzero`).
    public static func zero(_ buffer: UnsafeMutableRawBufferPointer) {
        guard let base = buffer.baseAddress else { return }
        sodium_memzero(base, buffer.count)
    }

    /// Overwrites the bytes of `array` in place; other copies of the array are not touched.
    public static func zero(_ array: inout [UInt8]) {
        array.withUnsafeMutableBytes { zero($0) }
    }
}

/// Comparison whose time does not depend on where two values differ (`sodium_memcmp`).
public enum ConstantTime {
    /// Whether both hold the same bytes. The lengths are not secret.
    public static func equal(_ lhs: UnsafeRawBufferPointer, _ rhs: UnsafeRawBufferPointer) -> Bool {
        guard lhs.count == rhs.count else { return false }
        guard let left = lhs.baseAddress, let right = rhs.baseAddress else { return true }
        return sodium_memcmp(left, right, lhs.count) == 0
    }

    /// Whether both hold the same bytes. The lengths are not secret.
    public static func equal(_ lhs: [UInt8], _ rhs: [UInt8]) -> Bool {
        lhs.withUnsafeBytes { left in rhs.withUnsafeBytes { right in equal(left, right) } }
    }
}
