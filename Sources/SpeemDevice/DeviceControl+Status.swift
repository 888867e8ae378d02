import SpeemConfig
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport
import SwiftProtobuf

extension DeviceControl {
    /// How long a status waits for the own nodes.
    private static let statusPatience: Duration = .seconds(4)

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
        let looks = await look(at: read.nodes)
        if let index = read.nodes.firstIndex(where: { !$0.isRetired }) {
            let (node, look) = (read.nodes[index], looks[index])
            result["node"] = .object([
                "addresses": .array(node.entry.addresses.map { .string($0) }), "reachable": .bool(look.problem == nil),
            ])
            // Silence may be anything; this is not.
            if let problem = look.problem as? DeviceError { result["problem"] = .string("\(problem)") }
        }
        result["nodes"] = try await describe(read.nodes, looks: looks)
        return .object(result)
    }

    /// The names of the account's devices.
    func deviceNames() async throws -> [[UInt8]: String] {
        let account = device.state.account
        return try await device.state.store.read { connection in
            Dictionary(
                try OwnRoster.load(account: account, in: connection).devices.map {
                    ($0.id.bytes, try DeviceNames.name(of: $0.id, in: connection))
                }, uniquingKeysWith: { first, _ in first })
        }
    }

    func isReachable(_ node: NodeEntry) async -> Bool { await look(at: node).problem == nil }

    /// All nodes at once: those that do not answer take their time.
    func look(at nodes: [OwnNode]) async -> [NodeLook] {
        await withTaskGroup(of: (Int, NodeLook).self) { group in
            for (index, node) in nodes.enumerated() { group.addTask { (index, await look(at: node.entry)) } }
            var looks = [NodeLook](repeating: .problem(TransportError.disconnected), count: nodes.count)
            for await (index, look) in group { looks[index] = look }
            return looks
        }
    }

    /// Asks a node how it is.
    func look(at node: NodeEntry) async -> NodeLook {
        let connections = device.connections
        let initiator = device.state.ownInitiator
        return await Deadline.wait(Self.statusPatience) { () -> NodeLook in
            do {
                return .state(try await connections.connection(initiator, at: node).nodeStatus())
            } catch let error as RefusalError where error.code == .locked {
                return .problem(DeviceError.nodeLocked(node.addresses.first ?? "?"))
            } catch {
                return .problem(error)
            }
        } ?? .problem(TransportError.timedOut(address: node.addresses.first ?? ""))
    }
}
