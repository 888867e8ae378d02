import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf

/// What an own node says of itself, or why it says nothing.
enum NodeLook: Sendable {
    case state(WireNodeState)
    case problem(any Error)

    var problem: (any Error)? {
        switch self {
        case .state: nil
        case .problem(let error): error
        }
    }

    /// For the control socket; the names are stable.
    ///
    /// - Parameters:
    ///   - name: what its owner calls it.
    ///   - devices: names of the account's devices, by their ids.
    func json(of node: OwnNode, name: String?, isHome: Bool, devices: [[UInt8]: String]) -> JSON {
        var members: [String: JSON] = [
            "node_key": .string(Hex.encode(node.entry.noise.bytes)),
            "addresses": .array(node.entry.addresses.map { .string($0) }),
            "home": .bool(isHome && !node.isRetired), "retired": .bool(node.isRetired),
            "commits": .integer(node.commitNumber),
        ]
        members["name"] = name.map { .string($0) }
        if let epoch = node.epoch { members["epoch"] = .string(Hex.encode(epoch)) }
        switch self {
        case .state(let state):
            members["reachable"] = .bool(true)
            members["state"] = .object(Self.json(of: state, names: devices))
        case .problem(let error):
            members["reachable"] = .bool(false)
            members["problem"] = .string("\(error)")
            if case DeviceError.nodeLocked = error { members["locked"] = .bool(true) }
        }
        return .object(members)
    }

    /// With the names that the node's own status has.
    private static func json(of state: WireNodeState, names: [[UInt8]: String]) -> [String: JSON] {
        func count(_ value: UInt64) -> JSON { .integer(Int64(clamping: value)) }
        // 0 is what a node says that does not know.
        func known(_ value: UInt64) -> JSON { value == 0 ? .null : count(value) }
        let online = Set(state.devicesOnline.map { [UInt8]($0) })
        return [
            "version": .string(state.version),
            // One that is locked does not answer this.
            "locked": .bool(false),
            "key": state.keySource.isEmpty ? .null : .string(state.keySource),
            "uptime_seconds": count(state.uptimeSeconds),
            "clock_synchronised": .bool(!state.clockUnsynchronised),
            "clock_reason": .string(state.clockReason),
            "stored_bytes": count(state.storedBytes),
            "quota_bytes": count(state.quotaBytes),
            "written_bytes": known(state.writtenBytes),
            "disk": .object([
                "used_bytes": known(state.diskUsedBytes),
                // A full disk has 0 bytes free.
                "free_bytes": state.diskTotalBytes == 0 ? .null : count(state.diskFreeBytes),
                "total_bytes": known(state.diskTotalBytes), "refuses": .bool(state.diskRefuses),
            ]),
            "contacts": .integer(Int64(state.contactGrants)),
            "connections": .integer(Int64(state.connections)),
            "online": .object([
                "devices": .array(online.sorted { $0.lexicographicallyPrecedes($1) }.map { .string(Hex.encode($0)) }),
                "contacts": .integer(Int64(state.contactsOnline)),
            ]),
            "mailboxes": .array(
                state.mailboxes.map { mailbox in
                    let device = [UInt8](mailbox.device)
                    var members: [String: JSON] = [
                        "device": .string(Hex.encode(device)), "envelopes": count(mailbox.envelopes),
                        "bytes": count(mailbox.bytes), "oldest_age_seconds": count(mailbox.oldestAgeSeconds),
                        "online": .bool(online.contains(device)),
                    ]
                    members["name"] = names[device].map { .string($0) }
                    return .object(members)
                }),
            "outbox": .object(["waiting": count(state.outboxWaiting)]),
        ]
    }
}
