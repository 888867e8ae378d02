import SpeemCPace
import SpeemConfig
import SpeemCrypto
import SpeemIdentity
import SpeemTransport

/// The node's methods on the control socket.
struct NodeControl: ControlHandler {
    let requests: NodeRequests
    let claim: @Sendable () async throws -> Invite?
    /// What invites say to connect to.
    let addresses: [String]
    /// The bound addresses.
    let listening: [String]
    let spool: SpoolReplay

    func call(_ method: String, _ parameters: JSON, session: ControlSession) async throws -> JSON {
        switch method {
        case "status": return try await status()
        case "invite": return try await invite()
        case "nearby": return requests.discovery.report
        case "claim.code": return try await claimCode()
        case "unlock": return LockedControl.answer
        default:
            guard ControlMethods.device.contains(method) else { throw ControlError.methodNotFound(method) }
            throw ControlError(
                code: 1, message: "this is a node: it keeps sealed messages, and reads and sends none",
                hint: "run the command with the configuration of a device: --config FILE")
        }
    }

    private func invite() async throws -> JSON {
        try await requireNoProvision()
        guard let invite = try await claim() else {
            throw ControlError(
                code: 1, message: "the node is owned", hint: "contact invites are made on a device: speem invite")
        }
        await requests.networkClaim?.replace(invite)
        return .object([
            "kind": .string("claim"), "invite": .string(invite.text), "qr": .string(invite.qrText),
        ])
    }

    /// Opens the window for claims over the network, whatever has closed it.
    private func claimCode() async throws -> JSON {
        try await requireNoProvision()
        guard let networkClaim = requests.networkClaim else {
            throw ControlError(
                code: 1, message: "this node cannot be claimed over the network: the configuration says so",
                hint: "set network = true in [claim], or take it with the invite: speem invite")
        }
        guard let invite = try await claim(), let offer = try await networkClaim.open(invite) else {
            throw ControlError(
                code: 1, message: "the node is owned", hint: "its devices: speem devices, on one of them")
        }
        return .object([
            "code": .string(offer.code.text), "addresses": .array(offer.addresses.map { .string($0) }),
        ])
    }

    /// A file has promised the node to an account: it has no invite to give away.
    private func requireNoProvision() async throws {
        switch try await requests.state.provisionState() {
        case nil: break
        case .waiting:
            throw ControlError(
                code: 1, message: "the node waits for a device of the account that its configuration names",
                hint:
                    "run speem on that device, on this network or where it reaches the node; speem nodes there shows it"
            )
        case .expired:
            throw ControlError(
                code: 1, message: "nobody has come in time for the node that the configuration has promised",
                hint: "make a new file on a device: speem node config; or begin anew with an empty data folder")
        }
    }

    private func status() async throws -> JSON {
        var result = try await requests.report().json
        result["role"] = .string("node")
        result["node_key"] = .string(Hex.encode(requests.state.noiseKey.publicKey.bytes))
        result["addresses"] = .array(addresses.map { .string($0) })
        result["listening"] = .array(listening.map { .string($0) })
        if let provision = try await requests.state.provisionState() {
            result["provision"] = .string(provision.rawValue)
        }
        let left = try spool.left()
        if left.bytes > 0 || !left.damaged.isEmpty {
            result["spool"] = .object([
                "bytes": .integer(left.bytes), "damaged": .array(left.damaged.map { .string($0) }),
            ])
        }
        return .object(result)
    }
}
