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
        let missedBy = try compare(
            message.heads, from: session.peer.device.id, of: contact, told: told?.roster ?? [], in: connection)
        // Before any answer: it goes on from this state.
        try SessionRows.save(session, contact: contact.id, in: connection)
        if contact.isSelf {
            return try applyOwn(content, message, from: session.peer.device.id, missedBy, in: connection)
        }
        guard !contact.isBlocked else { return (.notice, nil) }
        switch content.kind {
        case .text(let text):
            try requireNew(message.id, of: contact, outgoing: false, in: connection)
            try MessageRows.insert(
                contact: contact.id, id: message.id, outgoing: false, text: text.text,
                sent: Int64(clamping: content.sentUnixMs), in: connection)
            try passOn(message.id, to: missedBy, in: connection)
            return (.text(contact: contact.id), message.id)
        case .receipt(let receipt):
            try take(receipt, from: contact, session.peer.device.id, in: connection)
            return (.receipt, nil)
        case .contactAccept(let bytes):
            let accept = try ContactAccept([UInt8](bytes))
            let sync = OwnSync(state: state)
            if try ContactRows.confirm(contact, in: connection) {
                try sync.name(contact.account, accept.name, in: connection)
            }
            try sync.queueCard(of: contact.id, in: connection)
            try DiscoveryRows.tell(contact, state: state, in: connection)
            return (.contactAccepted(contact: contact.id), nil)
        case .contactRequest(let request):
            try takeRequest([UInt8](request), from: session.peer, of: contact, in: connection)
            return (.contactRequest(contact: contact.id), nil)
        case .grantNotice(let notice):
            try ContactKeyRows.insert(notice.keys, of: contact.id, in: connection)
            try ContactKeyRows.withdraw(
                routes: notice.withdrawnRoutes.map { [UInt8]($0) }, of: contact.id, in: connection)
            try ContactRows.told(notice.roster, by: contact.id, in: connection)
            if notice.hasDiscovery, try DiscoveryRows.take(notice.discovery, of: contact.id, in: connection) {
                try OwnSync(state: state).queueCard(of: contact.id, in: connection)
            }
            if notice.mailLost { try OutgoingRows.resend(contact: contact.id, in: connection) }
            return (.notice, nil)
        case .restored(let restored):
            try TextsAgain(state: state).answer(restored, of: contact, session.peer.device.id, now: now, in: connection)
            return (.notice, nil)
        case .textsAgain(let again):
            let isNew = try TextsAgain(state: state).take(again, from: contact, in: connection)
            return (isNew ? .text(contact: contact.id) : .notice, nil)
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
        try DiscoveryRows.tell(contact, state: state, in: connection)
        return (.contactRequest(contact: contact.id), nil)
    }

    // MARK: Rosters

    /// Looks at the heads of a message. Senders outside the roster are refused; one that a newer roster may list waits until
    /// it was fetched, and what is not known here is asked for. (A sender that is behind learns it from the heads of our
    /// receipt.)
    ///
    /// - Returns: own devices that the sender did not know of: they get the message from here.
    private func compare(
        _ heads: MessageHeads, from device: DeviceID, of contact: Contact, told: [Data], in connection: Connection
    ) throws -> [DeviceID] {
        let roster = try ContactRows.roster(of: contact, in: connection)
        switch RosterWatch.admission(of: device, naming: heads.sender, under: roster) {
        case .accepted: break
        case .refused: throw Unwelcome(description: "the sending device is not in its account's roster")
        case .undecided:
            throw Early(
                description: "the sending device is not in the roster that is known of its account",
                wanted: (contact.id, heads.sender), told: told)
        }
        let own = contact.isSelf ? roster : try OwnRoster.load(account: state.account, in: connection)
        // A copy of a message to somebody else names their head, which says nothing of our own.
        let ours = contact.isSelf ? MessageHeads(sender: heads.sender, recipient: heads.sender) : heads
        let reaction = RosterWatch.reaction(of: state.id, to: ours, sender: roster, own: own)
        if reaction.fetchesSender { try ContactRows.want(heads.sender, of: contact.id, in: connection) }
        // What a contact says of our roster is no news: every visit to an own node compares it.
        return reaction.missedBy.filter { $0 != device }
    }

    /// Nobody but whom a message was sent to knows its key, and may have passed it on, to be sent here as another's: one
    /// message is in one conversation.
    func requireNew(
        _ id: MessageID, of contact: Contact, outgoing: Bool, in connection: Connection
    ) throws {
        guard try MessageRows.isElsewhere(id.bytes, contact: contact.id, outgoing: outgoing, in: connection) else {
            return
        }
        throw Unwelcome(description: "the message is one of another conversation")
    }

    /// Gives a message to own devices that its sender did not know of.
    func passOn(_ id: MessageID, to devices: [DeviceID], in connection: Connection) throws {
        guard !devices.isEmpty, let message = try MessageRows.wire(id, in: connection) else { return }
        for device in devices {
            try OutgoingMail(state: state).queueSync(.with { $0.messages = [message] }, only: device, in: connection)
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
        try ContactRemoval(state: state).welcomeBack(peer.account, in: connection)
        let offered = try offer(request, in: connection)
        let id = try ContactRows.insert(
            account: peer.account, name: request.name, state: .confirmed, initiator: offered.permanent,
            roster: request.roster, in: connection)
        try RedeemRows.set(
            id, secret: request.reciprocalSecret, permanent: offered.permanent, oneTime: offered.oneTime,
            in: connection)
        try OwnInviteRows.use(invite, in: connection)
        try met(id, by: invite, device: peer.device.id, in: connection)
        try OwnSync(state: state).name(peer.account, request.name, in: connection)
        guard let contact = try ContactRows.find(id, in: connection) else { throw DeviceError.damaged("a contact") }
        return contact
    }

    /// Which of our one-time keys let the device in, and the way in for our other devices.
    private func met(
        _ contact: Int64, by invite: OwnInvite, device: DeviceID, in connection: Connection
    ) throws {
        let key = InviteKeys(secret: invite.secret).initiatorKey.publicKey
        try ContactKeyRows.insert([.init(device, key)], of: contact, isProven: true, in: connection)
        if try RouteRows.find(contact, in: connection) == nil {
            try RouteRows.make(contact, random: state.random, in: connection)
        }
        try SponsorRows.insertAll(contact: contact, state: state, in: connection)
        // Before anything that the contact sends them; the way in follows.
        try OwnSync(state: state).queueCard(of: contact, in: connection)
    }

    /// A contact has accepted an invite of ours too. When each accepts the other's at the same time, this is the answer
    /// that both wait for.
    private func takeRequest(
        _ bytes: [UInt8], from peer: SessionParty, of contact: Contact, in connection: Connection
    ) throws {
        let (request, invite) = try read(bytes, from: peer, in: connection)
        try OwnInviteRows.use(invite, in: connection)
        if try ContactRows.confirm(contact, in: connection) {
            try OwnSync(state: state).name(contact.account, request.name, in: connection)
        }
        try met(contact.id, by: invite, device: peer.device.id, in: connection)
        try OutgoingMail(state: state).queueAccept(to: contact, in: connection)
        try DiscoveryRows.tell(contact, state: state, in: connection)
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
