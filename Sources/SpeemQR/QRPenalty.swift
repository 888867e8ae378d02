/// How hard a symbol is to read, by the four features of ISO/IEC 18004:2015, 7.8.3; the mask with the lowest total is used.
struct QRPenalty: Equatable {
    /// N1: runs of 5 or more modules of one colour in a line.
    private(set) var runs = 0
    /// N2: squares of 2 × 2 modules of one colour, overlapping ones included.
    private(set) var squares = 0
    /// N3: what looks like a line through a finder pattern, dark 1 light 1 dark 3 light 1 dark 1, with 4 light modules on
    /// one side at least. The quiet zone is light.
    private(set) var finderLookalikes = 0
    /// N4: distance of the share of dark modules from one half, per 5 %.
    private(set) var imbalance = 0

    var total: Int { runs + squares + finderLookalikes + imbalance }

    init(of matrix: QRMatrix) {
        self.init(modules: matrix.modules, size: matrix.size)
    }

    /// Scores `size` rows of `size` modules; true is dark.
    init(modules: [Bool], size: Int) {
        precondition(size > 0 && modules.count == size * size, "a symbol is square")
        for line in 0..<size {
            scoreLine(modules[(line * size)..<((line + 1) * size)])
            scoreLine(stride(from: line, to: size * size, by: size).lazy.map { modules[$0] })
        }

        var dark = 0
        for row in 0..<size {
            for index in (row * size)..<((row + 1) * size) {
                let colour = modules[index]
                if colour { dark += 1 }
                let inside = row + 1 < size && index + 1 < (row + 1) * size
                if inside, modules[index + 1] == colour, modules[index + size] == colour,
                    modules[index + size + 1] == colour
                {
                    squares += 3
                }
            }
        }
        imbalance = abs(20 * dark - 10 * size * size) / (size * size) * 10
    }

    private mutating func scoreLine(_ line: some Sequence<Bool>) {
        var run = 0
        var previous: Bool?
        // The last 15 modules: 4 before, 7 of the pattern, 4 after.
        var window = 0
        for colour in line {
            run = colour == previous ? run + 1 : 1
            previous = colour
            if run == 5 { runs += 3 } else if run > 5 { runs += 1 }
            slide(&window, colour)
        }
        for _ in 0..<4 { slide(&window, false) }
    }

    private mutating func slide(_ window: inout Int, _ colour: Bool) {
        window = (window << 1 | (colour ? 1 : 0)) & 0x7FFF
        let isPattern = window >> 4 & 0x7F == 0b101_1101
        if isPattern, window >> 11 == 0 || window & 0xF == 0 { finderLookalikes += 40 }
    }
}
