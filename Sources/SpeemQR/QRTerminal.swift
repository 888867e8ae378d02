extension QRCode {
    /// The symbol with its quiet zone as lines of half blocks, two rows of modules a line, each ending in a line feed:
    /// `size + 8` columns, `(size + 9) / 2` lines.
    ///
    /// - Parameters:
    ///   - color: True for black on white by ANSI escape sequences (from the fixed part of the 256 colours, which themes
    ///     leave alone): readable on any terminal. False for plain text in which the *light* modules are inked: right on a
    ///     dark terminal; on a light one it appears inverted, which many readers, not all, accept.
    public func terminalText(color: Bool) -> String {
        let edge = (-QRCode.quietZone)..<(size + QRCode.quietZone)
        var text = ""
        for row in stride(from: edge.lowerBound, to: edge.upperBound, by: 2) {
            if color { text += "\u{1B}[38;5;16;48;5;231m" }
            for column in edge {
                // Ink is the foreground: dark modules on white, light modules on a dark terminal.
                let upper = self[row: row, column: column] == color
                let lower = self[row: row + 1, column: column] == color
                switch (upper, lower) {
                case (true, true): text += "█"
                case (true, false): text += "▀"
                case (false, true): text += "▄"
                case (false, false): text += " "
                }
            }
            text += color ? "\u{1B}[0m\n" : "\n"
        }
        return text
    }
}
