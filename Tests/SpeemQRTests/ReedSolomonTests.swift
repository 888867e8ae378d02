import Testing

@testable import SpeemQR

@Suite struct ReedSolomonTests {
    /// Annex A of the standard gives the generators as exponents of α.
    @Test(arguments: [
        (7, [87, 229, 146, 149, 238, 102, 21]),
        (10, [251, 67, 46, 61, 118, 70, 64, 94, 32, 45]),
        (13, [74, 152, 176, 100, 86, 100, 106, 104, 130, 218, 206, 140, 78]),
        (17, [43, 139, 206, 78, 43, 239, 123, 206, 214, 147, 24, 99, 150, 39, 243, 163, 136]),
    ])
    func generatorsAreThoseOfTheStandard(degree: Int, exponents: [Int]) {
        #expect(ReedSolomon(degree: degree).generator == exponents.map(GaloisField.power))
    }

    /// Annex I of the standard: "01234567" in version 1-M.
    @Test func exampleOfTheStandard() {
        let data: [UInt8] = [
            0x10, 0x20, 0x0C, 0x56, 0x61, 0x80, 0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11,
        ]
        let checks = ReedSolomon(degree: 10).checkCodewords(of: data)
        #expect(checks == [0xA5, 0x24, 0xD4, 0xC1, 0xED, 0x36, 0xC7, 0x87, 0x2C, 0x55])
    }

    @Test func zerosHaveZeroChecks() {
        let checks = ReedSolomon(degree: 30).checkCodewords(of: [UInt8](repeating: 0, count: 100))
        #expect(checks == [UInt8](repeating: 0, count: 30))
    }

    /// A block is a multiple of the generator, so it vanishes at each of its roots.
    @Test(arguments: [7, 10, 13, 15, 16, 17, 18, 20, 22, 24, 26, 28, 30])
    func blocksVanishAtTheRoots(degree: Int) {
        var generator = SeededGenerator(seed: UInt64(degree))
        let code = ReedSolomon(degree: degree)
        for _ in 0..<20 {
            let count = Int.random(in: 1...123, using: &generator)
            let data = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            let block = data + code.checkCodewords(of: data)
            for root in 0..<degree {
                let value = block.reduce(0) { GaloisField.multiply($0, GaloisField.power(root)) ^ $1 }
                #expect(value == 0)
            }
        }
    }

    @Test func checksAreLinear() {
        var generator = SeededGenerator(seed: 5)
        let code = ReedSolomon(degree: 22)
        let left = (0..<50).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let right = (0..<50).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let sum = code.checkCodewords(of: zip(left, right).map { $0 ^ $1 })
        #expect(sum == zip(code.checkCodewords(of: left), code.checkCodewords(of: right)).map { $0 ^ $1 })
    }
}
