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
                node: try OwnNode.find(in: connection), contacts: try ContactRows.all(in: connection).count,
                messages: try MessageRows.counts(in: connection), outgoing: try OutgoingRows.count(in: connection),
                rejected: try connection.first("SELECT rejected FROM device") { row throws(StoreError) in
                    try row.integer(0)
                } ?? 0
            )
        }
        let roster = try await state.roster()
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
            "key": .string("file"),
        ]
        if let node = read.node, node.isClaimed {
            result["node"] = .object([
                "addresses": .array(roster.nodes.first?.addresses.map { .string($0) } ?? []),
                "reachable": .bool(await isReachable(node.initiator)),
            ])
        }
        return .object(result)
    }

    private func isReachable(_ initiator: Int64) async -> Bool {
        let connections = device.connections
        return await Deadline.wait(Self.pingPatience) {
            (try? await connections.request(.with { $0.ping = WirePing() }, over: initiator)) != nil
        } ?? false
    }
}
