import SpeemCrypto
import Synchronization
import Testing

/// The bytes of a published vector; white space between the digits is skipped.
func octets(_ hex: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> [UInt8] {
    try #require(Hex.decode(hex.filter { !$0.isWhitespace }), sourceLocation: sourceLocation)
}

/// The bytes of a text.
func text(_ string: String) -> [UInt8] { Array(string.utf8) }

/// The bytes 0, 1, 2 and so on, starting again after 255.
func counting(_ count: Int, from first: Int = 0) -> [UInt8] {
    (first..<(first + count)).map { UInt8(truncatingIfNeeded: $0) }
}

/// Random bytes that a test knows: the given ones, in order, each once.
final class ScriptedRandomSource: RandomSource {
    private let bytes: [UInt8]
    private let position = Mutex(0)

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// How many bytes were taken.
    var taken: Int { position.withLock { $0 } }

    func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        position.withLock { position in
            precondition(position + buffer.count <= bytes.count, "the script has not enough bytes")
            buffer.copyBytes(from: bytes[position..<(position + buffer.count)])
            position += buffer.count
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 32) }
    }
}

/// Calls `body` with every copy of `bytes` that differs in one bit.
func forEachBitFlip(of bytes: [UInt8], _ body: (_ flipped: [UInt8], _ byte: Int, _ bit: Int) throws -> Void) rethrows {
    for byte in bytes.indices {
        for bit in 0..<8 {
            var flipped = bytes
            flipped[byte] ^= 1 << UInt8(bit)
            try body(flipped, byte, bit)
        }
    }
}
