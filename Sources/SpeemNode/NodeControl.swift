import SpeemCPace
import SpeemConfig
import SpeemCrypto
import SpeemIdentity
import SpeemMailbox
import SpeemProtocol
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
    /// Where the store's key comes from.
    let key: Config.StoreKeyKind

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

    private func status() async throws -> JSON {
        let report = try await requests.report()
        let state = requests.state
        let mailboxes = report.mailboxes.map { mailbox in
            JSON.object([
                "device": .string(Hex.encode(mailbox.device)), "envelopes": .integer(mailbox.envelopes),
                "bytes": .integer(mailbox.bytes), "oldest_age_seconds": .integer(mailbox.oldestAge),
            ])
        }
        let left = try spool.left()
        var members: [String: JSON] = [
            "role": .string("node"),
            "locked": .bool(false),
            "version": .string(SpeemVersion.text),
            "owned": .bool(state.account != nil),
            "retired": .bool(state.isRetired),
            "node_key": .string(Hex.encode(state.noiseKey.publicKey.bytes)),
            "addresses": .array(addresses.map { .string($0) }),
            "listening": .array(listening.map { .string($0) }),
            "uptime_seconds": .integer(report.uptime),
            "clock_synchronised": .bool(state.clock.wall != nil),
            "stored_bytes": .integer(report.stored),
            "quota_bytes": .integer(state.mailboxes.quota.total),
            "contacts": .integer(report.contacts),
            "connections": .integer(Int64(report.connections)),
            "commits": .integer(report.commits),
            "mailboxes": .array(mailboxes),
            "outbox": .object([
                "waiting": .integer(report.outboxWaiting), "routes_in_trouble": .integer(report.routesInTrouble),
            ]),
            "key": .string(key.rawValue),
        ]
        if left.bytes > 0 || !left.damaged.isEmpty {
            members["spool"] = .object([
                "bytes": .integer(left.bytes), "damaged": .array(left.damaged.map { .string($0) }),
            ])
        }
        return .object(members)
    }
}
