import SpeemConfig
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf

extension DeviceControl {
    /// How long a status waits for the own node.
    private static let pingPatience: Duration = .seconds(4)

    func status() async throws -> JSON {
        let state = device.state
        let read = try await state.store.read { connection in
            (
                nodes: try OwnNodeRows.all(account: state.account, in: connection),
                contacts: try ContactRows.all(in: connection).count,
                messages: try MessageRows.counts(in: connection), outgoing: try OutgoingRows.count(in: connection),
                rejected: try connection.first("SELECT rejected FROM device") { row throws(StoreError) in
                    try row.integer(0)
                } ?? 0
            )
        }
        var result: [String: JSON] = [
            "role": .string("device"),
            "version": .string(SpeemVersion.text),
            "name": .string(state.name),
            "account": .string(Hex.encode(state.account.bytes)),
            "device": .string(Hex.encode(state.id.bytes)),
            "daemon": .bool(isDaemon),
            "contacts": .integer(Int64(read.contacts)),
            "unread": .integer(read.messages[MessageState.unread.rawValue] ?? 0),
            "waiting": .integer(read.outgoing.waiting),
            "undelivered": .integer(read.outgoing.undelivered),
            "rejected": .integer(read.rejected),
            "key": .string(device.storeKey.rawValue),
        ]
        if isDaemon { result["listening"] = .array(listening.map { .string($0) }) }
        if let node = read.nodes.first(where: { !$0.isRetired }) {
            let problem = await problem(reaching: node.entry)
            result["node"] = .object([
                "addresses": .array(node.entry.addresses.map { .string($0) }), "reachable": .bool(problem == nil),
            ])
            // Silence may be anything; this is not.
            if let problem = problem as? DeviceError { result["problem"] = .string("\(problem)") }
        }
        return .object(result)
    }

    func isReachable(_ node: NodeEntry) async -> Bool { await problem(reaching: node) == nil }

    /// Why a node does not answer, or not as it should; nil when it does.
    func problem(reaching node: NodeEntry) async -> (any Error)? {
        let connections = device.connections
        let initiator = device.state.ownInitiator
        return await Deadline.wait(Self.pingPatience) { () -> (any Error)? in
            do {
                let response = try await connections.connection(initiator, at: node).request(
                    .with { $0.unlockStart = WireUnlockStart() })
                guard case .unlockInfo(let info) = response.kind, info.locked else { return nil }
                return DeviceError.nodeLocked(node.addresses.first ?? "?")
            } catch {
                return error
            }
        } ?? TransportError.timedOut(address: node.addresses.first ?? "")
    }
}
