/// GF(2⁸) modulo x⁸ + x⁴ + x³ + x² + 1 (0x11D), the field of QR code's error correction (ISO/IEC 18004:2015, 7.5.2).
enum GaloisField {
    /// `powers[i]` is αⁱ with α = 2, for i in 0..<255.
    private static let powers: [UInt8] = {
        var powers: [UInt8] = []
        var element = 1
        for _ in 0..<255 {
            powers.append(UInt8(element))
            element <<= 1
            if element > 0xFF { element ^= 0x11D }
        }
        return powers
    }()

    /// `logarithms[x]` is the i with αⁱ = x. Zero has no logarithm; its place is unused.
    private static let logarithms: [Int] = {
        var logarithms = [Int](repeating: 0, count: 256)
        for (exponent, element) in powers.enumerated() { logarithms[Int(element)] = exponent }
        return logarithms
    }()

    /// αⁱ, for i from 0 up.
    static func power(_ exponent: Int) -> UInt8 {
        powers[exponent % 255]
    }

    static func multiply(_ left: UInt8, _ right: UInt8) -> UInt8 {
        guard left != 0, right != 0 else { return 0 }
        return power(logarithms[Int(left)] + logarithms[Int(right)])
    }
}
