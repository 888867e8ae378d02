import SpeemDoctor
import SpeemTransport

/// What `speem status` says to a person: a word and what it is about on each line.
struct StatusText {
    private(set) var lines: [String] = []

    /// Of the answer to `status`.
    init(_ status: JSON) {
        if status["role"]?.stringValue == "node" { node(status) } else { device(status) }
    }

    private mutating func node(_ status: JSON) {
        add("role", "node")
        add(
            "owned",
            status["retired"] == .bool(true) ? "no longer: another node has taken its place" : yes(status["owned"]))
        add("version", status["version"]?.stringValue)
        add("node key", status["node_key"]?.stringValue)
        add("listening", list(status["listening"]))
        if let provision = status["provision"]?.stringValue {
            add("waits", provision == "waiting" ? "for its owner's device" : "no longer: nobody has come in time")
        }
        if status["locked"] == .bool(true) { locked(status) } else { state(status) }
        add("spool", spool(status["spool"] ?? .null))
        for file in status["spool"]?["damaged"]?.arrayValue ?? [] { add("damaged", file.stringValue) }
    }

    /// A node that has not been unlocked since it started knows little of itself.
    private mutating func locked(_ status: JSON) {
        add("locked", "yes: speem unlock")
        add("problem", status["problem"]?.stringValue)
        add("key", status["key"]?.stringValue)
        add("running", status["locked_seconds"]?.integerValue.map(Self.time))
        add("machine", status["boot_seconds"]?.integerValue.map { "up for \(Self.time($0))" })
        add("connections", number(status["connections"]))
        if let wrong = status["wrong_keys"]?.integerValue, wrong > 0 { add("wrong keys", "\(wrong)") }
    }

    /// What a locked node has taken in, or what of it has not gone into the mailboxes yet.
    private func spool(_ spool: JSON) -> String? {
        guard let bytes = Self.bytes(spool["bytes"]) else { return nil }
        var words: [String] = []
        if let deposits = spool["deposits"]?.integerValue { words.append(Self.count(deposits, "deposit")) }
        words.append(bytes + (Self.bytes(spool["limit"]).map { " of \($0)" } ?? ""))
        return words.joined(separator: ", ")
    }

    private mutating func device(_ status: JSON) {
        add("role", "device")
        add("version", status["version"]?.stringValue)
        add("name", status["name"]?.stringValue)
        add("account", status["account"]?.stringValue)
        add("device", status["device"]?.stringValue)
        add("daemon", status["daemon"] == .bool(true) ? "running" : "not running: speem run keeps it connected")
        add("listening", list(status["listening"]))
        add("key", status["key"]?.stringValue)
        add("contacts", number(status["contacts"]))
        add("unread", number(status["unread"]))
        add("waiting", number(status["waiting"]))
        add("undelivered", number(status["undelivered"]))
        if status["rejected"]?.integerValue != 0 { add("rejected", number(status["rejected"])) }
        add("problem", status["problem"]?.stringValue)
        for node in status["nodes"]?.arrayValue ?? [] {
            lines.append("")
            let place = node["retired"] == .bool(true) ? "retired" : node["home"] == .bool(true) ? "home" : "further"
            add("node", "\(node["addresses"]?.arrayValue?.first?.stringValue ?? "?"), \(place)")
            if let state = node["state"] {
                add("version", state["version"]?.stringValue)
                self.state(state)
            } else {
                add("reachable", "no: \(node["problem"]?.stringValue ?? "it does not answer")")
            }
        }
    }

    /// What a node says of itself, and to its owner's devices.
    private mutating func state(_ state: JSON) {
        add("locked", yes(state["locked"]))
        add("key", state["key"]?.stringValue)
        add("running", state["uptime_seconds"]?.integerValue.map(Self.time))
        let reason = state["clock_reason"]?.stringValue ?? ""
        add(
            "clock",
            (state["clock_synchronised"] == .bool(true) ? "trusted" : "not trusted")
                + (reason.isEmpty ? "" : ": \(reason)"))
        disk(state["disk"] ?? .null)
        add("written", Self.bytes(state["written_bytes"]).map { "\($0) since the start" })
        add(
            "mailboxes", Self.bytes(state["stored_bytes"]).map { "\($0) of \(Self.bytes(state["quota_bytes"]) ?? "?")" }
        )
        for mailbox in state["mailboxes"]?.arrayValue ?? [] { self.mailbox(mailbox) }
        let devices = state["online"]?["devices"]?.arrayValue?.count ?? 0
        add(
            "online",
            "\(Self.count(Int64(devices), "own device")), \(Self.count(state["online"]?["contacts"]?.integerValue ?? 0, "contact")) of \(number(state["contacts"]) ?? "?")"
        )
        let waiting = state["outbox"]?["waiting"]?.integerValue ?? 0
        let trouble = state["outbox"]?["routes_in_trouble"]?.integerValue ?? 0
        add("outbox", "\(waiting) waiting" + (trouble > 0 ? ", \(Self.count(trouble, "route")) in trouble" : ""))
    }

    /// "28 GB of 31 GB free"; nil where it is not known.
    static func space(_ disk: JSON) -> String? {
        guard let free = bytes(disk["free_bytes"]), let total = bytes(disk["total_bytes"]) else { return nil }
        return "\(free) of \(total) free"
    }

    private mutating func disk(_ disk: JSON) {
        var words = [Self.space(disk)].compactMap(\.self)
        if let used = Self.bytes(disk["used_bytes"]) { words.append("the data folder takes \(used)") }
        if disk["refuses"] == .bool(true) { words.append("TOO FULL: nothing more is taken in") }
        if !words.isEmpty { add("disk", words.joined(separator: "; ")) }
    }

    private mutating func mailbox(_ mailbox: JSON) {
        let device = mailbox["device"]?.stringValue ?? "?"
        var words = mailbox["name"]?.stringValue ?? String(device.prefix(8))
        let envelopes = mailbox["envelopes"]?.integerValue ?? 0
        if envelopes == 0 {
            words += ": empty"
        } else {
            words += ": \(Self.count(envelopes, "envelope")), \(Self.bytes(mailbox["bytes"]) ?? "?")"
            if let age = mailbox["oldest_age_seconds"]?.integerValue { words += ", the oldest \(Self.time(age)) old" }
        }
        if mailbox["online"] == .bool(true) { words += "; online" }
        add("", words)
    }

    // MARK: Words

    private static let width = 13

    /// A line, unless there is nothing to say.
    private mutating func add(_ word: String, _ text: String?) {
        guard let text, !text.isEmpty else { return }
        let label = word.isEmpty ? "" : word + ":"
        lines.append(label + String(repeating: " ", count: max(Self.width - label.count, 1)) + text)
    }

    private func yes(_ json: JSON?) -> String? { json?.boolValue.map { $0 ? "yes" : "no" } }
    private func number(_ json: JSON?) -> String? { json?.integerValue.map { "\($0)" } }
    private static func bytes(_ json: JSON?) -> String? { json?.integerValue.map { Bytes.text(UInt64(clamping: $0)) } }
    private func list(_ json: JSON?) -> String? {
        json?.arrayValue?.compactMap(\.stringValue).joined(separator: ", ")
    }

    private static func count(_ number: Int64, _ word: String) -> String {
        "\(number) \(word)\(number == 1 ? "" : "s")"
    }

    /// "42 s", "3 min", "7 h", "12 d": rounded down, at least two of each unit but the first.
    static func time(_ seconds: Int64) -> String {
        switch seconds {
        case ..<120: "\(max(seconds, 0)) s"
        case ..<7_200: "\(seconds / 60) min"
        case ..<172_800: "\(seconds / 3_600) h"
        default: "\(seconds / 86_400) d"
        }
    }
}
