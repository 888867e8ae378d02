/// Why a message is where it is, in words for a person. Pure.
struct Explanation: Sendable {
    let message: WayRows.Sent
    let ways: [Way]
    /// Unix milliseconds.
    let now: Int64

    var words: [String] {
        var lines = [summary]
        if ways.count > 1, message.state.rawValue >= MessageState.delivered.rawValue, !ways.isEmpty {
            lines.append("\(ways.count) other devices of \(message.contact) do not have it yet")
        }
        var seen = Set<String>()
        for way in ways {
            guard let line = line(way), seen.insert(line).inserted else { continue }
            lines.append(line)
        }
        if let problem = message.problem { lines.append("nothing reaches \(message.contact): \(problem)") }
        if let alarm = message.alarm { lines.append("warning: \(alarm)") }
        return lines
    }

    private var summary: String {
        let name = message.contact
        switch message.state {
        case .waiting: return "it is only on this device so far"
        case .queued: return "your node has it, and brings it to \(name)'s node"
        case .stored: return "\(name)'s node has it; no device of \(name) has fetched it yet"
        case .delivered: return "a device of \(name) has it"
        case .seen: return "\(name) has read it"
        case .failed: return "it was given up"
        case .unread, .read: return "it was received"
        }
    }

    private func line(_ way: Way) -> String? {
        if let failure = way.failure { return "refused for good: \(failure)" }
        guard way.state != .stored else { return nil }
        if !way.isSealed {
            return "no session with a device of \(way.contact) yet: it begins when \(way.contact)'s node can be reached"
                + (way.trouble.map { " (\($0)\(since(way)))" } ?? "")
        }
        if let trouble = way.trouble { return trouble + since(way) }
        if way.state == .waiting, !message.hasRoute {
            return "there is no route over your own node yet: this device brings it itself"
        }
        return nil
    }

    private func since(_ way: Way) -> String {
        guard let since = way.troubleSince, now > since else { return "" }
        return ", since \(Self.duration((now - since) / 1000))"
    }

    /// A length of time in its two largest units at the most.
    static func duration(_ seconds: Int64) -> String {
        switch seconds {
        case ..<60: return "\(max(seconds, 0)) s"
        case ..<3600: return "\(seconds / 60) min"
        case ..<86_400: return "\(seconds / 3600) h \(seconds % 3600 / 60) min"
        default: return "\(seconds / 86_400) d \(seconds % 86_400 / 3600) h"
        }
    }
}
