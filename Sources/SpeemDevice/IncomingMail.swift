import Logging
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

/// Opens envelopes: all that one changes happens in the transaction it is given.
struct IncomingMail: Sendable {
    let state: DeviceState
    /// Unix seconds, for the age of invites.
    let now: Int64

    /// Seconds that a seen envelope is remembered: longer than a node remembers a deposit. Whatever comes again later is
    /// refused by its session, whose key is gone.
    private static let seenRetention: Int64 = 120 * 24 * 3600

    /// Forgets envelopes that nobody sends again.
    func forgetSeen(in connection: Connection) throws(StoreError) {
        try connection.execute("DELETE FROM seen_envelope WHERE made < ?", .integer(now - Self.seenRetention))
    }

    /// What an envelope turned out to be, for those who wait for it.
    enum Event: Sendable, Equatable {
        case text(contact: Int64)
        case receipt
        case contactRequest(contact: Int64)
        case contactAccepted(contact: Int64)
        case duplicate
        /// It cannot be opened, or its sender may not send it.
        case rejected(String)
    }

    /// Takes a batch, in order, and queues one receipt for each contact whose texts were in it.
    func take(_ envelopes: [WireEnvelope], in connection: Connection) throws -> [Event] {
        var events: [Event] = []
        var delivered: [Int64: [MessageID]] = [:]
        for envelope in envelopes {
            let hash = BLAKE2b.hash(
                domain: DomainSeparator("seen envelope"), [UInt8](envelope.header), [UInt8](envelope.body))
            // Before the ratchet: a duplicate is silent, and never an error of a session.
            let seen = try connection.first("SELECT 1 FROM seen_envelope WHERE hash = ?", .blob(hash)) {
                row throws(StoreError) in try row.integer(0)
            }
            guard seen == nil else {
                events.append(.duplicate)
                continue
            }
            try connection.execute(
                "INSERT INTO seen_envelope (hash, made) VALUES (?, ?)", .blob(hash), .integer(now))
            do {
                let opened = try open(envelope, in: connection)
                events.append(opened.event)
                if let id = opened.receiptFor, case .text(let contact) = opened.event {
                    delivered[contact, default: []].append(id)
                }
            } catch let error as StoreError {
                throw error
            } catch {
                // Nothing has been written for it yet: sessions change only when everything is right.
                try connection.execute("UPDATE device SET rejected = rejected + 1")
                events.append(.rejected("\(error)"))
            }
        }
        let outgoing = OutgoingMail(state: state)
        for (contact, ids) in delivered.sorted(by: { $0.key < $1.key }) {
            do {
                try outgoing.queueReceipt(ids, to: contact, in: connection)
            } catch let error as DeviceError {
                // The messages count, even when nothing can be said back.
                state.logger.warning("no receipt for contact \(contact): \(error)")
            }
        }
        return events
    }

    /// Why a message that opened is not taken.
    private struct Unwelcome: Error, CustomStringConvertible {
        let description: String
    }

    private func open(
        _ envelope: WireEnvelope, in connection: Connection
    ) throws -> (event: Event, receiptFor: MessageID?) {
        let header = try IncomingHeader(unsealing: [UInt8](envelope.header), with: state.local.keys.seal)
        let body = [UInt8](envelope.body)
        if let known = try SessionRows.find(header.sessionID, in: connection) {
            var session = known.session
            guard let contact = try ContactRows.find(known.contact, in: connection) else {
                throw Unwelcome(description: "the session belongs to nobody")
            }
            let message = try session.open(header, body: body, local: state.local, random: state.random)
            try requireListed(session.peer.device.id, contact, in: connection)
            let content = try WireContent.decode(message.content)
            try SessionRows.save(session, contact: contact.id, in: connection)
            return try apply(content, message, from: contact, session: session, in: connection)
        }
        guard case .initial(let initial, let peer) = header.kind else {
            throw Unwelcome(description: "the session is unknown")
        }
        let prekeys = try PrekeyStore.find(initial, in: connection)
        var session = try Session.respond(local: state.local, to: header, prekeys: prekeys)
        let message = try session.open(header, body: body, local: state.local, random: state.random)
        let content = try WireContent.decode(message.content)
        if let contact = try ContactRows.find(account: peer.account, in: connection) {
            try requireListed(peer.device.id, contact, in: connection)
            try PrekeyStore.use(initial, in: connection)
            try SessionRows.save(session, contact: contact.id, in: connection)
            return try apply(content, message, from: contact, session: session, in: connection)
        }
        guard case .contactRequest(let request) = content.kind else {
            throw Unwelcome(description: "the sender is no contact")
        }
        let contact = try takeRequest([UInt8](request), from: peer, in: connection)
        try PrekeyStore.use(initial, in: connection)
        try SessionRows.save(session, contact: contact, in: connection)
        return (.contactRequest(contact: contact), nil)
    }

    /// Receivers refuse senders outside the roster.
    private func requireListed(_ device: DeviceID, _ contact: Contact, in connection: Connection) throws {
        guard try ContactRows.roster(of: contact, in: connection).device(device) != nil else {
            throw Unwelcome(description: "the sending device is not in its account's roster")
        }
    }

    private func apply(
        _ content: WireContent, _ message: OpenedMessage, from contact: Contact, session: Session,
        in connection: Connection
    ) throws -> (event: Event, receiptFor: MessageID?) {
        switch content.kind {
        case .text(let text):
            try MessageRows.insert(
                contact: contact.id, id: message.id, outgoing: false, text: text.text,
                sent: Int64(clamping: content.sentUnixMs), in: connection)
            return (.text(contact: contact.id), message.id)
        case .receipt(let receipt):
            for id in receipt.messageIds {
                try OutgoingRows.delivered(
                    [UInt8](id), contact: contact.id, device: session.peer.device.id, in: connection)
            }
            return (.receipt, nil)
        case .contactAccept(let bytes):
            let accept = try ContactAccept([UInt8](bytes))
            try ContactRows.confirm(contact, claimed: accept.name, in: connection)
            return (.contactAccepted(contact: contact.id), nil)
        case .contactRequest:
            // Asked twice, over two invites: the contact is there, and stays.
            return (.contactRequest(contact: contact.id), nil)
        case nil: throw Unwelcome(description: "the message is empty")
        }
    }

    // MARK: Contact requests

    /// Makes a contact of a newcomer whose request one of the open invites answers for.
    private func takeRequest(_ bytes: [UInt8], from peer: SessionParty, in connection: Connection) throws -> Int64 {
        let invites = try OwnInviteRows.open(now: now, in: connection)
        let (request, index) = try ContactRequest.open(
            bytes, requestKeys: invites.map { InviteKeys(secret: $0.secret).requestKey }, inviter: state.account,
            newcomer: peer.account, device: peer.device.id)
        guard peer.account != state.account, let home = request.roster.nodes.first else {
            throw Unwelcome(description: "the contact request names no node")
        }
        let keys = InviteKeys(secret: request.reciprocalSecret)
        let permanent = X25519.PrivateKey(random: state.random)
        let initiator = try InitiatorRows.insert(
            key: permanent, preSharedKey: keys.grantPreSharedKey, node: home, in: connection)
        let oneTime = try InitiatorRows.insertOneTime(keys, node: home, in: connection)
        let contact = try ContactRows.insert(
            account: peer.account, name: nil, claimed: request.name, state: .confirmed, initiator: initiator,
            roster: request.roster, in: connection)
        try ContactRows.setRedeem(contact, secret: request.reciprocalSecret, oneTime: oneTime, in: connection)
        try OwnInviteRows.use(invites[index], in: connection)
        return contact
    }
}
