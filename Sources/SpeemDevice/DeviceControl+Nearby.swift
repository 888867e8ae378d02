import SpeemDiscovery
import SpeemIdentity
import SpeemStore
import SpeemTransport

/// Who is on the same network.
extension DeviceControl {
    /// How long a command looks around when no daemon does it all the time.
    private static let lookAroundTime: Duration = .seconds(3)

    func nearby() async throws -> JSON {
        if !isDaemon { await lookAround() }
        guard let findings = device.discovery.findings else {
            return .object([
                "mode": .string("off"), "peers": .array([]), "unowned": .array([]), "strangers": .integer(0),
            ])
        }
        let state = device.state
        let peers = try await state.store.read { connection in
            try findings.peers.flatMap { who, addresses in
                let (name, kind) = try describe(who, in: connection)
                return addresses.map { JSON($0, ["name": .string(name), "kind": .string(kind)]) }
            }
        }
        var members: [String: JSON] = [
            "mode": .string("private"), "peers": .array(peers),
            "unowned": .array(findings.unowned.map { JSON($0, [:]) }),
            "strangers": .integer(Int64(findings.strangers)),
        ]
        if let problem = findings.problem {
            members["problem"] = .string(problem.description)
            members["hint"] = .string(problem.hint)
        }
        return .object(members)
    }

    /// Finds who is on the network, for a command without a daemon: what answers at once is all that it sees.
    func lookAround() async {
        let device = device
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await device.discovery.run(listeningAt: []) { _ in } }
            group.addTask { try? await Task.sleep(for: Self.lookAroundTime) }
            await group.next()
            // What was found is kept.
            group.cancelAll()
        }
    }

    private func describe(_ who: Neighbour, in connection: Connection) throws -> (name: String, kind: String) {
        switch who {
        case .ownNode: return ("you", "node")
        case .provisionedNode(let name): return (name, "node")
        case .ownDevice(let device):
            return (try DeviceNames.name(of: device, in: connection), "own device")
        case .contactsNode(let contact):
            return (try ContactRows.find(contact, in: connection)?.name ?? "?", "node")
        case .contactsDevice(let contact, _):
            return (try ContactRows.find(contact, in: connection)?.name ?? "?", "device")
        }
    }
}
