/// Systematic Reed-Solomon codes over ``GaloisField`` with first root α⁰ (ISO/IEC 18004:2015, 7.5.2).
struct ReedSolomon {
    /// The coefficients of (x − α⁰)(x − α¹)…(x − αⁿ⁻¹) from the second highest down; the highest is 1.
    let generator: [UInt8]

    /// A code with `degree` error correction codewords per block.
    init(degree: Int) {
        precondition((1...254).contains(degree), "a Reed-Solomon code here has 1 to 254 check codewords")
        var product: [UInt8] = [1]
        for root in 0..<degree {
            // Times x is a shift; times αʳᵒᵒᵗ is added one place lower.
            let scaled = product.map { GaloisField.multiply($0, GaloisField.power(root)) }
            product.append(0)
            for index in scaled.indices { product[index + 1] ^= scaled[index] }
        }
        generator = Array(product.dropFirst())
    }

    /// The error correction codewords of a block: the remainder of data · xⁿ divided by the generator.
    func checkCodewords(of data: some Sequence<UInt8>) -> [UInt8] {
        var remainder = [UInt8](repeating: 0, count: generator.count)
        for codeword in data {
            let factor = codeword ^ remainder.removeFirst()
            remainder.append(0)
            for index in generator.indices { remainder[index] ^= GaloisField.multiply(generator[index], factor) }
        }
        return remainder
    }
}
