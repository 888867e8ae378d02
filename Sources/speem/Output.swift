#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What the program prints: results on standard output, all else on standard error.
enum Output {
    /// A line of the result. When nobody reads it any more the program ends.
    static func line(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

    /// A result that has its own line ends.
    static func raw(_ text: String) { write(text, to: STDOUT_FILENO) }

    /// A line about what happens, for people.
    static func note(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    /// Text that goes to a descriptor as it is: a question, or a line that is written over.
    static func note(_ text: String, to descriptor: Int32) { write(text, to: descriptor) }

    /// Bytes of the result, of which no copy is made.
    static func result(_ bytes: UnsafeRawBufferPointer) { write(bytes, to: STDOUT_FILENO) }

    /// A question at a terminal, whose answer comes behind it on the same line; none in a pipe.
    static func prompt(_ question: String) {
        if isatty(STDIN_FILENO) == 1 { write(question, to: STDERR_FILENO) }
    }

    /// A part of a line that changes, at a terminal only.
    static func progress(_ text: String) { write(text, to: STDERR_FILENO) }

    static func error(_ failure: Failure) {
        note("speem: error: \(printable(failure.message))")
        if let hint = failure.hint { note("hint: \(printable(hint))") }
    }

    /// Whether a person looks at standard output.
    static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Whether a person looks at standard error.
    static var isErrorTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Text from others, safe for a terminal: nothing in it moves the cursor, changes colours or turns the order of
    /// what is around it. Line ends stay when `lines` is set.
    static func printable(_ text: String, lines: Bool = false) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control: result.append(lines && scalar == "\n" ? scalar : "\u{fffd}")
            // Joiners belong to scripts and emoji; other format characters override the direction or hide.
            case .format where scalar.value != 0x200d && scalar.value != 0x200c: result.append("\u{fffd}")
            case .lineSeparator, .paragraphSeparator: result.append("\u{fffd}")
            default: result.append(scalar)
            }
        }
        return String(result)
    }

    private static func write(_ text: String, to descriptor: Int32) {
        Array(text.utf8).withUnsafeBytes { write($0, to: descriptor) }
    }

    private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) {
        var done = 0
        while done < bytes.count {
            let rest = bytes.baseAddress.map { $0 + done }
            #if canImport(Glibc)
                let count = Glibc.write(descriptor, rest, bytes.count - done)
            #elseif canImport(Musl)
                let count = Musl.write(descriptor, rest, bytes.count - done)
            #else
                let count = Darwin.write(descriptor, rest, bytes.count - done)
            #endif
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { exit(1) }
            done += count
        }
    }
}
