public import Logging
public import NIOCore
public import SpeemConfig
import SpeemCrypto
public import SpeemIdentity
import SpeemProtocol
import SpeemSessions
public import SpeemStore
import SpeemTransport
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The side of a new device that asks to be linked. Every step is written down first, so that the same command goes on
/// after any interruption; until the account lists the device nothing depends on it.
public struct Joining: Sendable {
    private let state: DeviceState
    private let connections: NodeConnections
    private let deviceName: String
    private let clock: WallClock

    /// The beginning of the device's id, in hexadecimal: both sides show it.
    public var fingerprint: String { Hex.encode(state.id.bytes.prefix(4)) }

    /// Makes the device's store, or takes up one whose joining was interrupted.
    ///
    /// - Throws: ``DeviceError``, ``SpeemStore/StoreError``.
    public static func begin(
        _ invite: Invite, config: Config, key: KeySource? = nil, group: any EventLoopGroup, clock: WallClock = .system,
        logger: Logger
    ) async throws -> Joining {
        guard case .link(let inviter) = invite.purpose else {
            throw DeviceError.invite("this invite does not link a device", hint: nil)
        }
        guard invite.expires == 0 || invite.expires >= UInt64(clamping: clock.seconds()) else {
            throw DeviceError.invite("the invite has expired", hint: "make a new one: speem invite --device")
        }
        let keys = DeviceKeys(random: SystemRandomSource())
        let store = try await Device.openStore(config, key: key) { connection in
            try DeviceState.insert(keys, account: inviter.account, name: config.name, in: connection)
            try LinkAttempt.insert(invite, inviter, in: connection)
        }
        do {
            guard let known = try await store.read({ try LinkAttempt.find(in: $0) }) else {
                throw DeviceError.invite(
                    "this device belongs to an account already", hint: "link a device with a data folder of its own")
            }
            var state = try await DeviceState.load(store: store, logger: logger)
            var connections = NodeConnections(state: state, group: group, clock: clock)
            // An earlier yes may have been said, and only not have been heard here.
            if known.secret != invite.secret, !(await hasSucceeded(known, connections, state)) {
                await connections.shutDown()
                try await store.write { connection in
                    try LinkAttempt.beginAnew(invite, inviter, name: config.name, in: connection)
                }
                state = try await DeviceState.load(store: store, logger: logger)
                connections = NodeConnections(state: state, group: group, clock: clock)
            }
            return Joining(
                state: state, connections: connections,
                deviceName: config.deviceName.isEmpty ? HostName.current : config.deviceName, clock: clock)
        } catch {
            await store.close()
            throw error
        }
    }

    private static func hasSucceeded(
        _ attempt: LinkAttempt, _ connections: NodeConnections, _ state: DeviceState
    ) async -> Bool {
        guard attempt.request != nil else { return false }
        return await connections.isKnown(state.ownInitiator, at: attempt.node)
    }

    /// Closes connections and store.
    public func close() async {
        await connections.shutDown()
        await state.store.close()
    }

    /// How long a look at the node waits before the next.
    private static let pause: Duration = .seconds(1)

    /// Asks to be linked, and waits until the person says yes.
    ///
    /// - Parameter onAsked: the request is at the node.
    /// - Throws: ``DeviceError`` when the answer is no, or nobody answers; ``SpeemTransport/TransportError``.
    public func run(onAsked: @Sendable () -> Void) async throws {
        guard let attempt = try await state.store.read({ try LinkAttempt.find(in: $0) }) else { return }
        try await ask(attempt)
        onAsked()
        while try await !isListed(attempt) { try await Task.sleep(for: Self.pause) }
        try await finish(attempt)
    }

    private func ask(_ attempt: LinkAttempt) async throws {
        let connection: ClientConnection
        do {
            connection = try await connections.connection(oneTime: attempt.oneTime)
        } catch TransportError.refused(let address) {
            // What was asked before may be answered by now.
            guard attempt.request == nil else { return }
            throw DeviceError.invite(
                "the node at \(address) does not know this invite",
                hint: "it has expired or was cancelled; make a new one: speem invite --device")
        }
        do {
            try await ask(attempt, over: connection)
        } catch let error as RefusalError where !error.isTemporary {
            throw DeviceError.invite(
                "the invite cannot be used: \(error)", hint: "make a new one: speem invite --device")
        }
    }

    private func ask(_ attempt: LinkAttempt, over connection: ClientConnection) async throws {
        try await fetchRoster(attempt, over: connection)
        let request: OutgoingEnvelope
        if let sealed = attempt.request {
            request = sealed
        } else {
            request = try await seal(attempt, over: connection)
        }
        let initiator = state.ownInitiator
        guard let own = try await state.store.read({ try InitiatorRows.find(initiator, in: $0) }) else {
            throw DeviceError.damaged("no key of its own nodes")
        }
        let response = try await connection.request(
            .with {
                $0.redeem = .with {
                    $0.initiatorKey = Data(own.key.publicKey.bytes)
                    $0.deposit = WireDeposit([request])
                }
            })
        try response.requireNoRefusal()
    }

    /// Only a chain from the account through the head that the invite names is taken.
    private func fetchRoster(_ attempt: LinkAttempt, over connection: ClientConnection) async throws {
        let entries = try await connection.fetchRosterEntries()
        let roster: Roster
        do {
            roster = try Roster(verifying: entries, account: state.account, through: attempt.head)
        } catch {
            throw DeviceError.invite("the node serves another roster than the invite promises: \(error)", hint: nil)
        }
        try await state.store.write { try LinkAttempt.take(roster, in: $0) }
    }

    /// Seals the request to the device that made the invite.
    private func seal(_ attempt: LinkAttempt, over connection: ClientConnection) async throws -> OutgoingEnvelope {
        let roster = try await state.roster()
        guard let inviter = roster.device(attempt.inviter) else {
            throw DeviceError.invite(
                "the device that made the invite was removed", hint: "make an invite on another one")
        }
        let bundle = try await connection.takePrekeys(of: inviter)
        let state = state
        let name = deviceName
        return try await state.store.write { connection in
            var session = try Session.initiate(
                local: state.local, peer: SessionParty(account: state.account, device: inviter), bundle: bundle,
                random: state.random)
            guard let own = try InitiatorRows.find(state.ownInitiator, in: connection) else {
                throw DeviceError.damaged("no key of its own nodes")
            }
            let request = try LinkRequest(
                head: attempt.head, device: state.local.keys.entry, initiatorKey: own.key.publicKey, name: name
            ).encode(requestKey: InviteKeys(secret: attempt.secret).requestKey, account: state.account)
            let content = WireContent.with { $0.linkRequest = Data(request) }
            let body = try MessageBody(sealing: content.encode(), random: state.random)
            let header = try session.seal(
                body, from: state.local, heads: MessageHeads(sender: roster.head, recipient: roster.head),
                random: state.random)
            try SessionRows.save(session, contact: try ContactRows.own(in: connection).id, in: connection)
            let envelope = OutgoingEnvelope(
                id: 0, device: inviter.id.bytes, messageID: body.id.bytes, envelopeID: state.random.bytes(32),
                header: header, body: body.ciphertext)
            try LinkAttempt.sealed(envelope, in: connection)
            return envelope
        }
    }

    private func isListed(_ attempt: LinkAttempt) async throws -> Bool {
        do {
            let connection = try await connections.connection(oneTime: attempt.oneTime)
            try await fetchRoster(attempt, over: connection)
            return try await state.roster().device(state.id) != nil
        } catch TransportError.refused {
            // The invite is over: with a yes the permanent key opens the node.
            if await connections.isKnown(state.ownInitiator, at: attempt.node) { return true }
            throw DeviceError.invite(
                "the device was not linked: the other device said no, or the invite has expired",
                hint: "make a new invite there with speem invite --device, and accept it here")
        }
    }

    private func finish(_ attempt: LinkAttempt) async throws {
        await connections.close(attempt.oneTime)
        let connection = try await connections.connection(state.ownInitiator, at: attempt.node)
        try await fetchRoster(attempt, over: connection)
        let now = clock.milliseconds()
        try await state.store.write { [state] connection in
            let roster = try OwnRoster.load(account: state.account, in: connection)
            guard roster.device(state.id) != nil else { throw DeviceError.noNode }
            try OwnNodeRows.follow(roster, in: connection)
            try connection.execute("UPDATE device SET linked_by = ?", .blob(attempt.inviter.bytes))
            for device in roster.devices where device.id != state.id {
                // Whoever has linked this device need not be kept from anything.
                try OwnDeviceRows.insert(device.id, since: device.id == attempt.inviter ? 0 : now, in: connection)
            }
            try LinkAttempt.delete(in: connection)
        }
    }
}

/// A link that this device has asked for.
struct LinkAttempt: Sendable {
    let secret: SecretBytes
    let inviter: DeviceID
    let head: RosterHead
    let node: NodeEntry
    let oneTime: Int64
    /// Set once it is sealed: from then on it may have been sent.
    let request: OutgoingEnvelope?

    static func insert(_ invite: Invite, _ inviter: Invite.Inviter, in connection: Connection) throws {
        let keys = InviteKeys(secret: invite.secret)
        let oneTime = try InitiatorRows.insertOneTime(keys, node: invite.node, in: connection)
        try connection.execute(
            """
            INSERT INTO link (id, secret, inviter_device, head, node, one_time, expires) VALUES (1, ?, ?, ?, ?, ?, ?)
            """, .secret(invite.secret), .blob(inviter.device.bytes), .blob(inviter.head.bytes),
            .blob(invite.node.encoded), .integer(oneTime), .integer(Int64(clamping: invite.expires)))
        // The inviter grants the permanent key with what the invite's secret derives.
        try connection.execute(
            "UPDATE initiator SET pre_shared_key = ? WHERE id = (SELECT own_initiator FROM device)",
            .secret(keys.grantPreSharedKey))
    }

    /// Another invite, of the same account or not, is another device: its keys are new, so that a late yes to the attempt
    /// before it gives nothing to this one. The account that it would have belonged to has nothing of it.
    static func beginAnew(
        _ invite: Invite, _ inviter: Invite.Inviter, name: String, in connection: Connection
    ) throws {
        for table in ["link", "session", "roster_entry", "own_node", "contact", "device", "initiator"] {
            try connection.execute("DELETE FROM " + table)
        }
        try DeviceState.insert(
            DeviceKeys(random: SystemRandomSource()), account: inviter.account, name: name, in: connection)
        try insert(invite, inviter, in: connection)
    }

    static func find(in connection: Connection) throws -> LinkAttempt? {
        let row = try connection.first(
            "SELECT secret, inviter_device, head, node, one_time, device, envelope_id, header, body FROM link"
        ) { row throws(StoreError) in
            (
                secret: try row.secret(0), inviter: try row.blob(1), head: try row.blob(2), node: try row.blob(3),
                oneTime: try row.integer(4),
                request: row.isNull(5)
                    ? nil
                    : OutgoingEnvelope(
                        id: 0, device: try row.blob(5), messageID: [], envelopeID: try row.blob(6),
                        header: try row.blob(7), body: try row.blob(8))
            )
        }
        guard let row else { return nil }
        return try DeviceError.stored("a link") {
            LinkAttempt(
                secret: row.secret, inviter: try DeviceID(row.inviter), head: try RosterHead(row.head),
                node: try NodeEntry(stored: row.node), oneTime: row.oneTime, request: row.request)
        }
    }

    static func sealed(_ envelope: OutgoingEnvelope, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE link SET device = ?, envelope_id = ?, header = ?, body = ?", .blob(envelope.device),
            .blob(envelope.envelopeID), .blob(envelope.header), .blob(envelope.body))
    }

    /// Takes a chain where it goes on from the one that was fetched before.
    static func take(_ roster: Roster, in connection: Connection) throws {
        let entries = try connection.query("SELECT encoded FROM roster_entry ORDER BY sequence") {
            row throws(StoreError) in try row.blob(0)
        }
        if !entries.isEmpty {
            let known = try DeviceError.stored("a roster") { try Roster(verifying: entries, account: roster.account) }
            switch known.judge(roster) {
            case .newer, .forkThatWins: break
            case .same, .older: return
            case .forkThatLoses: throw DeviceError.rosterSplit
            }
        }
        try connection.execute("DELETE FROM roster_entry")
        for entry in roster.entries { try OwnRoster.insert(entry, in: connection) }
    }

    /// The device is listed: nothing is left to ask for.
    static func delete(in connection: Connection) throws(StoreError) {
        let oneTime = try connection.first("SELECT one_time FROM link") { row throws(StoreError) in try row.integer(0) }
        try connection.execute("DELETE FROM link")
        if let oneTime { try InitiatorRows.delete(oneTime, in: connection) }
    }
}
