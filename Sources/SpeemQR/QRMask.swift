/// The eight patterns that break up what a reader could mistake for structure (ISO/IEC 18004:2015, table 10).
enum QRMask: Int, CaseIterable {
    case checkerboard
    case rows
    case columns
    case diagonals
    case bricks
    case products
    case productParities
    case mixedParities

    /// Whether the data module there changes colour.
    func inverts(row: Int, column: Int) -> Bool {
        switch self {
        case .checkerboard: (row + column) % 2 == 0
        case .rows: row % 2 == 0
        case .columns: column % 3 == 0
        case .diagonals: (row + column) % 3 == 0
        case .bricks: (row / 2 + column / 3) % 2 == 0
        case .products: row * column % 2 + row * column % 3 == 0
        case .productParities: (row * column % 2 + row * column % 3) % 2 == 0
        case .mixedParities: ((row + column) % 2 + row * column % 3) % 2 == 0
        }
    }
}
