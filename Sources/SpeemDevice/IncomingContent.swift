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

/// What a message does that was opened.
extension IncomingMail {
    /// A message of a contact, or of another own device.
    func apply(
        _ message: OpenedMessage, from contact: Contact, _ session: Session, in connection: Connection
    ) throws -> Opened {
        let content = try WireContent.decode(message.content)
        if contact.isSelf, case .linkRequest(let request) = content.kind {
            return try takeLinkRequest([UInt8](request), session, in: connection)
        }
        let told: WireGrantNotice? = if case .grantNotice(let notice) = content.kind { notice } else { nil }
        try requireListed(session.peer.device.id, contact, message.heads, told: told?.roster ?? [], in: connection)
        try compare(message.heads, of: contact, in: connection)
        // Before anything is sealed in answer: that goes on from this state.
        try SessionRows.save(session, contact: contact.id, in: connection)
        if contact.isSelf { return try applyOwn(content, message, from: session.peer.device.id, in: connection) }
        switch content.kind {
        case .text(let text):
            try MessageRows.insert(
                contact: contact.id, id: message.id, outgoing: false, text: text.text,
                sent: Int64(clamping: content.sentUnixMs), in: connection)
            try forward(content, message, from: contact, in: connection)
            return (.text(contact: contact.id), message.id)
        case .receipt(let receipt):
            try take(receipt, from: contact, session.peer.device.id, in: connection)
            return (.receipt, nil)
        case .contactAccept(let bytes):
            let accept = try ContactAccept([UInt8](bytes))
            try ContactRows.confirm(contact, claimed: accept.name, in: connection)
            try OwnSync(state: state).queueCard(of: contact.id, in: connection)
            return (.contactAccepted(contact: contact.id), nil)
        case .contactRequest(let request):
            try takeRequest([UInt8](request), from: session.peer, of: contact, in: connection)
            return (.contactRequest(contact: contact.id), nil)
        case .grantNotice(let notice):
            try ContactKeyRows.insert(notice.keys, of: contact.id, in: connection)
            try ContactKeyRows.withdraw(
                routes: notice.withdrawnRoutes.map { [UInt8]($0) }, of: contact.id, in: connection)
            try ContactRows.told(notice.roster, by: contact.id, in: connection)
            if notice.mailLost { try OutgoingRows.resend(contact: contact.id, in: connection) }
            return (.notice, nil)
        case .linkRequest, .sync: throw Unwelcome(description: "only own devices may send this")
        case nil: throw Unwelcome(description: "the message is empty")
        }
    }

    /// A message of somebody who is no contact.
    func takeStranger(
        _ message: OpenedMessage, from peer: SessionParty, _ session: Session, in connection: Connection
    ) throws -> Opened {
        let content = try WireContent.decode(message.content)
        guard case .contactRequest(let request) = content.kind else {
            // Another own device may have met them, and its card be still on its way.
            guard try OwnRoster.load(account: state.account, in: connection).devices.count > 1 else {
                throw Unwelcome(description: "the sender is no contact")
            }
            throw Early(description: "the sender is no contact of this device yet")
        }
        let contact = try takeRequest([UInt8](request), from: peer, in: connection)
        try SessionRows.save(session, contact: contact.id, in: connection)
        try OutgoingMail(state: state).queueAccept(to: contact, in: connection)
        return (.contactRequest(contact: contact.id), nil)
    }

    // MARK: Rosters

    /// Receivers refuse senders outside the roster. One that a newer roster may list waits until it was fetched.
    private func requireListed(
        _ device: DeviceID, _ contact: Contact, _ heads: MessageHeads, told: [Data], in connection: Connection
    ) throws {
        let roster = try ContactRows.roster(of: contact, in: connection)
        guard roster.device(device) == nil else { return }
        guard !roster.contains(heads.sender) else {
            throw Unwelcome(description: "the sending device is not in its account's roster")
        }
        throw Early(
            description: "the sending device is not in the roster that is known of its account",
            wanted: (contact.id, heads.sender), told: told)
    }

    /// Heads that are not known are asked for. (A sender that is behind learns it from the heads of our receipt.)
    private func compare(_ heads: MessageHeads, of contact: Contact, in connection: Connection) throws {
        let roster = try ContactRows.roster(of: contact, in: connection)
        if !roster.contains(heads.sender) { try ContactRows.want(heads.sender, of: contact.id, in: connection) }
        guard !contact.isSelf else { return }
        let own = try ContactRows.own(in: connection)
        // What a contact says of our roster is only a reason to look.
        if try !ContactRows.roster(of: own, in: connection).contains(heads.recipient) {
            try ContactRows.want(heads.recipient, of: own.id, in: connection)
        }
    }

    /// A sender that did not know our newest roster has left out devices that it lists: they get the text from this one.
    private func forward(
        _ content: WireContent, _ message: OpenedMessage, from contact: Contact, in connection: Connection
    ) throws {
        let roster = try OwnRoster.load(account: state.account, in: connection)
        guard message.heads.recipient != roster.head,
            let known = roster.entries.first(where: { $0.head == message.heads.recipient })
        else { return }
        for device in roster.devices where device.id != state.id && !known.devices.contains(device) {
            let copy = WireSyncMessage.with {
                $0.id = Data(message.id.bytes)
                $0.conversation = Data(contact.account.bytes)
                $0.sentUnixMs = content.sentUnixMs
                $0.text = content.text.text
            }
            try OutgoingMail(state: state).queueSync(.with { $0.messages = [copy] }, only: device.id, in: connection)
        }
    }

    // MARK: Receipts

    private func take(
        _ receipt: WireReceipt, from contact: Contact, _ device: DeviceID, in connection: Connection
    ) throws {
        let progress: MessageState
        switch receipt.kind {
        case .delivered: progress = .delivered
        case .read: progress = .seen
        case .unspecified, .UNRECOGNIZED: throw Unwelcome(description: "a receipt of unknown kind")
        }
        for id in receipt.messageIds.map({ [UInt8]($0) }) {
            // Nobody has a say about messages to others.
            if let recipient = try MessageRows.contact(ofSent: id, in: connection), recipient != contact.id { continue }
            try OutgoingRows.delivered(id, contact: contact.id, device: device, in: connection)
            try MessageRows.mark(id, progress: progress, now: now, in: connection)
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
        try met(id, by: invite, device: peer.device.id, in: connection)
        guard let contact = try ContactRows.find(id, in: connection) else { throw DeviceError.damaged("a contact") }
        return contact
    }

    /// Which of our one-time keys let the device in, and the way in for our other devices.
    private func met(
        _ contact: Int64, by invite: OwnInvite, device: DeviceID, in connection: Connection
    ) throws {
        let key = InviteKeys(secret: invite.secret).initiatorKey.publicKey
        try ContactKeyRows.insert([.init(device, key)], of: contact, in: connection)
        if try RouteRows.find(contact, in: connection) == nil {
            try RouteRows.make(contact, random: state.random, in: connection)
        }
        try SponsorRows.insertAll(contact: contact, state: state, now: now, in: connection)
    }

    /// A contact has accepted an invite of ours too. When each accepts the other's at the same time, this is the answer
    /// that both wait for.
    private func takeRequest(
        _ bytes: [UInt8], from peer: SessionParty, of contact: Contact, in connection: Connection
    ) throws {
        let (request, invite) = try read(bytes, from: peer, in: connection)
        try OwnInviteRows.use(invite, in: connection)
        try ContactRows.confirm(contact, claimed: request.name, in: connection)
        try met(contact.id, by: invite, device: peer.device.id, in: connection)
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
        let invites = try OwnInviteRows.open(.contact, now: now, in: connection)
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
                key: X25519.PrivateKey(random: state.random), preSharedKey: keys.grantPreSharedKey, in: connection),
            try InitiatorRows.insertOneTime(keys, node: home, in: connection)
        )
    }
}
