import Logging
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

/// What this device has to do at a contact's node besides sending: each step is written down before and after.
struct ContactVisit: Sendable {
    let state: DeviceState
    let contact: Contact
    let connection: ClientConnection
    /// Where `connection` leads.
    let node: NodeEntry
    let now: Int64

    /// Everything; what fails is tried again with the next visit.
    func run() async throws {
        try await fetchRoster()
        guard !contact.isSelf else { return try await beginSessions() }
        try await registerRoute()
        try await sponsor()
        try await beginSessions()
    }

    // MARK: Roster

    /// Fetches the chain when a message has named a head that it must have.
    func fetchRoster() async throws {
        guard !contact.isSelf, let wanted = contact.wantedHead else { return }
        let entries = try await connection.fetchRosterEntries()
        let contact = contact
        let state = state
        try await state.store.write { connection in
            let known = try ContactRows.roster(of: contact, in: connection)
            let alarm: String?
            do {
                let fetched = try Roster(verifying: entries, account: contact.account)
                let judgement = known.judge(fetched)
                if judgement.isTaken {
                    try ContactRoster(state: state).take(fetched, of: contact, before: known, in: connection)
                    try OwnSync(state: state).queueCard(of: contact.id, in: connection)
                }
                alarm = try Self.alarm(judgement, fetched, wanted: RosterHead(wanted))
            } catch let error as IdentityError {
                alarm = "its node serves a roster that is not the account's: \(error)"
            }
            if let alarm, alarm != contact.alarm {
                state.logger.warning("contact \(contact.id): \(alarm)")
                try NoticeRows.insert(.words("\(contact.name): \(alarm)"), in: connection)
            }
            try ContactRows.looked(at: contact.id, alarm: alarm, in: connection)
            let current = try ContactRows.roster(of: contact, in: connection)
            try ContactKeyRows.withdrawRemoved(of: contact.id, listed: current, by: [current], in: connection)
        }
    }

    /// What the person must know of a chain that a node served.
    private static func alarm(_ judgement: RosterJudgement, _ fetched: Roster, wanted: RosterHead) -> String? {
        switch judgement {
        case .forkThatWins, .forkThatLoses:
            "its roster has split in two: somebody may have taken over a device; ask your contact over another way"
        case .same, .newer:
            fetched.contains(wanted)
                ? nil : "its node does not serve the newest roster: it may hide that a device was removed"
        case .older: "its node serves an older roster than before: it may hide that a device was removed"
        }
    }

    // MARK: Ways in

    /// Gets the route, over which the own nodes deposit for this account, its grants: one for each node.
    private func registerRoute() async throws {
        let id = contact.id
        let (route, nodes) = try await state.store.read { connection in
            (try RouteRows.find(id, in: connection), try RouteRows.unregistered(id, in: connection))
        }
        guard let route, route.state == .made || route.state == .ready else { return }
        for node in nodes {
            let key = try route.key(of: node)
            let response = try await connection.request(
                .with {
                    $0.routeRegister = .with {
                        $0.initiatorKey = Data(key.bytes)
                        $0.preSharedKey = Data(route.preSharedKey(for: node).exposedCopy())
                    }
                })
            let isDone = try Self.isDone(response)
            let state = state
            try await state.store.write { connection in
                // Meanwhile the route may have got new keys.
                guard try RouteRows.find(id, in: connection)?.secret == route.secret else { return }
                try RouteRows.knows(node, contact: id, refused: !isDone, in: connection)
                guard isDone else { return }
                try RouteRows.set(.ready, of: id, in: connection)
                try OwnSync(state: state).queueCard(of: id, in: connection)
            }
        }
    }

    /// Makes ways in for other own devices, and tells them, and the contact whose they are.
    func sponsor() async throws {
        let contact = contact
        let state = state
        let node = node
        for sponsored in try await state.store.read({ try SponsorRows.made(contact: contact.id, in: $0) }) {
            let keys = InviteKeys(secret: sponsored.secret)
            let response = try await connection.request(
                .with {
                    $0.inviteRegister = .init(
                        .sibling, keys, lifetime: SponsorRows.lifetime, expires: now + SponsorRows.lifetime)
                })
            let outcome = try Self.isDone(response)
            try await state.store.write { connection in
                try SponsorRows.set(outcome ? .told : .refused, of: sponsored, in: connection)
                guard outcome, let current = try ContactRows.find(contact.id, in: connection) else { return }
                let mail = OutgoingMail(state: state)
                if try RestoreRows.isNew(sponsored.device, state: state, in: connection) {
                    let permanent = try InitiatorRows.insert(
                        key: X25519.PrivateKey(random: state.random), preSharedKey: keys.grantPreSharedKey,
                        in: connection)
                    let oneTime = try InitiatorRows.insertOneTime(keys, node: node, in: connection)
                    try RedeemRows.set(
                        contact.id, secret: sponsored.secret, permanent: permanent, oneTime: oneTime, in: connection)
                } else {
                    var card = try OwnSync(state: state).card(of: current, in: connection)
                    card.siblingSecret = Data(sponsored.secret.exposedCopy())
                    card.siblingNode = Data(node.encoded)
                    try mail.queueSync(.with { $0.contacts = [card] }, only: sponsored.device, in: connection)
                }
                let key = WireDeviceKey(sponsored.device, keys.initiatorKey.publicKey)
                try mail.queueNotice([key], to: current, in: connection)
            }
        }
    }

    /// False when the node will never do it.
    private static func isDone(_ response: WireResponse) throws -> Bool {
        do {
            try response.requireNoRefusal()
            return true
        } catch let error as RefusalError where !error.isTemporary {
            return false
        }
    }

    // MARK: Sessions

    /// Begins sessions with devices for which something waits, or whose messages cannot be opened any more.
    private func beginSessions() async throws {
        let contact = contact
        let state = state
        let renew = try await state.store.read { connection in
            try connection.first("SELECT renew FROM contact WHERE id = ?", .integer(contact.id)) {
                row throws(StoreError) in try row.flag(0)
            } ?? false
        }
        let (roster, waiting) = try await state.store.read { connection in
            (
                try ContactRows.roster(of: contact, in: connection),
                try OutgoingRows.devicesWithoutSession(contact: contact.id, in: connection)
            )
        }
        var problem: (any Error)?
        for device in roster.devices where device.id != state.id && (renew || waiting.contains(device.id)) {
            do {
                let bundle = try await connection.takePrekeys(of: device)
                try await state.store.write { connection in
                    try begin(device, bundle: bundle, greet: renew, of: contact, in: connection)
                }
            } catch let error as RefusalError {
                // Others may have some.
                problem = problem ?? error
            }
        }
        if let problem { throw problem }
        guard renew else { return }
        try await state.store.write {
            try $0.execute("UPDATE contact SET renew = 0 WHERE id = ?", .integer(contact.id))
        }
    }

    private func begin(
        _ device: DeviceEntry, bundle: SpeemSessions.PrekeyBundle, greet: Bool, of contact: Contact,
        in connection: Connection
    ) throws {
        let session = try Session.initiate(
            local: state.local, peer: SessionParty(account: contact.account, device: device), bundle: bundle,
            random: state.random)
        let mail = OutgoingMail(state: state)
        if try OutgoingRows.unsealed(contact: contact.id, device: device.id, in: connection).isEmpty {
            guard greet else { return }
            try mail.queueGreeting(in: session, to: contact, in: connection)
        } else {
            try mail.seal(waitingFor: device.id, of: contact, in: session, in: connection)
        }
    }
}

extension ClientConnection {
    /// A bundle of prekeys of `device`, checked against its entry.
    func takePrekeys(of device: DeviceEntry) async throws -> SpeemSessions.PrekeyBundle {
        let response = try await request(.with { $0.prekeyTake = .with { $0.device = Data(device.id.bytes) } })
        try response.requireNoRefusal()
        guard case .prekeyBundle(let bundle) = response.kind else { throw TransportError.violation("not prekeys") }
        return try PrekeyBundle(
            device: device, signed: [UInt8](bundle.signedPrekey), kem: [UInt8](bundle.kemPrekey),
            isLastResort: bundle.lastResort,
            oneTime: bundle.oneTimePrekey.isEmpty ? nil : [UInt8](bundle.oneTimePrekey))
    }
}

extension WireInviteRegister {
    init(_ kind: Kind, _ keys: InviteKeys, lifetime: Int64, expires: Int64) {
        self.init()
        self.kind = kind
        initiatorKey = Data(keys.initiatorKey.publicKey.bytes)
        preSharedKey = Data(keys.preSharedKey.exposedCopy())
        grantPreSharedKey = Data(keys.grantPreSharedKey.exposedCopy())
        lifetimeSeconds = UInt64(clamping: lifetime)
        expiresUnixSeconds = UInt64(clamping: expires)
    }
}
