import SpeemCrypto
import SpeemIdentity
import SpeemStore
import SpeemTransport

/// Nodes that start as the account's own, because a file says so.
extension DeviceControl {
    /// Writes down that a node is waited for; what its file needs is in the answer, and nowhere else.
    func provisionNode(_ parameters: JSON) async throws -> JSON {
        guard let name = parameters["name"]?.stringValue else {
            throw ControlError.invalidParameters("node.config takes a name")
        }
        try DeviceError.check(name: name)
        let addresses = parameters["advertise"]?.arrayValue?.compactMap(\.stringValue) ?? []
        let replaces = try await parameters["replaces"]?.stringValue.asyncMap { try await find($0).noise }
        let secret = device.state.random.secret(Provision.secretLength)
        let node: NodeEntry
        do {
            node = try NodeEntry(noise: ProvisionKeys(secret: secret).node.publicKey, addresses: addresses)
        } catch {
            throw ControlError.invalidParameters("an address is too long, or there are too many")
        }
        let provision = PendingProvision(
            name: name, secret: secret, node: node, expires: device.clock.seconds() + Provision.lifetime, oneTime: nil,
            replaces: replaces, isLost: parameters["lost"]?.boolValue ?? false, problem: nil)
        let state = device.state
        try await state.store.write { connection in
            for node in try OwnRoster.load(account: state.account, in: connection).nodes
            where try NodeNames.name(of: node.noise, in: connection) == name && node.noise != replaces {
                throw DeviceError.nodeNameTaken(name)
            }
            try ProvisionRows.insert(provision, in: connection)
        }
        device.neighboursChanged.notify()
        device.provisionsChanged.notify()
        return .object([
            "name": .string(name), "account": .string(Hex.encode(state.account.bytes)),
            "secret": .string(Hex.encode(secret.exposedCopy())), "expires": .integer(provision.expires),
        ])
    }

    func cancelProvision(_ parameters: JSON) async throws -> JSON {
        guard let name = parameters["name"]?.stringValue else {
            throw ControlError.invalidParameters("node.cancel takes a name")
        }
        try await ProvisionFlow(
            state: device.state, connections: device.connections, clock: device.clock, accepting: device.accepting
        ).cancel(name)
        device.neighboursChanged.notify()
        await settle()
        return .object(["name": .string(name)])
    }

    /// The nodes that are waited for. A command without a daemon first looks for them.
    func provisions() async throws -> JSON {
        if !isDaemon { await lookForProvisioned() }
        return .array(
            try await device.state.store.read { try ProvisionRows.all(in: $0) }.map { provision in
                var members: [String: JSON] = [
                    "name": .string(provision.name), "waiting": .bool(true), "expires": .integer(provision.expires),
                    "addresses": .array(provision.node.addresses.map { .string($0) }),
                ]
                if let problem = provision.problem { members["problem"] = .string(problem) }
                return .object(members)
            })
    }

    /// Once: at the addresses that are known, and at what answers on the network at once.
    private func lookForProvisioned() async {
        let device = device
        guard let waiting = try? await device.state.store.read({ try ProvisionRows.all(in: $0) }), !waiting.isEmpty
        else { return }
        let taken = await Deadline.wait(Self.patience) {
            let first = try? await device.takeProvisioned()
            guard first?.isWaiting == true else { return first?.taken ?? 0 }
            await self.lookAround()
            return (first?.taken ?? 0) + ((try? await device.takeProvisioned())?.taken ?? 0)
        }
        if let taken, taken > 0 { await settle() }
    }
}

extension Optional {
    fileprivate func asyncMap<T>(_ body: (Wrapped) async throws -> T) async rethrows -> T? {
        guard let self else { return nil }
        return try await body(self)
    }
}
