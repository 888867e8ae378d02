import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemSessions
import SpeemStore
import SpeemSync
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What the account's devices tell each other, so that every conversation is the same on all of them. In the transaction it
/// is given.
struct OwnSync: Sendable {
    let state: DeviceState

    // MARK: Telling

    /// Sets a register here, and tells the others.
    func set(_ key: RegisterKey, to value: [UInt8], in connection: Connection) throws {
        let register = try RegisterRows.set(key, to: value, by: state.id, in: connection)
        try apply(key, register, in: connection)
        try queue(.with { $0.registers = [.init(key, register)] }, in: connection)
    }

    /// Tells the others what became of messages.
    func queueMarks(_ marks: [WireSyncMessage], in connection: Connection) throws {
        var rest = marks[...]
        while !rest.isEmpty {
            let part = Array(rest.prefix(Limits.syncElements))
            rest = rest.dropFirst(part.count)
            try queue(.with { $0.messages = part }, in: connection)
        }
    }

    /// Tells the others how a contact is now.
    func queueCard(of contact: Int64, in connection: Connection) throws {
        guard try hasOthers(in: connection), let contact = try ContactRows.find(contact, in: connection) else { return }
        try queue(.with { $0.contacts = [try card(of: contact, in: connection)] }, in: connection)
    }

    /// Everything but messages, for a device that was just linked.
    func queueWelcome(
        to device: DeviceID, history: Bool, since: Int64, in connection: Connection
    ) throws {
        let registers = try RegisterRows.all(in: connection)
        let mail = OutgoingMail(state: state)
        for contact in try ContactRows.all(in: connection) {
            let card = try card(of: contact, in: connection)
            try mail.queueSync(.with { $0.contacts = [card] }, only: device, in: connection)
        }
        try mail.queueSync(
            .with {
                $0.registers = registers.map { .init($0.key, $0.register) }
                $0.linked = .with {
                    $0.history = history
                    $0.historySinceUnixMs = UInt64(clamping: since)
                }
            }, only: device, in: connection)
    }

    private func queue(_ sync: WireSync, in connection: Connection) throws {
        guard try hasOthers(in: connection) else { return }
        try OutgoingMail(state: state).queueSync(sync, in: connection)
    }

    private func hasOthers(in connection: Connection) throws -> Bool {
        try OwnRoster.load(account: state.account, in: connection).devices.count > 1
    }

    func card(of contact: Contact, in connection: Connection) throws -> WireContactCard {
        let roster = try ContactRows.roster(of: contact, in: connection)
        let keys = try ContactKeyRows.all(of: contact.id, in: connection)
        let route = try RouteRows.find(contact.id, in: connection)
        let routeNodes = try RouteRows.nodes(of: contact.id, in: connection)
        return .with {
            $0.account = Data(contact.account.bytes)
            $0.roster = roster.entries.map { Data($0.encoded) }
            $0.name = contact.name
            $0.confirmed = contact.state == .confirmed
            $0.keys = keys
            if let route, route.state == .ready {
                $0.route = route.card
                $0.routeNodes = routeNodes.map { Data($0) }
            }
        }
    }

    // MARK: Hearing

    /// What a listed own device says.
    func apply(_ sync: WireSync, from device: DeviceID, now: Int64, in connection: Connection) throws {
        for register in sync.registers { try take(register, in: connection) }
        for card in sync.contacts { try take(card, in: connection) }
        for message in sync.messages { try take(message, now: now, in: connection) }
        let history = HistorySync(state: state)
        switch sync.kind {
        case .linked(let linked): try history.begin(linked, with: device, now: now, in: connection)
        case .reconcile(let reconcile): try history.take(reconcile, from: device, now: now, in: connection)
        case nil: break
        }
    }

    private func take(_ wire: WireSyncRegister, in connection: Connection) throws {
        guard let key = RegisterKey([UInt8](wire.key)), wire.value.count <= Register.maxValueBytes,
            wire.counter <= Stamp.maxCounter + 1
        else { return }
        let register = Register(
            value: [UInt8](wire.value),
            stamp: Stamp(counter: wire.counter, device: try DeviceID([UInt8](wire.device))))
        if try RegisterRows.join(key, register, in: connection) { try apply(key, register, in: connection) }
    }

    /// Lets a register's value show where it is used.
    func apply(_ key: RegisterKey, _ register: Register, in connection: Connection) throws {
        switch key {
        case .contactName(let account):
            guard let contact = try ContactRows.find(account: account, in: connection),
                let name = String(validating: register.value, as: UTF8.self), ContactName.problem(name) == nil
            else { return }
            try ContactRows.rename(contact, to: name, in: connection)
        case .contactVerified(let account):
            guard let contact = try ContactRows.find(account: account, in: connection) else { return }
            try ContactRows.setVerified(contact.id, register.value == [1], in: connection)
        // Read where they are needed.
        case .deviceName, .contactRemoved, .setting: break
        }
    }

    private func take(_ card: WireContactCard, in connection: Connection) throws {
        let account = try AccountPublicKey([UInt8](card.account))
        guard account != state.account else { return }
        let roster = try Roster(verifying: card.roster.map { [UInt8]($0) }, account: account)
        if let known = try ContactRows.find(account: account, in: connection) {
            let mine = try ContactRows.roster(of: known, in: connection)
            if mine.judge(roster).isTaken {
                try ContactRoster(state: state).take(roster, of: known, before: mine, in: connection)
            }
            if card.confirmed { try ContactRows.confirm(known, claimed: "", in: connection) }
            try ContactKeyRows.insert(card.keys, of: known.id, in: connection)
            if card.hasRoute { try RouteRows.take(card, of: known.id, in: connection) }
            try takeWay(card, to: known.id, in: connection)
            return
        }
        // Its messages can be kept at once; the way in comes with a card of its own, from the device that made it.
        let placeholder = try InitiatorRows.insert(
            key: X25519.PrivateKey(random: state.random), preSharedKey: state.random.secret(32), in: connection)
        let name = ContactName.problem(card.name) == nil ? card.name : ""
        let id = try ContactRows.insert(
            account: account, name: nil, claimed: name, state: card.confirmed ? .confirmed : .requested,
            initiator: placeholder, roster: roster, in: connection)
        try ContactKeyRows.insert(card.keys, of: id, in: connection)
        if card.hasRoute { try RouteRows.take(card, of: id, in: connection) }
        for key in [RegisterKey.contactName(account), .contactVerified(account)] {
            if let register = try RegisterRows.find(key, in: connection) {
                try apply(key, register, in: connection)
            }
        }
        try takeWay(card, to: id, in: connection)
    }

    /// The way in at the contact's node that another own device has made for this one.
    private func takeWay(_ card: WireContactCard, to contact: Int64, in connection: Connection) throws {
        guard !card.siblingSecret.isEmpty, try RedeemRows.find(contact, in: connection) == nil else { return }
        let secret = SecretBytes(card.siblingSecret)
        let node = try NodeEntry(stored: [UInt8](card.siblingNode))
        let keys = InviteKeys(secret: secret)
        let permanent = try InitiatorRows.insert(
            key: X25519.PrivateKey(random: state.random), preSharedKey: keys.grantPreSharedKey, in: connection)
        let oneTime = try InitiatorRows.insertOneTime(keys, node: node, in: connection)
        try RedeemRows.set(contact, secret: secret, permanent: permanent, oneTime: oneTime, in: connection)
    }

    private func take(_ wire: WireSyncMessage, now: Int64, in connection: Connection) throws {
        let id = try MessageID([UInt8](wire.id))
        let account = try AccountPublicKey([UInt8](wire.conversation))
        let progress = wire.outgoing ? MessageState(progress: wire.progress) : nil
        if wire.hasText, try !MessageRows.isKnown(id.bytes, in: connection),
            let contact = try ContactRows.find(account: account, in: connection), !contact.isSelf
        {
            try MessageRows.insert(
                contact: contact.id, id: id, outgoing: wire.outgoing, text: wire.text,
                sent: Int64(clamping: wire.sentUnixMs), state: wire.outgoing ? .queued : nil, in: connection)
        }
        try MessageRows.mark(
            id.bytes, progress: progress, seen: wire.seen && !wire.outgoing, deleted: wire.deleted, now: now,
            in: connection)
    }
}

extension WireSyncRegister {
    init(_ key: RegisterKey, _ register: Register) {
        self.init()
        self.key = Data(key.encoded)
        value = Data(register.value)
        counter = register.stamp.counter
        device = Data(register.stamp.device.bytes)
    }
}

extension WireSyncMessage {
    /// What became of a message: without its text.
    static func mark(
        _ id: [UInt8], conversation: AccountPublicKey, seen: Bool = false, deleted: Bool = false
    ) -> WireSyncMessage {
        .with {
            $0.id = Data(id)
            $0.conversation = Data(conversation.bytes)
            $0.seen = seen
            $0.deleted = deleted
        }
    }
}

extension MessageState {
    /// The state of a sent message that another own device has told.
    init?(progress: UInt32) {
        switch MessageRecord.Progress(rawValue: UInt8(clamping: progress)) {
        case .queued: self = .queued
        case .stored: self = .stored
        case .delivered: self = .delivered
        case .read: self = .seen
        case MessageRecord.Progress.none?, nil: return nil
        }
    }

    var progress: MessageRecord.Progress {
        switch self {
        case .unread, .read, .waiting, .failed: .none
        case .queued: .queued
        case .stored: .stored
        case .delivered: .delivered
        case .seen: .read
        }
    }
}

extension IncomingMail {
    /// A message of another own device: to this account, or a copy of one to somebody else.
    func applyOwn(
        _ content: WireContent, _ message: OpenedMessage, from device: DeviceID, in connection: Connection
    ) throws -> Opened {
        switch content.kind {
        case .sync(let sync):
            guard message.recipient == state.account else { throw Unwelcome(description: "a copy of a sync message") }
            try OwnSync(state: state).apply(sync, from: device, now: now, in: connection)
            return (.synchronised, nil)
        case .text(let text):
            guard let contact = try ContactRows.find(account: message.recipient, in: connection), !contact.isSelf
            else { throw Early(description: "the recipient is no contact of this device yet") }
            try MessageRows.insert(
                contact: contact.id, id: message.id, outgoing: true, text: text.text,
                sent: Int64(clamping: content.sentUnixMs), state: .queued, in: connection)
            return (.synchronised, nil)
        case .receipt: return (.synchronised, nil)
        case .contactRequest, .contactAccept, .linkRequest, .grantNotice:
            throw Unwelcome(description: "own devices do not send this to each other")
        case nil: throw Unwelcome(description: "the message is empty")
        }
    }
}
