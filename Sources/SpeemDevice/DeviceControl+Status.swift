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
            "key": .string("file"),
        ]
        if let node = read.nodes.first(where: { !$0.isRetired }) {
            result["node"] = .object([
                "addresses": .array(node.entry.addresses.map { .string($0) }),
                "reachable": .bool(await isReachable(node.entry)),
            ])
        }
        return .object(result)
    }

    func isReachable(_ node: NodeEntry) async -> Bool {
        let connections = device.connections
        let initiator = device.state.ownInitiator
        return await Deadline.wait(Self.pingPatience) {
            (try? await connections.connection(initiator, at: node).request(.with { $0.ping = WirePing() })) != nil
        } ?? false
    }
}
