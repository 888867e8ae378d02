import Synchronization

/// One line on a terminal that says how far long work is; nothing in a pipe.
final class ProgressLine: Sendable {
    private let shown = Mutex<String?>(nil)

    func show(_ words: String, _ done: Int64, of total: Int64) {
        let percent = total > 0 ? min(max(done, 0), total) * 100 / total : 0
        show("\(words): \(percent) %")
    }

    func show(_ line: String) {
        guard Output.isErrorTerminal else { return }
        shown.withLock { shown in
            guard shown != line else { return }
            let blank = String(repeating: " ", count: max((shown?.count ?? 0) - line.count, 0))
            Output.progress("\r" + line + blank)
            shown = line
        }
    }

    /// What follows is on a line of its own.
    func end() {
        shown.withLock { shown in
            guard shown != nil else { return }
            Output.progress("\n")
            shown = nil
        }
    }
}
