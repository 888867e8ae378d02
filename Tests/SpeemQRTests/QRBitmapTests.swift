import Testing

@testable import SpeemQR

@Suite struct QRBitmapTests {
    @Test(arguments: [1, 2, 3, 7, 8])
    func everyModuleIsASquareOfPixels(scale: Int) throws {
        let code = try QRCode("SPEEM:MFRGGZDFMZTWQ2LK", level: .low)
        let side = (code.size + 8) * scale
        let header = Array("P4\n\(side) \(side)\n".utf8)
        let file = code.pbm(scale: scale)
        #expect(Array(file.prefix(header.count)) == header)
        let raster = Array(file.dropFirst(header.count))
        let stride = (side + 7) / 8
        #expect(raster.count == stride * side)
        var wrong = 0
        for y in 0..<side {
            for x in 0..<(stride * 8) {
                let dark = raster[y * stride + x / 8] >> (7 - x % 8) & 1 == 1
                // Bits beyond the picture are zero.
                let expected = x < side && code[row: y / scale - 4, column: x / scale - 4]
                if dark != expected { wrong += 1 }
            }
        }
        #expect(wrong == 0)
    }

    @Test func theLargestPictureIsAsLargeAsPromised() throws {
        let code = try QRCode(String(repeating: "1", count: 7089), level: .low, mask: 0)
        #expect(QRCode.scales == 1...64)
        let side = (code.size + 8) * QRCode.scales.upperBound
        #expect(side * side / 8 < 17_600_000)
        #expect(code.pbm(scale: 1).count == "P4\n185 185\n".utf8.count + 24 * 185)
    }
}
