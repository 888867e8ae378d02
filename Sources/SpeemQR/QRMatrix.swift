/// The modules of a symbol while it is drawn (ISO/IEC 18004:2015, 6.3 and 7.7).
struct QRMatrix: Equatable {
    let size: Int
    /// Row by row; true is dark.
    private(set) var modules: [Bool]
    /// Row by row; true where no data goes.
    private(set) var reserved: [Bool]

    /// Draws what depends on the version alone and keeps the places of the format information.
    init(_ version: QRVersion) {
        size = version.size
        modules = [Bool](repeating: false, count: size * size)
        reserved = modules

        for index in 0..<size {
            draw(6, index, index % 2 == 0)
            draw(index, 6, index % 2 == 0)
        }
        let far = size - 4
        for (row, column) in [(3, 3), (3, far), (far, 3)] { drawFinder(row, column) }
        drawAlignmentPatterns(version.alignmentCentres)
        drawFormat(bits: 0)
        if version.hasVersionInformation { drawVersion(bits: BCHCode.versionInformation(version)) }
    }

    subscript(row: Int, column: Int) -> Bool { modules[row * size + column] }

    private mutating func draw(_ row: Int, _ column: Int, _ dark: Bool) {
        modules[row * size + column] = dark
        reserved[row * size + column] = true
    }

    /// A finder pattern and its separator, which lies partly outside the symbol.
    private mutating func drawFinder(_ centreRow: Int, _ centreColumn: Int) {
        for row in max(0, centreRow - 4)...min(size - 1, centreRow + 4) {
            for column in max(0, centreColumn - 4)...min(size - 1, centreColumn + 4) {
                let ring = max(abs(row - centreRow), abs(column - centreColumn))
                draw(row, column, ring != 2 && ring != 4)
            }
        }
    }

    private mutating func drawAlignmentPatterns(_ centres: [Int]) {
        guard let first = centres.first, let last = centres.last else { return }
        for centreRow in centres {
            for centreColumn in centres {
                let corner = (centreRow, centreColumn)
                if corner == (first, first) || corner == (first, last) || corner == (last, first) { continue }
                for row in (centreRow - 2)...(centreRow + 2) {
                    for column in (centreColumn - 2)...(centreColumn + 2) {
                        draw(row, column, max(abs(row - centreRow), abs(column - centreColumn)) != 1)
                    }
                }
            }
        }
    }

    /// Draws both copies of the 15 bits and the module that is always dark.
    mutating func drawFormat(bits: UInt32) {
        for bit in 0..<15 {
            let dark = bits >> bit & 1 == 1
            // Around the upper left finder, stepping over the timing patterns.
            switch bit {
            case 0..<6: draw(bit, 8, dark)
            case 6, 7: draw(bit + 1, 8, dark)
            case 8: draw(8, 7, dark)
            default: draw(8, 14 - bit, dark)
            }
            // Below the upper right finder, then beside the lower left one.
            if bit < 8 { draw(8, size - 1 - bit, dark) } else { draw(size - 15 + bit, 8, dark) }
        }
        draw(size - 8, 8, true)
    }

    private mutating func drawVersion(bits: UInt32) {
        for bit in 0..<18 {
            let dark = bits >> bit & 1 == 1
            draw(size - 11 + bit % 3, bit / 3, dark)
            draw(bit / 3, size - 11 + bit % 3, dark)
        }
    }

    /// Fills the free modules with the codewords' bits, most significant first, in columns two modules wide from the right,
    /// by turns upwards and downwards. The up to 7 modules left over stay light.
    mutating func place(_ codewords: [UInt8]) {
        var bit = 0
        var upwards = true
        // The vertical timing pattern's column holds no data and no pair straddles it.
        for right in stride(from: size - 1, through: 1, by: -2).map({ $0 > 6 ? $0 : $0 - 1 }) {
            for step in 0..<size {
                let row = upwards ? size - 1 - step : step
                for column in [right, right - 1] where !reserved[row * size + column] && bit < 8 * codewords.count {
                    modules[row * size + column] = codewords[bit / 8] >> (7 - bit % 8) & 1 == 1
                    bit += 1
                }
            }
            upwards.toggle()
        }
        precondition(bit == 8 * codewords.count, "the codewords do not fit the symbol")
    }

    /// Inverts the data modules that the mask names. Doing it twice undoes it.
    mutating func apply(_ mask: QRMask) {
        for row in 0..<size {
            for column in 0..<size where !reserved[row * size + column] && mask.inverts(row: row, column: column) {
                modules[row * size + column].toggle()
            }
        }
    }
}
