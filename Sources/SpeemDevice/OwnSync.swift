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

    /// Names a contact that has no name yet.
    func name(_ account: AccountPublicKey, _ name: String, in connection: Connection) throws {
        guard !name.isEmpty, try RegisterRows.find(.contactName(account), in: connection) == nil else { return }
        try set(.contactName(account), to: Array(name.utf8), in: connection)
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

    /// Everything, for a device that was just linked: of the messages, what it may ask for.
    func queueWelcome(
        to device: DeviceID, history: Bool, since: Int64, in connection: Connection
    ) throws {
        try queueState(to: device, in: connection)
        try OutgoingMail(state: state).queueSync(
            .with {
                $0.linked = .with {
                    $0.history = history
                    $0.historySinceUnixMs = UInt64(clamping: since)
                }
            }, only: device, in: connection)
    }

    /// Registers in one message at the most: of the longest keys and values they fill it by half.
    private static let registersAtOnce = 128

    /// Everything but messages, for one device.
    func queueState(to device: DeviceID, in connection: Connection) throws {
        let mail = OutgoingMail(state: state)
        for contact in try ContactRows.all(in: connection) {
            let card = try card(of: contact, in: connection)
            try mail.queueSync(.with { $0.contacts = [card] }, only: device, in: connection)
        }
        try queueRegisters(to: device, in: connection)
    }

    /// All registers, for one device: of those that it knows it keeps the newer.
    func queueRegisters(to device: DeviceID, in connection: Connection) throws {
        let mail = OutgoingMail(state: state)
        var registers = try RegisterRows.all(in: connection)[...]
        while !registers.isEmpty {
            let part = registers.prefix(Self.registersAtOnce)
            registers = registers.dropFirst(part.count)
            try mail.queueSync(
                .with { $0.registers = part.map { .init($0.key, $0.register) } }, only: device, in: connection)
        }
    }

    /// This device has no way in at the contact's nodes: the one that made it was too late, or is not listed any more.
    func askForWay(to contact: Int64, now: Int64, in connection: Connection) throws {
        guard try SponsorRows.isDue(contact, now: now, in: connection),
            let found = try ContactRows.find(contact, in: connection)
        else { return }
        try SponsorRows.missing(contact, since: now, in: connection)
        var card = try card(of: found, in: connection)
        card.needsWay = true
        try queue(.with { $0.contacts = [card] }, in: connection)
    }

    private func queue(_ sync: WireSync, in connection: Connection) throws {
        guard try hasOthers(in: connection) else { return }
        try OutgoingMail(state: state).queueSync(sync, in: connection)
    }

    private func hasOthers(in connection: Connection) throws -> Bool {
        try OwnRoster.load(account: state.account, in: connection).devices.count > 1
    }

    /// Bytes of a chain in a card: two thirds of a message.
    private static let rosterBytes = 64 * 1024

    func card(of contact: Contact, in connection: Connection) throws -> WireContactCard {
        let roster = try ContactRows.roster(of: contact, in: connection)
        let keys = try ContactKeyRows.all(of: contact.id, in: connection)
        let route = try RouteRows.find(contact.id, in: connection)
        var bytes = 0
        let routeNodes = try RouteRows.nodes(of: contact.id, in: connection)
        let discovery = try DiscoveryRows.card(of: contact.id, in: connection)
        return .with {
            $0.account = Data(contact.account.bytes)
            // What has no room is fetched from the contact's node.
            $0.roster = roster.entries.map { Data($0.encoded) }.prefix { entry in
                bytes += entry.count
                return bytes <= Self.rosterBytes
            }
            $0.name = contact.name
            $0.confirmed = contact.state == .confirmed
            $0.keys = keys
            if let discovery { $0.discovery = discovery }
            if let route, route.state == .ready {
                $0.route = route.card
                $0.routeNodes = routeNodes.map { Data($0) }
            }
        }
    }

    // MARK: Hearing

    /// What a listed own device says.
    ///
    /// - Parameter now: Unix seconds.
    func apply(_ sync: WireSync, from device: DeviceID, now: Int64, in connection: Connection) throws {
        for register in sync.registers { try take(register, in: connection) }
        for card in sync.contacts { try take(card, from: device, now: now, in: connection) }
        for message in sync.messages { try take(message, now: now, in: connection) }
        let history = HistorySync(state: state)
        switch sync.kind {
        case .linked(let linked): try history.begin(linked, with: device, now: now * 1000, in: connection)
        case .reconcile(let reconcile):
            try history.take(reconcile, from: device, now: now * 1000, in: connection)
        case nil: break
        }
    }

    /// Gives what another own device said to all to devices that it did not know of. Who was listed by then and gets
    /// something once more takes it as known.
    func passOn(_ sync: WireSync, to devices: [DeviceID], in connection: Connection) throws {
        guard sync.kind == nil else { return }
        for device in devices {
            guard let since = try OwnDeviceRows.since(device, in: connection) else { continue }
            var rest = WireSync()
            rest.registers = sync.registers
            // It may be a part of a history that this device may not have.
            rest.messages = sync.messages.filter { !$0.hasText || Int64(clamping: $0.sentUnixMs) >= since }
            // A way in is for the device alone that it was made for.
            rest.contacts = sync.contacts.filter(\.siblingSecret.isEmpty)
            guard rest != WireSync() else { continue }
            try OutgoingMail(state: state).queueSync(rest, only: device, in: connection)
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
            guard try ContactRows.find(account: account, in: connection) != nil else { return }
            try ContactNames.settle(in: connection)
        case .contactVerified(let account):
            guard let contact = try ContactRows.find(account: account, in: connection) else { return }
            try ContactRows.setVerified(contact.id, register.value == [1], in: connection)
        // Read where they are needed.
        case .contactRemoved(let account):
            guard register.value == [1] else { return }
            try ContactRemoval(state: state).apply(removed: account, in: connection)
        case .contactBlocked(let account):
            try ContactRemoval(state: state).apply(blocked: account, register.value == [1], in: connection)
        case .deviceName, .nodeName, .setting: break
        }
    }

    private func take(
        _ card: WireContactCard, from device: DeviceID, now: Int64, in connection: Connection
    ) throws {
        let account = try AccountPublicKey([UInt8](card.account))
        guard account != state.account else { return }
        let roster = try Roster(verifying: card.roster.map { [UInt8]($0) }, account: account)
        if let known = try ContactRows.find(account: account, in: connection) {
            let mine = try ContactRows.roster(of: known, in: connection)
            if mine.judge(roster).isTaken {
                try ContactRoster(state: state).take(roster, of: known, before: mine, in: connection)
            }
            if card.confirmed { _ = try ContactRows.confirm(known, in: connection) }
            try ContactKeyRows.insert(card.keys, of: known.id, in: connection)
            if card.hasRoute { try RouteRows.take(card, of: known.id, in: connection) }
            if card.hasDiscovery { _ = try DiscoveryRows.take(card.discovery, of: known.id, in: connection) }
            try takeWay(card, to: known.id, in: connection)
            if card.needsWay, try !SponsorRows.isMissing(known.id, in: connection) {
                try SponsorRows.renew(
                    contact: known.id, device: device, random: state.random, in: connection)
            }
            return
        }
        // A card from before it was removed.
        guard try !ContactRemoval.isRemoved(account, in: connection) else { return }
        // Its messages can be kept at once; the way in comes with a card of its own, from the device that made it.
        let placeholder = try InitiatorRows.insert(
            key: X25519.PrivateKey(random: state.random), preSharedKey: state.random.secret(32), in: connection)
        let name = ContactName.problem(card.name) == nil ? card.name : ""
        let id = try ContactRows.insert(
            account: account, name: name, state: card.confirmed ? .confirmed : .requested,
            initiator: placeholder, roster: roster, in: connection)
        try SponsorRows.missing(id, since: now, in: connection)
        // It may be longer than a card has room for.
        try ContactRows.want(roster.head, of: id, in: connection)
        try ContactKeyRows.insert(card.keys, of: id, in: connection)
        if card.hasRoute { try RouteRows.take(card, of: id, in: connection) }
        if card.hasDiscovery { _ = try DiscoveryRows.take(card.discovery, of: id, in: connection) }
        for key in [RegisterKey.contactName(account), .contactVerified(account), .contactBlocked(account)] {
            if let register = try RegisterRows.find(key, in: connection) {
                try apply(key, register, in: connection)
            }
        }
        try takeWay(card, to: id, in: connection)
    }

    /// The way in at the contact's node that another own device has made for this one.
    private func takeWay(_ card: WireContactCard, to contact: Int64, in connection: Connection) throws {
        guard !card.siblingSecret.isEmpty else { return }
        if let known = try RedeemRows.find(contact, in: connection) {
            guard try SponsorRows.isMissing(contact, in: connection) else { return }
            try RedeemRows.replace(known, in: connection)
        }
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
        if wire.hasText, account != state.account, try !MessageRows.isKnown(id.bytes, in: connection) {
            guard let contact = try ContactRows.find(account: account, in: connection) else {
                guard try !ContactRemoval.isRemoved(account, in: connection) else { return }
                throw IncomingMail.Early(description: "the conversation is with no contact of this device yet")
            }
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
        _ content: WireContent, _ message: OpenedMessage, from device: DeviceID, _ missedBy: [DeviceID],
        in connection: Connection
    ) throws -> Opened {
        switch content.kind {
        case .sync(let sync):
            guard message.recipient == state.account else { throw Unwelcome(description: "a copy of a sync message") }
            let own = OwnSync(state: state)
            try own.apply(sync, from: device, now: now, in: connection)
            try own.passOn(sync, to: missedBy, in: connection)
            return (.synchronised, nil)
        case .text(let text):
            guard let contact = try ContactRows.find(account: message.recipient, in: connection), !contact.isSelf
            else { throw Early(description: "the recipient is no contact of this device yet") }
            try requireNew(message.id, of: contact, outgoing: true, in: connection)
            try MessageRows.insert(
                contact: contact.id, id: message.id, outgoing: true, text: text.text,
                sent: Int64(clamping: content.sentUnixMs), state: .queued, in: connection)
            try passOn(message.id, to: missedBy, in: connection)
            return (.synchronised, nil)
        case .receipt: return (.synchronised, nil)
        case .contactRequest, .contactAccept, .linkRequest, .grantNotice, .restored, .textsAgain:
            throw Unwelcome(description: "own devices do not send this to each other")
        case nil: throw Unwelcome(description: "the message is empty")
        }
    }
}
