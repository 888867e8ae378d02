import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemSync
import SpeemTransport

/// The account's nodes.
extension DeviceControl {
    func nodes() async throws -> JSON {
        let nodes = try await device.state.ownNodes()
        // All at once: those that do not answer take their time.
        let problems = await withTaskGroup(of: (Int, (any Error)?).self, returning: [Int: any Error].self) { group in
            for (index, node) in nodes.enumerated() {
                group.addTask { (index, await problem(reaching: node.entry)) }
            }
            var problems: [Int: any Error] = [:]
            for await (index, problem) in group { problems[index] = problem }
            return problems
        }
        var result: [JSON] = []
        for (index, node) in nodes.enumerated() {
            var members: [String: JSON] = [
                "node_key": .string(Hex.encode(node.entry.noise.bytes)),
                "addresses": .array(node.entry.addresses.map { .string($0) }),
                "home": .bool(index == 0 && !node.isRetired), "retired": .bool(node.isRetired),
                "reachable": .bool(problems[index] == nil),
            ]
            if let problem = problems[index] { members["problem"] = .string("\(problem)") }
            if case DeviceError.nodeLocked? = problems[index] { members["locked"] = .bool(true) }
            if let epoch = node.epoch { members["epoch"] = .string(Hex.encode(epoch)) }
            members["commits"] = .integer(node.commitNumber)
            result.append(.object(members))
        }
        return .array(result)
    }

    /// A new board in the place of an old one.
    func replaceNode(_ parameters: JSON) async throws -> JSON {
        guard let old = parameters["node"]?.stringValue, let text = parameters["invite"]?.stringValue else {
            throw ControlError.invalidParameters("nodes.replace takes a node and the claim invite of the new one")
        }
        let node = try await find(old)
        let invite = try Invite(text: text)
        guard invite.purpose == .claim else {
            throw DeviceError.invite("this is not a claim invite", hint: "the new node shows one when it starts")
        }
        let isLost = parameters["lost"]?.boolValue ?? false
        let device = device
        try await device.accepting.run {
            do {
                try await ClaimFlow(state: device.state, connections: device.connections).claim(
                    invite, place: .of(node.noise, isLost: isLost))
            } catch let error as TransportError where !isLost {
                throw DeviceError.outcomeUnknown(
                    "the new node was not put into the place of the old one: \(error)",
                    hint: "when the old board will never come back, add --lost")
            }
        }
        await settle()
        return .object([
            "node_key": .string(Hex.encode(invite.node.noise.bytes)),
            "addresses": .array(invite.node.addresses.map { .string($0) }),
        ])
    }

    /// The own node of an address, or whose key begins so; listed, or replaced already by an attempt that broke off.
    func find(_ name: String) async throws -> NodeEntry {
        let nodes = try await device.state.ownNodes()
        let claimed = try await device.state.store.read { try ClaimFlow.claimed(in: $0) }
        let entries = nodes.map(\.entry) + [claimed].compactMap(\.self)
        let matches = entries.filter { node in
            node.addresses.contains(name)
                || (name.count >= 4 && Hex.encode(node.noise.bytes).hasPrefix(name.lowercased()))
        }
        guard matches.count == 1, let only = matches.first else {
            throw DeviceError.unknownNode(name, known: nodes.compactMap { $0.entry.addresses.first })
        }
        return only
    }

    // MARK: Settings

    func settings(_ parameters: JSON) async throws -> JSON {
        let state = device.state
        if let name = parameters["name"]?.stringValue {
            guard let setting = AccountSetting(rawValue: name), let value = parameters["value"]?.boolValue else {
                throw ControlError.invalidParameters(
                    "the settings are: " + AccountSetting.allCases.map(\.rawValue).joined(separator: ", "))
            }
            try await state.store.write {
                try OwnSync(state: state).set(.setting(setting.rawValue), to: [value ? 1 : 0], in: $0)
            }
            await settle()
        }
        return try await state.store.read { connection in
            .object(
                Dictionary(
                    uniqueKeysWithValues: try AccountSetting.allCases.map {
                        ($0.rawValue, .bool(try $0.isOn(in: connection)))
                    }))
        }
    }
}
