import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemSessions
import SpeemStore
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Seals what goes out and queues it, in the transaction it is given.
struct OutgoingMail: Sendable {
    let state: DeviceState

    /// Queues a text for every device of the contact.
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
        let id = try queue(content, to: contact, keepUntilDelivered: true, in: connection)
        try MessageRows.insert(
            contact: contact.id, id: id, outgoing: true, text: text, sent: milliseconds, in: connection)
        return id
    }

    /// Queues "delivered" for messages of a contact.
    func queueReceipt(_ ids: [MessageID], to contactID: Int64, in connection: Connection) throws {
        guard let contact = try ContactRows.find(contactID, in: connection) else { return }
        var rest = ids[...]
        while !rest.isEmpty {
            let part = rest.prefix(Limits.acknowledgeCount)
            rest = rest.dropFirst(part.count)
            let content = WireContent.with {
                $0.receipt = .with {
                    $0.kind = .delivered
                    $0.messageIds = part.map { Data($0.bytes) }
                }
            }
            _ = try queue(content, to: contact, keepUntilDelivered: false, in: connection)
        }
    }

    /// Queues the answer to a contact request.
    func queueAccept(to contact: Contact, in connection: Connection) throws {
        let head = try OwnRoster.load(account: state.account, in: connection).head
        let content = WireContent.with {
            $0.contactAccept = Data(ContactAccept(head: head, name: state.name).encoded)
        }
        _ = try queue(content, to: contact, keepUntilDelivered: false, in: connection)
    }

    /// Queues the first message of a new session, which says nothing: a receipt for no message.
    func queueGreeting(in session: Session, to contact: Contact, in connection: Connection) throws {
        let content = WireContent.with { $0.receipt = .with { $0.kind = .delivered } }
        let body = try MessageBody(sealing: content.encode(), random: state.random)
        let heads = MessageHeads(
            sender: try OwnRoster.load(account: state.account, in: connection).head,
            recipient: try ContactRows.roster(of: contact, in: connection).head)
        var session = session
        try seal(body, in: &session, to: contact, heads: heads, keepUntilDelivered: false, in: connection)
    }

    private func seal(
        _ body: MessageBody, in session: inout Session, to contact: Contact, heads: MessageHeads,
        keepUntilDelivered: Bool, in connection: Connection
    ) throws {
        let header = try session.seal(body, from: state.local, heads: heads, random: state.random)
        try SessionRows.save(session, contact: contact.id, in: connection)
        try OutgoingRows.insert(
            contact: contact.id, device: session.peer.device.id, message: body.id,
            keepUntilDelivered: keepUntilDelivered, envelopeID: state.random.bytes(32), header: header,
            body: body.ciphertext, in: connection)
    }

    private func queue(
        _ content: WireContent, to contact: Contact, keepUntilDelivered: Bool, in connection: Connection
    ) throws -> MessageID {
        let roster = try ContactRows.roster(of: contact, in: connection)
        let own = try OwnRoster.load(account: state.account, in: connection)
        let heads = MessageHeads(sender: own.head, recipient: roster.head)
        let body = try MessageBody(sealing: content.encode(), random: state.random)
        var reached = 0
        for device in roster.devices {
            guard var session = try SessionRows.newest(contact: contact.id, device: device.id, in: connection) else {
                continue
            }
            try seal(
                body, in: &session, to: contact, heads: heads, keepUntilDelivered: keepUntilDelivered, in: connection)
            reached += 1
        }
        guard reached > 0 else { throw DeviceError.noSession(contact.name) }
        return body.id
    }
}
