import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemTransport

/// Where messages are on their way, and why.
extension DeviceControl {
    /// Texts that a contact's node does not have yet for every device, oldest first.
    func outbox() async throws -> JSON {
        let problem = await syncIfAlone()
        let rows = try await device.state.store.read { try WayRows.unstored(in: $0) }
        var result: [String: JSON] = ["messages": .array(WayRows.perMessage(rows).map(\.json))]
        if let problem { result["problem"] = .string(problem) }
        return .object(result)
    }

    func why(_ parameters: JSON) async throws -> JSON {
        guard let id = parameters["message"]?.stringValue, !id.isEmpty else {
            throw ControlError.invalidParameters("which message?")
        }
        await syncIfAlone()
        let (message, ways) = try await device.state.store.read { connection in
            let message = try WayRows.message(beginning: id, in: connection)
            return (message, try WayRows.all(of: message.id, in: connection))
        }
        let words = Explanation(
            message: message, ways: ways, nodes: try await views(ways), now: device.clock.milliseconds()
        ).words
        return .object([
            "id": .string(Hex.encode(message.id)), "contact": .string(message.contact),
            "state": .string(message.state.word), "words": .array(words.map { .string($0) }),
        ])
    }

    /// How the own nodes are that have something of a message in their outboxes.
    private func views(_ ways: [Way]) async throws -> [Explanation.NodeView] {
        let keys = Set(ways.filter { $0.state == .queued }.compactMap(\.node))
        guard !keys.isEmpty else { return [] }
        var views: [Explanation.NodeView] = []
        for node in try await device.state.ownNodes() where keys.contains(node.entry.noise.bytes) {
            views.append(
                Explanation.NodeView(
                    key: node.entry.noise.bytes, name: node.entry.addresses.first ?? "an unknown address",
                    isReachable: await isReachable(node.entry), knowsTime: node.knowsTime))
        }
        return views
    }

    /// Deletes what was said with a contact, on all own devices.
    func delete(_ parameters: JSON) async throws -> JSON {
        let contact = try await contact(parameters)
        let state = device.state
        let count = try await state.store.write { connection in
            let ids = try MessageRows.ids(contact: contact.id, in: connection)
            for id in ids { try MessageRows.delete(id, in: connection) }
            try OwnSync(state: state).queueMarks(
                ids.map { .mark($0, conversation: contact.account, deleted: true) }, in: connection)
            return ids.count
        }
        await settle()
        return .object(["contact": .string(contact.name), "deleted": .integer(Int64(count))])
    }
}

/// An envelope of a text on its way to one device.
struct Way: Sendable {
    let message: [UInt8]
    let contact: String
    let state: OutgoingState
    let isSealed: Bool
    let trouble: String?
    /// Since when, Unix milliseconds.
    let troubleSince: Int64?
    let failure: String?
    let device: [UInt8]
    /// The key of the own node that has it.
    let node: [UInt8]?

    var json: JSON {
        var members: [String: JSON] = [
            "id": .string(Hex.encode(message)), "contact": .string(contact),
            "state": .string(state == .waiting ? "waiting" : "queued"),
        ]
        if let trouble { members["trouble"] = .string(trouble) }
        if let troubleSince { members["since_ms"] = .integer(troubleSince) }
        return .object(members)
    }
}

enum WayRows {
    private static let maxCount: Int64 = 1000
    private static let columns = """
        SELECT outgoing.message_id, contact.name, outgoing.state, header IS NOT NULL, trouble, trouble_ms, failure, device,
            item_node
        FROM outgoing JOIN contact ON contact.id = outgoing.contact
        """

    static func unstored(in connection: Connection) throws(StoreError) -> [Way] {
        try connection.query(
            columns
                + """
                 WHERE is_self = 0 AND outgoing.state < 2 AND failure IS NULL AND keep_until_delivered = 1
                ORDER BY outgoing.id LIMIT ?
                """, .integer(maxCount), row: read)
    }

    /// One for each message, whichever keeps it waiting, in their order.
    static func perMessage(_ ways: [Way]) -> [Way] {
        var places: [[UInt8]: Int] = [:]
        var result: [Way] = []
        for way in ways {
            guard let place = places[way.message] else {
                places[way.message] = result.count
                result.append(way)
                continue
            }
            let known = result[place]
            // Only here is less far, and words tell more than none.
            if way.state == known.state ? known.trouble == nil && way.trouble != nil : way.state == .waiting {
                result[place] = way
            }
        }
        return result
    }

    static func all(of message: [UInt8], in connection: Connection) throws(StoreError) -> [Way] {
        try connection.query(
            columns + " WHERE is_self = 0 AND outgoing.message_id = ? ORDER BY outgoing.id", .blob(message), row: read)
    }

    private static func read(_ row: Row) throws(StoreError) -> Way {
        Way(
            message: try row.blob(0), contact: try row.text(1),
            state: OutgoingState(rawValue: try row.integer(2)) ?? .waiting, isSealed: try row.flag(3),
            trouble: try row.optionalText(4), troubleSince: try row.optionalInteger(5),
            failure: try row.optionalText(6), device: try row.blob(7), node: try row.optionalBlob(8))
    }

    /// A sent message.
    struct Sent: Sendable {
        let id: [UInt8]
        let contact: String
        let state: MessageState
        /// Its conversation's other side was named in an alarm.
        let alarm: String?
        let problem: String?
        let hasRoute: Bool
    }

    /// The only sent message whose id begins so, in hexadecimal.
    static func message(beginning text: String, in connection: Connection) throws -> Sent {
        let wanted = text.lowercased()
        guard wanted.allSatisfy(\.isHexDigit), wanted.count <= 64 else { throw DeviceError.unknownMessage(text) }
        let found = try connection.query(
            """
            SELECT message_id, contact.name, message.state, alarm, problem, route_state = 2
            FROM message JOIN contact ON contact.id = message.contact
            WHERE outgoing = 1 AND substr(lower(hex(message_id)), 1, ?) = ? LIMIT 2
            """, .integer(Int64(wanted.count)), .text(wanted)
        ) { row throws(StoreError) in
            Sent(
                id: try row.blob(0), contact: try row.text(1),
                state: MessageState(rawValue: try row.integer(2)) ?? .waiting, alarm: try row.optionalText(3),
                problem: try row.optionalText(4), hasRoute: try row.flag(5))
        }
        guard found.count == 1, let only = found.first else { throw DeviceError.unknownMessage(text) }
        return only
    }
}
