extension QRCode {
    /// Pixels along a module that ``pbm(scale:)`` can draw.
    public static let scales = 1...64

    /// The symbol with its quiet zone as a binary portable bitmap (netpbm's `pbm(5)`, magic number P4), which image viewers
    /// and converters read: `(size + 8) · scale` pixels square, at most 17.5 MB.
    ///
    /// - Parameter scale: Pixels along a module, within ``scales``.
    public func pbm(scale: Int = 8) -> [UInt8] {
        precondition(QRCode.scales.contains(scale), "a module is drawn 1 to 64 pixels wide")
        let side = (size + 2 * QRCode.quietZone) * scale
        var file = Array("P4\n\(side) \(side)\n".utf8)
        for row in (-QRCode.quietZone)..<(size + QRCode.quietZone) {
            // Each row of pixels begins a byte of its own.
            var line = [UInt8](repeating: 0, count: (side + 7) / 8)
            for pixel in 0..<side where self[row: row, column: pixel / scale - QRCode.quietZone] {
                line[pixel / 8] |= 0x80 >> (pixel % 8)
            }
            for _ in 0..<scale { file += line }
        }
        return file
    }
}
