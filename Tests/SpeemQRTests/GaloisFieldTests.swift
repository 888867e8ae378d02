import Testing

@testable import SpeemQR

@Suite struct GaloisFieldTests {
    /// Multiplication bit by bit, with no tables.
    private func schoolbook(_ left: UInt8, _ right: UInt8) -> UInt8 {
        var product = 0
        for bit in 0..<8 where right >> bit & 1 == 1 { product ^= Int(left) << bit }
        for bit in (8..<15).reversed() where product >> bit & 1 == 1 { product ^= 0x11D << (bit - 8) }
        return UInt8(product)
    }

    @Test func everyProductIsThatOfThePolynomials() {
        var wrong = 0
        for left in UInt8.min...UInt8.max {
            for right in UInt8.min...UInt8.max
            where GaloisField.multiply(left, right) != schoolbook(left, right) {
                wrong += 1
            }
        }
        #expect(wrong == 0)
    }

    @Test func powersOfAlphaAreAllElementsButZero() {
        #expect(Set((0..<255).map(GaloisField.power)).count == 255)
        #expect(!(0..<255).map(GaloisField.power).contains(0))
        #expect(GaloisField.power(0) == 1)
        #expect(GaloisField.power(1) == 2)
        #expect(GaloisField.power(8) == 0x1D)
        #expect(GaloisField.power(255) == 1)
    }
}
