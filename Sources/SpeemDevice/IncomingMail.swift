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

    /// Forgets envelopes that nobody sends again. One that begins a session could begin it again for as long as its
    /// signed prekey lives, and is remembered that long.
    func forgetSeen(in connection: Connection) throws(StoreError) {
        try connection.execute(
            """
            DELETE FROM seen_envelope WHERE made < ?1 AND NOT EXISTS
                (SELECT 1 FROM prekey WHERE kind = ?2 AND epoch = signed_epoch AND number = signed_number)
            """, .integer(now - Self.seenRetention), .integer(PrekeyStore.Kind.signed.rawValue))
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
        /// What this device has stored does not let it be opened: it stays on the node.
        case kept(String)
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
            let opened = try take(envelope, hash: hash, in: connection)
            events.append(opened.event)
            if let id = opened.receiptFor, case .text(let contact) = opened.event {
                delivered[contact, default: []].append(id)
            }
        }
        let outgoing = OutgoingMail(state: state)
        for (contact, ids) in delivered.sorted(by: { $0.key < $1.key }) {
            do {
                try alone(in: connection) { try outgoing.queueReceipt(ids, to: contact, in: connection) }
            } catch let error as StoreError {
                throw error
            } catch {
                // The messages count, even when nothing can be said back.
                state.logger.warning("no receipt for contact \(contact): \(error)")
            }
        }
        return events
    }

    private typealias Opened = (event: Event, receiptFor: MessageID?)

    /// One envelope, and all that it changes; whatever is wrong with it, the others are taken.
    private func take(_ envelope: WireEnvelope, hash: [UInt8], in connection: Connection) throws -> Opened {
        do {
            return try alone(in: connection) {
                let header = try IncomingHeader(unsealing: [UInt8](envelope.header), with: state.local.keys.seal)
                try remember(hash, header, in: connection)
                return try open(header, body: [UInt8](envelope.body), in: connection)
            }
        } catch let error as StoreError {
            throw error
        } catch let error as DeviceError {
            guard case .damaged = error else { return try reject(error, hash, in: connection) }
            return (.kept("\(error)"), nil)
        } catch let error as Lost {
            try renew(error, in: connection)
            return try reject(error, hash, in: connection)
        } catch {
            return try reject(error, hash, in: connection)
        }
    }

    /// So many messages are missing before one that its session can never go on.
    private struct Lost: Error, CustomStringConvertible {
        let contact: Int64
        let session: [UInt8]
        let count: Int
        let limit: Int

        var description: String {
            "\(count) messages of contact \(contact) are missing before one; the limit is \(limit)"
        }
    }

    /// A new session with the sender begins with our next word, and its own next one follows there; once for a session.
    private func renew(_ lost: Lost, in connection: Connection) throws(StoreError) {
        guard try SessionRows.isNewest(lost.session, in: connection) else { return }
        try connection.execute("UPDATE contact SET renew = 1 WHERE id = ?", .integer(lost.contact))
    }

    private func reject(_ error: any Error, _ hash: [UInt8], in connection: Connection) throws(StoreError) -> Opened {
        try remember(hash, nil, in: connection)
        try connection.execute("UPDATE device SET rejected = rejected + 1")
        return (.rejected("\(error)"), nil)
    }

    private func remember(
        _ hash: [UInt8], _ header: IncomingHeader?, in connection: Connection
    ) throws(StoreError) {
        var signed: PrekeyID?
        if case .initial(let initial, _) = header?.kind { signed = initial.signedPrekey }
        try connection.execute(
            "INSERT INTO seen_envelope (hash, made, signed_epoch, signed_number) VALUES (?, ?, ?, ?)", .blob(hash),
            .integer(now), .optional(signed.map { Int64($0.epoch) }), .optional(signed.map { Int64($0.number) }))
    }

    /// Runs `body` in a savepoint: when it throws, nothing of it stays.
    private func alone<T>(in connection: Connection, _ body: () throws -> T) throws -> T {
        try connection.execute("SAVEPOINT envelope")
        do {
            let result = try body()
            try connection.execute("RELEASE envelope")
            return result
        } catch let error as StoreError {
            // The whole batch goes with it.
            throw error
        } catch {
            try connection.execute("ROLLBACK TO envelope")
            try connection.execute("RELEASE envelope")
            throw error
        }
    }

    /// Why a message that opened is not taken.
    private struct Unwelcome: Error, CustomStringConvertible {
        let description: String
    }

    private func open(_ header: IncomingHeader, body: [UInt8], in connection: Connection) throws -> Opened {
        if let known = try SessionRows.find(header.sessionID, in: connection) {
            var session = known.session
            guard let contact = try ContactRows.find(known.contact, in: connection) else {
                throw Unwelcome(description: "the session belongs to nobody")
            }
            let message: OpenedMessage
            do {
                message = try session.open(header, body: body, local: state.local, random: state.random)
            } catch SessionError.tooManySkipped(let count, let limit) {
                throw Lost(contact: contact.id, session: session.id, count: count, limit: limit)
            }
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
        try SessionRows.save(session, contact: contact.id, in: connection)
        try OutgoingMail(state: state).queueAccept(to: contact, in: connection)
        return (.contactRequest(contact: contact.id), nil)
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
    ) throws -> Opened {
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
        case .contactRequest(let request):
            try takeRequest([UInt8](request), from: session.peer, of: contact, in: connection)
            return (.contactRequest(contact: contact.id), nil)
        case .linkRequest, .grantNotice, .sync:
            throw Unwelcome(description: "the message is of a kind that this version does not take")
        case nil: throw Unwelcome(description: "the message is empty")
        }
    }

    // MARK: Contact requests

    /// Makes a contact of a newcomer whose request one of the open invites answers for.
    private func takeRequest(_ bytes: [UInt8], from peer: SessionParty, in connection: Connection) throws -> Contact {
        let (request, invite) = try read(bytes, from: peer, in: connection)
        let offered = try offer(request, in: connection)
        let id = try ContactRows.insert(
            account: peer.account, name: nil, claimed: request.name, state: .confirmed, initiator: offered.permanent,
            roster: request.roster, in: connection)
        try RedeemRows.set(
            id, secret: request.reciprocalSecret, permanent: offered.permanent, oneTime: offered.oneTime,
            in: connection)
        try OwnInviteRows.use(invite, in: connection)
        guard let contact = try ContactRows.find(id, in: connection) else { throw DeviceError.damaged("a contact") }
        return contact
    }

    /// A contact has accepted an invite of ours too. When each accepts the other's at the same time, this is the answer
    /// that both wait for.
    private func takeRequest(
        _ bytes: [UInt8], from peer: SessionParty, of contact: Contact, in connection: Connection
    ) throws {
        let (request, invite) = try read(bytes, from: peer, in: connection)
        try OwnInviteRows.use(invite, in: connection)
        try ContactRows.confirm(contact, claimed: request.name, in: connection)
        try OutgoingMail(state: state).queueAccept(to: contact, in: connection)
        // An offer that is being taken up already is as good.
        guard try RedeemRows.find(contact.id, in: connection) == nil else { return }
        let offered = try offer(request, in: connection)
        try RedeemRows.set(
            contact.id, secret: request.reciprocalSecret, permanent: offered.permanent, oneTime: offered.oneTime,
            in: connection)
    }

    private func read(
        _ bytes: [UInt8], from peer: SessionParty, in connection: Connection
    ) throws -> (request: ContactRequest, invite: OwnInvite) {
        let invites = try OwnInviteRows.open(now: now, in: connection)
        let (request, index) = try ContactRequest.open(
            bytes, requestKeys: invites.map { InviteKeys(secret: $0.secret).requestKey }, inviter: state.account,
            newcomer: peer.account, device: peer.device.id)
        guard peer.account != state.account else { throw Unwelcome(description: "the contact request is our own") }
        return (request, invites[index])
    }

    /// Writes down the keys with which the offered grant is taken up.
    private func offer(
        _ request: ContactRequest, in connection: Connection
    ) throws -> (permanent: Int64, oneTime: Int64) {
        guard let home = request.roster.nodes.first else {
            throw Unwelcome(description: "the contact request names no node")
        }
        let keys = InviteKeys(secret: request.reciprocalSecret)
        return (
            try InitiatorRows.insert(
                key: X25519.PrivateKey(random: state.random), preSharedKey: keys.grantPreSharedKey, node: home,
                in: connection), try InitiatorRows.insertOneTime(keys, node: home, in: connection)
        )
    }
}
