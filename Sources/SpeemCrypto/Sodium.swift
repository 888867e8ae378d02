import CSodium

/// The linked libsodium.
public enum Sodium {
    /// Runs `sodium_init` once before the first primitive is used (libsodium documentation, "Usage").
    ///
    /// A failure means that the system has no source of randomness, and no code here may go on without one.
    static let ready: Void = {
        precondition(sodium_init() >= 0, "libsodium could not be initialised: no source of randomness")
    }()

    /// The version of libsodium inside the binary, such as "1.0.18".
    public static var version: String { String(cString: sodium_version_string()) }
}

/// Where random bytes come from; passed in so that protocol rules can be tested with known bytes.
public protocol RandomSource: Sendable {
    /// Fills `buffer` with bytes that nobody can predict.
    func fill(_ buffer: UnsafeMutableRawBufferPointer)
}

extension RandomSource {
    /// Returns `count` fresh random bytes. For public values only: the array is not wiped.
    public func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            fill(UnsafeMutableRawBufferPointer(buffer))
            initialized = count
        }
    }

    /// Returns `count` fresh random bytes in memory that wipes itself.
    public func secret(_ count: Int) -> SecretBytes {
        SecretBytes(count: count) { fill($0) }
    }
}

/// libsodium's `randombytes_buf`: the system's generator.
public struct SystemRandomSource: RandomSource {
    public init() {}

    public func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        _ = Sodium.ready
        guard let base = buffer.baseAddress else { return }
        randombytes_buf(base, buffer.count)
    }
}
