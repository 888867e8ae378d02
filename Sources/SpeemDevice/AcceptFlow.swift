import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemSessions
import SpeemStore
import SpeemTransport
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Accepts a contact invite. Each step is written down before it is asked, so that after a crash or a lost reply the
/// same bytes are asked again.
struct AcceptFlow: Sendable {
    let state: DeviceState
    let connections: NodeConnections
    let clock: WallClock

    /// Seconds that the invite offered in return lives.
    private static let reciprocalLifetime: Int64 = 60 * 24 * 3600

    /// - Parameter name: what the person wants to call the contact.
    /// - Returns: the contact.
    func accept(_ invite: Invite, from inviter: Invite.Inviter, name: String?) async throws -> Contact {
        guard inviter.account != state.account else { throw DeviceError.ownInvite }
        let begun = try await pending(invite.secret)
        let now = clock.seconds()
        // What was begun in time goes on: its answer may only be lost.
        guard begun != nil || invite.expires == 0 || invite.expires >= UInt64(clamping: now) else {
            throw DeviceError.invite("the invite has expired", hint: "ask for a new invite")
        }
        if let known = try await state.store.read({ try ContactRows.find(account: inviter.account, in: $0) }),
            begun?.contact != known.id
        {
            // They met another way in between: what was begun is not needed.
            if let begun { try await giveUp(begun) }
            throw DeviceError.alreadyContact(known.name)
        }
        if let name, begun == nil {
            try DeviceError.check(name: name)
            guard try await !state.store.read({ try ContactRows.isTaken(name, in: $0) }) else {
                throw DeviceError.nameTaken(name)
            }
        }
        let plan = try await prepare(invite, inviter, name: name)
        try await InviteFlow(state: state, connections: connections, clock: clock).register(
            .contact, secret: plan.reciprocal, lifetime: Self.reciprocalLifetime, expires: now + Self.reciprocalLifetime
        )
        do {
            return try await redeem(plan, inviter: inviter)
        } catch TransportError.refused(let address) {
            // Where nothing was sent yet, nothing can have been done.
            guard let first = plan.first else {
                try await giveUp(plan)
                throw DeviceError.invite(
                    "the node at \(address) does not know this invite: it was withdrawn, or used or expired long ago",
                    hint: "ask for a new invite")
            }
            if await connections.isKnown(plan.permanent, at: invite.node) { return try await finish(plan, first) }
            throw DeviceError.outcomeUnknown(
                "it is not known whether the node at \(address) has accepted the request: its answer was lost, and now it closes without a word",
                hint: "run the same command again")
        } catch let error as RefusalError {
            guard !error.isTemporary else { throw DeviceError.refused(error.description) }
            if let first = plan.first, await connections.isKnown(plan.permanent, at: invite.node) {
                return try await finish(plan, first)
            }
            try await giveUp(plan)
            throw DeviceError.invite("the invite cannot be used: \(error)", hint: "ask for a new invite")
        } catch let error as IdentityError {
            // From the chain, which is fetched before anything is sent.
            try await giveUp(plan)
            throw DeviceError.invite("the node serves another roster than the invite promises: \(error)", hint: nil)
        }
    }

    private func redeem(_ plan: Plan, inviter: Invite.Inviter) async throws -> Contact {
        let connection = try await connections.connection(oneTime: plan.oneTime)
        let first: OutgoingEnvelope
        if let written = plan.first {
            first = written
        } else {
            first = try await request(plan, inviter: inviter, over: connection)
        }
        let key = plan.permanentKey
        let response = try await connection.request(
            .with {
                $0.redeem = .with {
                    $0.initiatorKey = Data(key.bytes)
                    $0.deposit = WireDeposit([first])
                }
            })
        await connections.close(plan.oneTime)
        try response.requireNoRefusal()
        guard case .redeemed = response.kind else { throw TransportError.violation("not a redemption") }
        return try await finish(plan, first)
    }

    /// The node has the permanent key and the request.
    private func finish(_ plan: Plan, _ first: OutgoingEnvelope) async throws -> Contact {
        await connections.close(plan.oneTime)
        let secret = plan.secret
        let oneTime = plan.oneTime
        return try await state.store.write { connection in
            let contact =
                try connection.first(
                    "SELECT contact FROM pending_accept WHERE secret = ?", .secret(secret)
                ) { row throws(StoreError) in try row.optionalInteger(0) } ?? nil
            try connection.execute("DELETE FROM pending_accept WHERE secret = ?", .secret(secret))
            try InitiatorRows.delete(oneTime, in: connection)
            guard let contact = try contact.flatMap({ try ContactRows.find($0, in: connection) }) else {
                throw DeviceError.damaged("an accepted invite")
            }
            try InitiatorRows.deleteUnused(plan.permanent, in: connection)
            return contact
        }
    }

    /// Checks the inviter's chain, begins a session, and writes down contact, session and request in one commit.
    private func request(
        _ plan: Plan, inviter: Invite.Inviter, over connection: ClientConnection
    ) async throws -> OutgoingEnvelope {
        let roster = try Roster(
            verifying: try await connection.fetchRosterEntries(), account: inviter.account, through: inviter.head)
        guard let device = roster.device(inviter.device) else {
            throw IdentityError.malformed("the roster without the device that made the invite")
        }
        let peer = SessionParty(account: inviter.account, device: device)
        let bundle = try await connection.takePrekeys(of: device)
        let state = state
        return try await state.store.write { connection in
            if let known = try ContactRows.find(account: inviter.account, in: connection) {
                throw DeviceError.alreadyContact(known.name)
            }
            var session = try Session.initiate(
                local: state.local, peer: peer, bundle: bundle, random: state.random)
            let own = try OwnRoster.load(account: state.account, in: connection)
            let request = try ContactRequest(
                roster: own, inviterHead: roster.head, reciprocalSecret: plan.reciprocal, name: state.name
            ).encode(
                requestKey: InviteKeys(secret: plan.secret).requestKey, inviter: inviter.account, device: state.id)
            let content = WireContent.with { $0.contactRequest = Data(request) }
            let body = try MessageBody(sealing: content.encode(), random: state.random)
            let header = try session.seal(
                body, from: state.local, heads: MessageHeads(sender: own.head, recipient: roster.head),
                random: state.random)
            try ContactRemoval(state: state).welcomeBack(inviter.account, in: connection)
            let contact = try ContactRows.insert(
                account: inviter.account, name: plan.name ?? "", state: .requested,
                initiator: plan.permanent, roster: roster, in: connection)
            try SessionRows.save(session, contact: contact, in: connection)
            try RouteRows.make(contact, random: state.random, in: connection)
            try SponsorRows.insertAll(contact: contact, state: state, in: connection)
            // With this key the inviter's device will come to our nodes.
            let key = InviteKeys(secret: plan.reciprocal).initiatorKey.publicKey
            try ContactKeyRows.insert([.init(device.id, key)], of: contact, isProven: true, in: connection)
            let sync = OwnSync(state: state)
            try sync.queueCard(of: contact, in: connection)
            if let name = plan.name { try sync.name(inviter.account, name, in: connection) }
            let first = OutgoingEnvelope(
                id: 0, device: device.id.bytes, messageID: body.id.bytes, envelopeID: state.random.bytes(32),
                header: header, body: body.ciphertext)
            try connection.execute(
                """
                UPDATE pending_accept SET contact = ?, device = ?, envelope_id = ?, header = ?, body = ?
                WHERE secret = ?
                """, .integer(contact), .blob(first.device), .blob(first.envelopeID), .blob(first.header),
                .blob(first.body), .secret(plan.secret))
            return first
        }
    }
}
