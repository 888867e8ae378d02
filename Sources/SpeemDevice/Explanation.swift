/// Why a message is where it is, in words for a person. Pure.
struct Explanation: Sendable {
    let message: WayRows.Sent
    let ways: [Way]
    /// What is known of the own nodes that have something of it in their outboxes.
    var nodes: [NodeView] = []
    /// Unix milliseconds.
    let now: Int64

    /// An own node that brings something of the message.
    struct NodeView: Sendable {
        let key: [UInt8]
        /// One of its addresses.
        let name: String
        let isReachable: Bool
        let knowsTime: Bool
    }

    var words: [String] {
        var lines = [summary]
        let missing = ways.filter { $0.failure == nil }.count
        if missing > 0, message.state == .delivered || message.state == .seen {
            lines.append(
                missing == 1
                    ? "another device of \(message.contact) does not have it yet"
                    : "\(missing) other devices of \(message.contact) do not have it yet")
        }
        if ways.isEmpty, let line = lineWithoutWays { lines.append(line) }
        var seen = Set<String>()
        for line in ways.compactMap({ line($0) }) + nodes.flatMap({ self.lines($0) }) where seen.insert(line).inserted {
            lines.append(line)
        }
        if let problem = message.problem { lines.append("nothing reaches \(message.contact): \(problem)") }
        if let alarm = message.alarm { lines.append("warning: \(alarm)") }
        return lines
    }

    /// Nothing of it waits here for any device.
    private var lineWithoutWays: String? {
        let removed = "the devices that it was for are not in \(message.contact)'s account any more"
        switch message.state {
        // Only what was sent on this device is in this state.
        case .waiting: return removed
        case .queued, .stored: return "another device of yours looks after it, or \(removed)"
        case .delivered, .seen, .failed, .unread, .read: return nil
        }
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

    private func lines(_ node: NodeView) -> [String] {
        var lines: [String] = []
        if !node.isReachable {
            lines.append(
                "your node at \(node.name) cannot be reached now, so it is not known how far it has come; "
                    + "if the node is lost, take a new one into its place (speem nodes replace --lost)")
        } else if !node.knowsTime {
            lines.append("your node at \(node.name) does not know the time yet: until then it gives nothing up by age")
        }
        return lines
    }

    private func since(_ way: Way) -> String {
        guard let since = way.troubleSince else { return "" }
        let (passed, overflow) = now.subtractingReportingOverflow(since)
        guard !overflow, passed > 0 else { return "" }
        return ", since \(Self.duration(passed / 1000))"
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
