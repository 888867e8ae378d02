#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How far long work has come, on one line of a terminal; nothing in a pipe.
struct Progress {
    let words: String
    private let isShown = isatty(STDERR_FILENO) == 1

    init(words: String) { self.words = words }

    func show(_ done: Int64, of total: Int64) {
        guard isShown, total > 0 else { return }
        Output.note("\r\(words): \(done * 100 / total) % ", to: STDERR_FILENO)
    }

    /// Ends the line.
    func end() {
        if isShown { Output.note("\r\u{1b}[K", to: STDERR_FILENO) }
    }
}
