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

/// A device takes an unowned node: the account's first, a further one, or a new board in the place of an old one. What is
/// asked is kept first, so that it can be asked again, the same, after a lost reply.
///
/// Once the claim may have been sent, the node may belong to this account. Then only the node's word ends the attempt;
/// silence may be anything, such as a node that is starting.
struct ClaimFlow: Sendable {
    let state: DeviceState
    let connections: NodeConnections

    /// What place the node takes among the account's.
    enum Place: Sendable {
        /// The last: it is home when it is the first.
        case last
        /// That of the node with this key.
        ///
        /// - isLost: the old board will never come back: its word is not waited for.
        case of(X25519.PublicKey, isLost: Bool)
    }

    /// - Throws: ``DeviceError``, ``SpeemTransport/TransportError``. After a refusal nothing is left of the attempt;
    ///   after a lost reply the same invite is taken up again.
    ///
    /// - Parameter given: the row of the invite's one-time key, where it was used before.
    func claim(_ invite: Invite, place: Place = .last, oneTime given: Int64? = nil) async throws {
        let earlier = try await state.store.read { try Self.pending(in: $0) }
        var oneTime = given
        var isSettled = false
        if let earlier, earlier.secret != invite.secret {
            if case .of(earlier.node.noise, isLost: true) = place {
                // The board that was to take a place broke in the middle: it stays listed until another one has the place.
                try await state.store.write { connection in
                    try connection.execute("DELETE FROM claim")
                    try InitiatorRows.delete(earlier.oneTime, in: connection)
                }
            } else if earlier.isSent {
                guard let replacement = try await settle(earlier, before: invite, oneTime: given) else { return }
                oneTime = replacement
                isSettled = true
            } else {
                try await undo(earlier)
            }
        }
        let known = oneTime
        let mayBeListed = isSettled
        let pending = try await state.store.write {
            try prepare(invite, place, oneTime: known, mayBeListed: mayBeListed, in: $0)
        }
        let connection: ClientConnection
        do {
            // Before anybody is told of the node: an invite that is dead changes nothing.
            connection = try await connections.connection(pending.oneTime, at: pending.node)
            try await list(pending, place)
        } catch TransportError.refused(let address) {
            return try await silent(pending, address)
        }
        // Before it is sent: from here on the node may have done it.
        try await state.store.write { try $0.execute("UPDATE claim SET sent = 1") }
        let request = try await request(to: pending.node)
        let response = try await connection.request(request)
        await connections.close(pending.oneTime)
        do {
            try response.requireNoRefusal()
        } catch let error as RefusalError where !error.isTemporary {
            if pending.isSent, await isOurs(pending) { return try await finish(pending) }
            try await undo(pending)
            throw DeviceError.refused(error.description)
        }
        guard case .claimed = response.kind else { throw TransportError.violation("not a claim") }
        try await finish(pending)
    }

    private func request(to node: NodeEntry) async throws -> WireRequest {
        let roster = try await state.roster()
        let initiator = state.ownInitiator
        let read = try await state.store.read { connection in
            (
                own: try InitiatorRows.find(initiator, in: connection),
                recovery: try connection.first(
                    "SELECT recovery_key, recovery_psk FROM device WHERE recovery_key IS NOT NULL"
                ) { row throws(StoreError) in (key: try row.blob(0), psk: try row.secret(1)) }
            )
        }
        guard let own = read.own else { throw DeviceError.damaged("no key of its own nodes") }
        let proof = ClaimProof(
            node: node.noise, head: roster.head, device: state.id, initiatorKey: own.key.publicKey.bytes,
            preSharedKey: own.preSharedKey, recovery: read.recovery.map { ($0.key, $0.psk) })
        return .with {
            $0.claim = .with {
                $0.signature = Data(proof.signed(by: state.local.keys))
                $0.initiatorKey = Data(own.key.publicKey.bytes)
                $0.preSharedKey = Data(own.preSharedKey.exposedCopy())
                $0.roster = roster.entries.map { Data($0.encoded) }
                $0.device = Data(state.id.bytes)
                if let recovery = read.recovery {
                    $0.recovery = .with {
                        $0.kind = .recovery
                        $0.initiatorKey = Data(recovery.key)
                        $0.preSharedKey = Data(recovery.psk.exposedCopy())
                    }
                }
            }
        }
    }

    private func isOurs(_ pending: Pending) async -> Bool {
        await connections.isKnown(state.ownInitiator, at: pending.node)
    }

    /// Lists the node in the roster: at the home node where there is one, so that no two devices do it at once.
    private func list(_ pending: Pending, _ place: Place) async throws {
        let roster = try await state.roster()
        guard !roster.nodes.contains(where: { $0.noise == pending.node.noise }) else { return }
        let change: RosterChange
        var isAlone = roster.nodes.isEmpty
        switch place {
        case .last: change = .putNode(pending.node)
        case .of(let old, let isLost):
            change = .replaceNode(old: old, new: pending.node)
            // Where home itself is gone, nobody is left to compare with.
            isAlone = isAlone || (isLost && roster.nodes.first?.noise == old)
            // For whoever has to take it back.
            let replaced = roster.nodes.first { $0.noise == old }
            try await state.store.write {
                try $0.execute(
                    "UPDATE claim SET replaces = ?, lost = ?", .optional(replaced?.encoded), .flag(isLost))
            }
        }
        guard isAlone else {
            return try await RosterFlow(state: state, connections: connections).change(change)
        }
        try await state.store.write { [state] connection in
            let roster = try OwnRoster.load(account: state.account, in: connection)
            guard let wanted = try change.applied(to: roster) else { return }
            let entry = try RosterEntry.next(
                after: roster.newest, signedBy: state.local.keys, devices: wanted.devices, nodes: wanted.nodes)
            try OwnRoster.insert(entry, in: connection)
            try OwnNodeRows.follow(try OwnRoster.load(account: state.account, in: connection), in: connection)
            try connection.execute("UPDATE claim SET entry = ?", .integer(Int64(clamping: entry.sequence)))
        }
    }

    /// The node has closed without a word.
    private func silent(_ pending: Pending, _ address: String) async throws {
        guard pending.isSent else {
            // The node has shown a newer invite since, or belongs to somebody: this one is dead.
            try await undo(pending)
            throw DeviceError.invite(
                "the node at \(address) does not know this invite",
                hint: "start the node again: an unowned node shows a new claim invite at each start")
        }
        if await isOurs(pending) { return try await finish(pending) }
        throw DeviceError.outcomeUnknown(
            "it is not known whether the node at \(address) has accepted the claim: its answer was lost, and now it closes without a word",
            hint: "run the same command again; when the node shows a new claim invite, accept that one")
    }

    /// Finds out what became of an earlier claim before another takes its place.
    ///
    /// - Returns: the one-time key of `invite`, or nil when the node has the earlier claim, and nothing is left to do.
    private func settle(_ earlier: Pending, before invite: Invite, oneTime given: Int64?) async throws -> Int64? {
        if await isOurs(earlier) {
            try await finish(earlier)
            if earlier.node.noise == invite.node.noise { return nil }
            if let given { return given }
            return try await state.store.write {
                try InitiatorRows.insertOneTime(InviteKeys(secret: invite.secret), node: invite.node, in: $0)
            }
        }
        if earlier.node.noise == invite.node.noise {
            // A node that knows a claim invite belongs to nobody: it has not taken the earlier one.
            let oneTime: Int64
            if let given {
                oneTime = given
            } else {
                oneTime = try await state.store.write {
                    try InitiatorRows.insertOneTime(InviteKeys(secret: invite.secret), node: invite.node, in: $0)
                }
            }
            if await connections.isKnown(oneTime, at: invite.node) {
                try await undo(earlier)
                return oneTime
            }
            try await state.store.write { try InitiatorRows.delete(oneTime, in: $0) }
        }
        throw DeviceError.outcomeUnknown(
            "it is not known whether the node at \(earlier.address) has accepted an earlier claim",
            hint: "run speem accept with the invite that was used first, when that node can be reached")
    }

    private func finish(_ pending: Pending) async throws {
        await connections.close(pending.oneTime)
        try await state.store.write { [state] connection in
            // As it is now: it was written down what was listed since.
            let pending = try Self.pending(in: connection) ?? pending
            try connection.execute("DELETE FROM claim")
            try InitiatorRows.delete(pending.oneTime, in: connection)
            let roster = try OwnRoster.load(account: state.account, in: connection)
            try OwnNodeRows.follow(roster, in: connection)
            try ProvisionRows.taken(pending.secret, node: pending.node, state: state, in: connection)
            // No other node has told.
            if pending.entry != nil { try RosterEffects(state: state).tellContacts(roster, in: connection) }
            if let lost = pending.replaces, pending.isLost {
                try RouteRows.withdraw(node: lost.noise.bytes, state: state, in: connection)
            }
        }
    }

    /// The node whose claim waits for its answer.
    static func claimed(in connection: Connection) throws -> NodeEntry? { try pending(in: connection)?.node }

    /// The same, where it was begun with this secret.
    static func claimed(with secret: SecretBytes, in connection: Connection) throws -> NodeEntry? {
        try pending(in: connection).flatMap { $0.secret == secret ? $0.node : nil }
    }

    /// Takes a claim back that was begun with this secret.
    ///
    /// - Throws: ``DeviceError`` when the node has it already; then it is the account's.
    func giveUp(_ secret: SecretBytes) async throws {
        guard let pending = try await state.store.read({ try Self.pending(in: $0) }), pending.secret == secret else {
            return
        }
        if pending.isSent, await isOurs(pending) {
            try await finish(pending)
            throw DeviceError.hasNode
        }
        try await undo(pending)
    }

    private struct Pending: Sendable {
        let secret: SecretBytes
        let node: NodeEntry
        let oneTime: Int64
        /// The claim may have reached the node.
        let isSent: Bool
        /// The roster entry that lists the node, when no other node has it.
        let entry: UInt64?
        /// Whose place it takes.
        let replaces: NodeEntry?
        let isLost: Bool

        /// One of the node's, for a person.
        var address: String { node.addresses.first ?? "an unknown address" }
    }

    /// Takes up a claim again, or writes down a new one.
    private func prepare(
        _ invite: Invite, _ place: Place, oneTime: Int64?, mayBeListed: Bool, in connection: Connection
    ) throws -> Pending {
        if let pending = try Self.pending(in: connection) {
            if pending.secret == invite.secret { return pending }
            guard !pending.isSent else { throw DeviceError.hasNode }
            // Another invite, and nobody has seen the attempt before it.
            try remove(pending, in: connection)
        }
        let roster = try OwnRoster.load(account: state.account, in: connection)
        guard !roster.nodes.contains(where: { $0.noise == invite.node.noise }) || mayBeListed else {
            throw DeviceError.hasNode
        }
        if case .last = place, roster.nodes.count >= RosterEntry.maxNodes { throw DeviceError.tooManyNodes }
        let oneTime =
            try oneTime
            ?? InitiatorRows.insertOneTime(InviteKeys(secret: invite.secret), node: invite.node, in: connection)
        try connection.execute(
            "INSERT INTO claim (id, secret, node, one_time) VALUES (1, ?, ?, ?)", .secret(invite.secret),
            .blob(invite.node.encoded), .integer(oneTime))
        guard let pending = try Self.pending(in: connection) else { throw DeviceError.damaged("a claim") }
        return pending
    }

    /// The claim that waits for its answer.
    private static func pending(in connection: Connection) throws -> Pending? {
        let row = try connection.first("SELECT secret, node, one_time, sent, entry, replaces, lost FROM claim") {
            row throws(StoreError) in
            (
                secret: try row.secret(0), node: try row.blob(1), oneTime: try row.integer(2),
                isSent: try row.flag(3), entry: try row.optionalInteger(4), replaces: try row.optionalBlob(5),
                isLost: try row.flag(6)
            )
        }
        guard let row else { return nil }
        return Pending(
            secret: row.secret, node: try DeviceError.stored("a claim") { try NodeEntry(stored: row.node) },
            oneTime: row.oneTime, isSent: row.isSent, entry: row.entry.map { UInt64(clamping: $0) },
            replaces: try row.replaces.map { bytes in try DeviceError.stored("a claim") { try NodeEntry(stored: bytes) }
            },
            isLost: row.isLost)
    }

    private func remove(_ pending: Pending, in connection: Connection) throws {
        try connection.execute("DELETE FROM claim")
        if let entry = pending.entry {
            // No node keeps this entry.
            try OwnRoster.removeNewest(entry, in: connection)
            try OwnNodeRows.follow(try OwnRoster.load(account: state.account, in: connection), in: connection)
            try connection.execute("DELETE FROM own_node WHERE node_key = ?", .blob(pending.node.noise.bytes))
        }
        try InitiatorRows.delete(pending.oneTime, in: connection)
    }

    private func undo(_ pending: Pending) async throws {
        await connections.close(pending.oneTime)
        let current = try await state.store.read { try Self.pending(in: $0) } ?? pending
        let isListed = try await state.roster().nodes.contains { $0.noise == pending.node.noise }
        if isListed, current.entry == nil {
            // The other nodes have an entry that lists it.
            let flow = RosterFlow(state: state, connections: connections)
            if let old = current.replaces {
                try await flow.change(.replaceNode(old: pending.node.noise, new: old), at: old)
            } else {
                try await flow.change(.removeNode(pending.node.noise))
            }
        }
        try await state.store.write { [self] in try remove(current, in: $0) }
        let key = pending.node.noise.bytes
        try await state.store.write { try $0.execute("DELETE FROM own_node WHERE node_key = ?", .blob(key)) }
    }
}
