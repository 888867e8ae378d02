import SpeemCrypto
import SpeemIdentity

@testable import SpeemSync

/// A generator whose seed reproduces a failure (SplitMix64, Steele and others 2014).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }
}

/// Devices and accounts for tests, told apart by a number.
enum Sample {
    static func device(_ number: UInt8) throws -> DeviceID {
        try DeviceID([UInt8](repeating: number, count: DeviceID.length))
    }

    static func account(_ number: UInt8) throws -> AccountPublicKey {
        try AccountPublicKey([UInt8](repeating: number, count: 32))
    }
}
