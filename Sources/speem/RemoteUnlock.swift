import SpeemConfig
import SpeemCrypto
import SpeemStore
import SpeemTransport

/// Unlocks an own node from a device, after its person has looked and said yes.
struct RemoteUnlock {
    let config: Config
    let node: String?
    /// Of the node.
    let passphraseFile: String?

    func run() async throws {
        try await Caller.session(config) { caller in
            var which: [String: JSON] = [:]
            if let node { which["node"] = .string(node) }
            let info = try await caller.call("unlock.start", which)
            guard let key = info["node_key"]?.stringValue,
                let encoded = Hex.decode(info["wrapped_key"]?.stringValue ?? "")
            else { throw Failure("the daemon's answer names no node") }
            for line in Self.lines(info) { Output.note(Output.printable(line)) }
            try Self.requireYes()
            let unwrapped = try WrappedKey(encoded).unwrap(PassphraseInput.nodes(file: passphraseFile))
            let text = String(decoding: Hex.encode(unwrapped.secret).exposedCopy(), as: UTF8.self)
            _ = try await caller.call("unlock.finish", ["node_key": .string(key), "key": .string(text)])
            Output.line("unlocked")
        }
    }

    /// What a person compares with what they know.
    static func lines(_ info: JSON) -> [String] {
        let name = info["name"]?.stringValue ?? ""
        let addresses = (info["addresses"]?.arrayValue ?? []).compactMap(\.stringValue)
        var lines = [
            "node:     " + (name.isEmpty ? "" : name + ", ")
                + "key \((info["node_key"]?.stringValue ?? "?").prefix(8))",
            "answers at \(info["address"]?.stringValue ?? "?")"
                + (addresses.isEmpty ? "" : ", and says that it listens at " + addresses.joined(separator: ", ")),
            "its machine was started \(ago(info["boot_seconds"])), the node \(ago(info["locked_seconds"]))",
        ]
        if let bytes = info["spool_bytes"]?.integerValue, let limit = info["spool_limit"]?.integerValue, limit > 0 {
            lines.append("it has taken in \(bytes) of \(limit) bytes while it was locked")
        }
        lines.append("say yes only if it is where you left it, and you know why it was started")
        return lines
    }

    private static func ago(_ seconds: JSON?) -> String {
        let seconds = seconds?.integerValue ?? 0
        switch seconds {
        case ..<60: return "\(max(seconds, 0)) s ago"
        case ..<3600: return "\(seconds / 60) min ago"
        case ..<86_400: return "\(seconds / 3600) h \(seconds % 3600 / 60) min ago"
        default: return "\(seconds / 86_400) d \(seconds % 86_400 / 3600) h ago"
        }
    }

    private static func requireYes() throws {
        Output.prompt("unlock it? (yes or no) ")
        guard PassphraseInput.answer() == "yes" else {
            throw Failure("the node was not unlocked", hint: "the answer was not yes")
        }
    }
}
