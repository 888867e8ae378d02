import Logging
import SpeemCrypto
public import SpeemTransport
import SpeemIdentity
import SpeemSessions
import SpeemStore
import SpeemSync

/// The device's methods, for the control socket and for commands that run without a daemon.
public struct DeviceControl: ControlHandler {
    let device: Device
    /// Whether a daemon looks after mail in the background; else each command does.
    let isDaemon: Bool
    /// The bound addresses of the daemon.
    let listening: [String]

    /// Seconds that an invite may live at the most, as in the configuration.
    private static let maxInviteLifetime: Int64 = 365 * 86_400

    /// How long a command waits for the network before it tells how far it came.
    static let patience: Duration = .seconds(8)

    public init(device: Device, isDaemon: Bool, listening: [String] = []) {
        self.device = device
        self.isDaemon = isDaemon
        self.listening = listening
    }

    public func call(_ method: String, _ parameters: JSON, session: ControlSession) async throws -> JSON {
        do {
            switch method {
            case "invite": return try await invite(parameters)
            case "accept": return try await accept(parameters)
            case "contacts": return try await contacts()
            case "contacts.remove": return try await removeContact(parameters)
            case "contacts.block": return try await blockContact(parameters)
            case "verify": return try await verify(parameters)
            case "send": return try await send(parameters)
            case "inbox": return try await inbox(parameters)
            case "follow": return try await follow(session)
            case "sent": return try await sent(parameters)
            case "nearby": return try await nearby()
            case "devices": return try await devices()
            case "devices.link": return try await linkDevice(parameters)
            case "devices.refuse": return try await refuseDevice(parameters)
            case "devices.remove": return try await removeDevice(parameters)
            case "devices.rename": return try await renameDevice(parameters)
            case "nodes": return try await nodes()
            case "node.config": return try await provisionNode(parameters)
            case "node.cancel": return try await cancelProvision(parameters)
            case "node.provisions": return try await provisions()
            case "nodes.replace": return try await replaceNode(parameters)
            case "outbox": return try await outbox()
            case "why": return try await why(parameters)
            case "delete": return try await delete(parameters)
            case "settings": return try await settings(parameters)
            case "backup": return try await backup(session)
            case "notices": return try await notices(parameters)
            case "status": return try await status()
            case "unlock.start": return try await startUnlocking(parameters)
            case "unlock.finish": return try await finishUnlocking(parameters)
            default: throw ControlError.methodNotFound(method)
            }
        } catch {
            throw Self.controlError(error)
        }
    }

    /// The error as JSON-RPC carries it.
    public static func controlError(_ error: any Error) -> ControlError {
        switch error {
        case let error as ControlError: error
        case let error as BackupError: ControlError(code: 1, message: "\(error)", hint: error.hint)
        case let error as DeviceError: ControlError(code: 1, message: "\(error)", hint: error.hint)
        case let error as TransportError:
            ControlError(code: 1, message: "\(error)", hint: "try again when the node can be reached")
        case let error as Invite.TextError:
            ControlError(code: 1, message: "\(error)", hint: "copy the whole text, from speem: to its end")
        default: ControlError(code: 1, message: "\(error)")
        }
    }

    // MARK: Meeting

    private func invite(_ parameters: JSON) async throws -> JSON {
        let lifetime = parameters["lifetime_seconds"]?.integerValue ?? device.inviteLifetime
        guard (1...Self.maxInviteLifetime).contains(lifetime) else {
            throw ControlError.invalidParameters(
                "an invite lives for a second up to \(Self.maxInviteLifetime / 86_400) days")
        }
        let kind: Invite.Kind
        switch parameters["kind"]?.stringValue {
        case nil, "contact": kind = .contact
        case "device": kind = .link
        default: throw ControlError.invalidParameters("an invite is for a \"contact\" or a \"device\"")
        }
        try await refill()
        defer { device.supplyIsDue.notify() }
        let invite = try await InviteFlow(
            state: device.state, connections: device.connections, clock: device.clock
        ).make(kind, lifetime: lifetime)
        return .object([
            "kind": .string(kind == .link ? "device" : "contact"), "invite": .string(invite.text),
            "qr": .string(invite.qrText),
            "expires": .integer(Int64(clamping: invite.expires)),
        ])
    }

    /// A contact that takes the invite needs prekeys; without a daemon this command brings them.
    private func refill() async throws {
        guard !isDaemon else { return }
        try await device.supply.refill()
    }

    private func accept(_ parameters: JSON) async throws -> JSON {
        guard let text = parameters["invite"]?.stringValue else {
            throw ControlError.invalidParameters("accept takes an invite")
        }
        let invite = try Invite(text: text)
        let name = parameters["name"]?.stringValue
        return try await device.accepting.run {
            switch invite.purpose {
            case .claim: try await claim(invite)
            case .link:
                throw DeviceError.invite(
                    "this invite links a new device, and this one belongs to an account already",
                    hint: "accept it on the new device, with a data folder of its own")
            case .contact(let inviter): try await accept(invite, from: inviter, name: name)
            }
        }
    }

    private func claim(_ invite: Invite) async throws -> JSON {
        try await ClaimFlow(state: device.state, connections: device.connections).claim(invite)
        device.nodesChanged.notify()
        device.visitIsDue.notify()
        var result: [String: JSON] = [
            "kind": .string("claim"), "node_key": .string(Hex.encode(invite.node.noise.bytes)),
            "addresses": .array(invite.node.addresses.map { .string($0) }),
        ]
        // The node is taken, whatever becomes of this: prekeys are brought later, too.
        do {
            try await device.supply.refill()
        } catch {
            result["problem"] = .string("no prekeys were brought yet: \(error)")
        }
        return .object(result)
    }

    private func accept(_ invite: Invite, from inviter: Invite.Inviter, name: String?) async throws -> JSON {
        let contact = try await AcceptFlow(
            state: device.state, connections: device.connections, clock: device.clock
        ).accept(invite, from: inviter, name: name)
        device.supplyIsDue.notify()
        if !isDaemon { try? await device.supply.refill() }
        return .object([
            "kind": .string("contact"), "contact": .string(contact.name),
            "safety_number": .string(safetyNumber(contact).description),
        ])
    }

    private func contacts() async throws -> JSON {
        await syncIfAlone()
        let contacts = try await device.state.store.read { try ContactRows.all(in: $0) }
        return .array(
            contacts.map { contact in
                var members: [String: JSON] = [
                    "name": .string(contact.name), "account": .string(Hex.encode(contact.account.bytes)),
                    "state": .string(contact.state.word), "verified": .bool(contact.isVerified),
                ]
                if contact.isBlocked { members["blocked"] = .bool(true) }
                if let problem = contact.problem { members["problem"] = .string(problem) }
                if let alarm = contact.alarm { members["alarm"] = .string(alarm) }
                return .object(members)
            })
    }

    private func verify(_ parameters: JSON) async throws -> JSON {
        let contact = try await contact(parameters)
        if let verified = parameters["verified"]?.boolValue {
            let state = device.state
            try await state.store.write {
                try OwnSync(state: state).set(
                    .contactVerified(contact.account), to: [verified ? 1 : 0], in: $0)
            }
            await settle()
        }
        let isVerified = parameters["verified"]?.boolValue ?? contact.isVerified
        return .object([
            "contact": .string(contact.name), "safety_number": .string(safetyNumber(contact).description),
            "verified": .bool(isVerified),
        ])
    }

    /// What the person has to be told and was not yet; `shown` is the number up to which the caller has.
    private func notices(_ parameters: JSON) async throws -> JSON {
        if let shown = parameters["shown"]?.integerValue {
            try await device.state.store.write { try NoticeRows.shown(upTo: shown, in: $0) }
        }
        let notices = try await device.state.store.read { try NoticeRows.unshown(in: $0) }
        return .array(notices.map { .object(["number": .integer($0.id), "text": .string($0.text)]) })
    }

    private func safetyNumber(_ contact: Contact) -> SafetyNumber {
        SafetyNumber(device.state.account, contact.account)
    }

    func contact(_ parameters: JSON) async throws -> Contact {
        guard let name = parameters["contact"]?.stringValue else {
            throw ControlError.invalidParameters("which contact?")
        }
        return try await device.state.store.read { try ContactRows.find(name: name, in: $0) }
    }

    /// Without a daemon a listing first looks at the nodes.
    @discardableResult
    func syncIfAlone() async -> String? {
        guard !isDaemon else { return nil }
        let device = device
        return await Deadline.wait(Self.patience) { await device.sync().problem } ?? "the node has not answered yet"
    }
}
