import SpeemCrypto
import SpeemIdentity
import SpeemStore
import SpeemSync
import SpeemTransport

/// The account's devices: listed, linked, named, removed.
extension DeviceControl {
    func devices() async throws -> JSON {
        let problem = await syncIfAlone()
        let state = device.state
        let (listed, asking, history) = try await state.store.read { connection in
            let roster = try OwnRoster.load(account: state.account, in: connection)
            let listed = try roster.devices.map { entry in
                JSON.object([
                    "name": .string(try DeviceNames.name(of: entry.id, in: connection)),
                    "device": .string(Hex.encode(entry.id.bytes)), "this": .bool(entry.id == state.id),
                ])
            }
            let asking = try LinkRows.pending(account: state.account, in: connection).map { link in
                JSON.object([
                    "name": .string(link.name), "device": .string(Hex.encode(link.device.id.bytes)),
                    "fingerprint": .string(Hex.encode(link.device.id.bytes.prefix(4))),
                ])
            }
            return (listed, asking, try HistoryProgress.all(in: connection))
        }
        var result: [String: JSON] = ["devices": .array(listed), "asking": .array(asking)]
        if !history.isEmpty { result["history"] = .array(history.map(\.json)) }
        if let problem { result["problem"] = .string(problem) }
        return .object(result)
    }

    /// The person's yes to a device that asks to be linked.
    func linkDevice(_ parameters: JSON) async throws -> JSON {
        let flow = LinkFlow(state: device.state, connections: device.connections, clock: device.clock)
        let name = try await flow.accept(
            try await flow.find(try name(parameters)), history: try Self.history(parameters["history"]?.stringValue))
        await settle()
        return .object(["name": .string(name)])
    }

    /// "all", "none", or a number of days such as "30d".
    private static func history(_ text: String?) throws -> LinkFlow.History {
        switch text {
        case nil, "all": return .all
        case "none": return .none
        case let text?:
            guard text.hasSuffix("d"), let days = Int64(text.dropLast()), days > 0 else {
                throw ControlError.invalidParameters("a history is \"all\", \"none\", or days such as \"30d\"")
            }
            return .days(days)
        }
    }

    /// The person's no.
    func refuseDevice(_ parameters: JSON) async throws -> JSON {
        let flow = LinkFlow(state: device.state, connections: device.connections, clock: device.clock)
        let link = try await flow.find(try name(parameters))
        try await flow.refuse(link)
        return .object(["name": .string(link.name)])
    }

    func removeDevice(_ parameters: JSON) async throws -> JSON {
        let state = device.state
        let wanted = try name(parameters)
        let (entry, name) = try await state.store.read { connection in
            let roster = try OwnRoster.load(account: state.account, in: connection)
            let entry = try DeviceNames.find(wanted, of: roster, in: connection)
            return (entry, try DeviceNames.name(of: entry.id, in: connection))
        }
        guard entry.id != state.id else {
            throw ControlError(
                code: 1, message: "this is the device you are using", hint: "remove it with another device of yours")
        }
        try await RosterFlow(state: state, connections: device.connections).change(.removeDevice(entry.id))
        await settle()
        return .object(["name": .string(name)])
    }

    func renameDevice(_ parameters: JSON) async throws -> JSON {
        let state = device.state
        let wanted = try name(parameters)
        guard let to = parameters["to"]?.stringValue else { throw ControlError.invalidParameters("which new name?") }
        try DeviceError.check(name: to)
        try await state.store.write { connection in
            let roster = try OwnRoster.load(account: state.account, in: connection)
            let entry = try DeviceNames.find(wanted, of: roster, in: connection)
            guard try DeviceNames.free(to, of: roster, in: connection) == to else {
                throw DeviceError.deviceNameTaken(to)
            }
            try OwnSync(state: state).set(.deviceName(entry.id), to: Array(to.utf8), in: connection)
        }
        await settle()
        return .object(["name": .string(to)])
    }

    private func name(_ parameters: JSON) throws -> String {
        guard let name = parameters["name"]?.stringValue else { throw ControlError.invalidParameters("which device?") }
        return name
    }

    /// Lets what was just changed go out: by the daemon, or here.
    func settle() async {
        device.news.notify()
        device.nodesChanged.notify()
        device.visitIsDue.notify()
        device.work.notify()
        await syncIfAlone()
    }
}

/// How far the history of another own device has come here.
struct HistoryProgress: Sendable {
    let device: String
    /// Messages that the other device has of the time that may be had.
    let total: Int64
    /// Messages of that time here.
    let here: Int64
    let isOver: Bool

    static func all(in connection: Connection) throws -> [HistoryProgress] {
        try connection.query(
            """
            SELECT device, total, (SELECT count(*) FROM message WHERE sent_ms >= since_ms), asked_ms = 0 FROM history
            WHERE device = (SELECT linked_by FROM device) OR since_ms = 0
            """
        ) { row throws(StoreError) in
            (device: try row.blob(0), total: try row.integer(1), here: try row.integer(2), isOver: try row.flag(3))
        }.map { row in
            HistoryProgress(
                device: try DeviceNames.name(of: DeviceID(row.device), in: connection), total: row.total,
                here: row.here, isOver: row.isOver)
        }
    }

    var json: JSON {
        .object([
            "from": .string(device), "total": .integer(total), "here": .integer(here), "complete": .bool(isOver),
        ])
    }
}
