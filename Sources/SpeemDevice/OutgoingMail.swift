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

/// Seals what goes out and queues it, in the transaction it is given.
///
/// Every reader device of the recipient gets an envelope, and of what own devices need to know, too, every other one of
/// them. Where there is no session with a device yet, its envelope waits for one.
struct OutgoingMail: Sendable {
    let state: DeviceState

    /// Queues a text for every device of the contact, and for the other own ones.
    func queueText(_ text: String, to contact: Contact, now milliseconds: Int64, in connection: Connection) throws
        -> MessageID
    {
        guard !text.isEmpty else { throw DeviceError.badText("it is empty") }
        guard text.utf8.count <= Limits.textBytes else {
            throw DeviceError.badText("it has \(text.utf8.count) bytes; the limit is \(Limits.textBytes)")
        }
        let content = WireContent.with {
            $0.sentUnixMs = UInt64(clamping: milliseconds)
            $0.text = .with { $0.text = text }
        }
        let id = try queue(content, to: contact, keepUntilDelivered: true, copies: true, in: connection)
        try MessageRows.insert(
            contact: contact.id, id: id, outgoing: true, text: text, sent: milliseconds, in: connection)
        return id
    }

    /// Queues a receipt for messages of a contact.
    func queueReceipt(
        _ kind: WireReceipt.Kind = .delivered, _ ids: [[UInt8]], to contactID: Int64, in connection: Connection
    ) throws {
        guard let contact = try ContactRows.find(contactID, in: connection) else { return }
        var rest = ids[...]
        while !rest.isEmpty {
            let part = rest.prefix(Limits.acknowledgeCount)
            rest = rest.dropFirst(part.count)
            let content = WireContent.with {
                $0.receipt = .with {
                    $0.kind = kind
                    $0.messageIds = part.map { Data($0) }
                }
            }
            try queue(content, to: contact, keepUntilDelivered: false, in: connection)
        }
    }

    /// Queues the answer to a contact request.
    func queueAccept(to contact: Contact, in connection: Connection) throws {
        let head = try OwnRoster.load(account: state.account, in: connection).head
        let content = WireContent.with {
            $0.contactAccept = Data(ContactAccept(head: head, name: state.name).encoded)
        }
        try queue(content, to: contact, keepUntilDelivered: false, in: connection)
    }

    /// Tells a contact which keys at its nodes are for which own device, and which are not to be used any more; with none,
    /// only that the own roster has changed.
    ///
    /// - Parameters:
    ///   - roster: the own chain, whose newest entries go with it: the nodes that served it may be gone.
    ///   - mailLost: a node of ours has lost what it had.
    ///   - discovery: what this account is recognised by on a network.
    func queueNotice(
        _ keys: [WireDeviceKey] = [], withdrawnRoutes: [[UInt8]] = [], roster: Roster? = nil, mailLost: Bool = false,
        discovery: WireDiscoveryShare? = nil, to contact: Contact, in connection: Connection
    ) throws {
        let content = WireContent.with {
            $0.grantNotice = .with {
                $0.keys = keys
                $0.withdrawnRoutes = withdrawnRoutes.map { Data($0) }
                $0.roster = roster.map { Self.newest(of: $0) } ?? []
                $0.mailLost = mailLost
                if let discovery { $0.discovery = discovery }
            }
        }
        try queue(content, to: contact, keepUntilDelivered: false, in: connection)
    }

    /// Tells a contact that this device was restored from a backup, and asks for what was sent since then.
    ///
    /// - Parameter since: Unix milliseconds.
    func queueRestored(since: Int64, to contact: Contact, in connection: Connection) throws {
        let content = WireContent.with { $0.restored = .with { $0.sinceUnixMs = UInt64(clamping: since) } }
        try queue(content, to: contact, keepUntilDelivered: false, in: connection)
    }

    /// Sends texts again to one device of the contact, which was restored.
    func queueTextsAgain(
        _ texts: WireTextsAgain, to contact: Contact, only device: DeviceID, in connection: Connection
    ) throws {
        try queue(
            .with { $0.textsAgain = texts }, to: contact, only: device, keepUntilDelivered: false, in: connection)
    }

    /// Bytes of a chain in one message.
    private static let chainBytes = 48 * 1024

    /// The newest entries, oldest first, as many as fit.
    private static func newest(of roster: Roster) -> [Data] {
        var bytes = 0
        let part = roster.entries.reversed().prefix { entry in
            bytes += entry.encoded.count
            return bytes <= chainBytes
        }
        return part.reversed().map { Data($0.encoded) }
    }

    /// Tells the other own devices something, or one of them.
    func queueSync(_ sync: WireSync, only device: DeviceID? = nil, in connection: Connection) throws {
        let own = try ContactRows.own(in: connection)
        let content = WireContent.with { $0.sync = sync }
        try queue(content, to: own, only: device, keepUntilDelivered: false, in: connection)
    }

    /// Queues the first message of a new session, which says nothing: a receipt for no message.
    func queueGreeting(in session: Session, to contact: Contact, in connection: Connection) throws {
        let content = WireContent.with { $0.receipt = .with { $0.kind = .delivered } }
        let body = try MessageBody(sealing: content.encode(), random: state.random)
        var session = session
        let header = try seal(body, in: &session, for: contact, in: connection)
        try SessionRows.save(session, contact: contact.id, in: connection)
        let row = try OutgoingRows.insert(body, recipient: contact.id, in: connection)
        try OutgoingRows.insert(
            contact: contact.id, device: session.peer.device.id, message: body.id, keepUntilDelivered: false,
            envelopeID: state.random.bytes(32), header: header, body: row, in: connection)
    }

    /// Seals what waits for a session with a device.
    func seal(
        waitingFor device: DeviceID, of contact: Contact, in session: Session, in connection: Connection
    ) throws {
        var session = session
        for envelope in try OutgoingRows.unsealed(contact: contact.id, device: device, in: connection) {
            guard let recipient = try ContactRows.find(envelope.recipient, in: connection) else { continue }
            let header = try seal(envelope.body, in: &session, for: recipient, in: connection)
            try OutgoingRows.sealed(envelope.id, header: header, in: connection)
        }
        try SessionRows.save(session, contact: contact.id, in: connection)
    }

    /// The header of a body for the device of `session`.
    private func seal(
        _ body: MessageBody, in session: inout Session, for recipient: Contact, in connection: Connection
    ) throws -> [UInt8] {
        let heads = MessageHeads(
            sender: try OwnRoster.load(account: state.account, in: connection).head,
            recipient: try ContactRows.roster(of: recipient, in: connection).head)
        return try seal(body, in: &session, for: recipient, heads: heads)
    }

    private func seal(
        _ body: MessageBody, in session: inout Session, for recipient: Contact, heads: MessageHeads
    ) throws -> [UInt8] {
        let isCopy = session.peer.account != recipient.account || recipient.isSelf
        return try session.seal(
            body, from: state.local, to: isCopy ? recipient.account : nil, heads: heads, random: state.random)
    }

    /// - Parameters:
    ///   - only: one device of the contact.
    ///   - copies: whether the other own devices get it, too.
    @discardableResult
    private func queue(
        _ content: WireContent, to contact: Contact, only: DeviceID? = nil, keepUntilDelivered: Bool,
        copies: Bool = false, in connection: Connection
    ) throws -> MessageID {
        let body = try MessageBody(sealing: content.encode(), random: state.random)
        let ownRoster = try OwnRoster.load(account: state.account, in: connection)
        let roster = contact.isSelf ? ownRoster : try ContactRows.roster(of: contact, in: connection)
        guard let fanOut = FanOut(from: state.id, own: ownRoster, to: roster) else {
            guard keepUntilDelivered else { return body.id }
            throw DeviceError.refused("this device was removed from the account: it sends nothing any more")
        }
        let own = try ContactRows.own(in: connection)
        let readers =
            fanOut.recipients.map { (contact, $0.id) }
            + (copies || contact.isSelf ? fanOut.own.map { (own, $0.id) } : [])
        let wanted = readers.filter { only == nil || $0.1 == only }
        // An account of one device has nobody to tell.
        guard !wanted.isEmpty else { return body.id }
        let row = try OutgoingRows.insert(body, recipient: contact.id, in: connection)
        for (reader, device) in wanted {
            try queue(
                body, row: row, to: reader, device, for: contact, heads: fanOut.heads,
                keepUntilDelivered: keepUntilDelivered && !reader.isSelf, in: connection)
        }
        return body.id
    }

    /// One envelope of a body; without a session with the device it waits for one.
    private func queue(
        _ body: MessageBody, row: Int64, to reader: Contact, _ device: DeviceID, for recipient: Contact,
        heads: MessageHeads, keepUntilDelivered: Bool, in connection: Connection
    ) throws {
        var header: [UInt8]?
        // Behind what waits for a session: in its order.
        if try !SessionRows.areDistrusted(reader.id, in: connection),
            try !OutgoingRows.isUnsealed(contact: reader.id, device: device, in: connection),
            var session = try SessionRows.newest(contact: reader.id, device: device, in: connection)
        {
            header = try seal(body, in: &session, for: recipient, heads: heads)
            try SessionRows.save(session, contact: reader.id, in: connection)
        }
        try OutgoingRows.insert(
            contact: reader.id, device: device, message: body.id, keepUntilDelivered: keepUntilDelivered,
            envelopeID: state.random.bytes(32), header: header, body: row, in: connection)
    }

    /// A newer roster of a contact came: what none of its devices has told to have goes to those that it lists now. What one
    /// has is passed on by that one, and for a device that was linked later it is history.
    func revise(for contact: Contact, _ roster: Roster, in connection: Connection) throws {
        let own = try OwnRoster.load(account: state.account, in: connection)
        let heads = MessageHeads(sender: own.head, recipient: roster.head)
        for kept in try OutgoingRows.undelivered(contact: contact.id, in: connection) {
            let (added, _) = FanOut.revised(targets: kept.targets, for: roster, except: state.id)
            for device in added {
                try queue(
                    kept.body, row: kept.row, to: contact, device.id, for: contact, heads: heads,
                    keepUntilDelivered: true, in: connection)
            }
        }
    }
}
