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

/// The first device takes an unowned node. What is asked is kept first, so that it can be asked again, the same, after
/// a lost reply.
///
/// Once the claim may have been sent, the node may belong to this account, and the permanent key be the only one that
/// opens it. Then only the node's word ends the attempt; silence may be anything, such as a node that is starting.
struct ClaimFlow: Sendable {
    let state: DeviceState
    let connections: NodeConnections

    /// - Throws: ``DeviceError``, ``SpeemTransport/TransportError``. After a refusal nothing is left of the attempt;
    ///   after a lost reply the same invite is taken up again.
    func claim(_ invite: Invite) async throws {
        let earlier = try await state.store.read { try Self.pending(in: $0) }
        var oneTime: Int64?
        if let earlier, earlier.secret != invite.secret, earlier.isSent {
            guard let replacement = try await settle(earlier, before: invite) else { return }
            oneTime = replacement
        }
        let known = oneTime
        let pending = try await state.store.write { try prepare(invite, oneTime: known, in: $0) }
        let connection: ClientConnection
        do {
            connection = try await connections.connection(pending.oneTime)
        } catch TransportError.refused(let address) {
            return try await silent(pending, address)
        }
        // Before it is sent: from here on the node may have done it.
        try await state.store.write { try $0.execute("UPDATE own_node SET claim_sent = 1") }
        let roster = try await state.roster()
        let response = try await connection.request(
            .with {
                $0.claim = .with {
                    $0.initiatorKey = Data(pending.permanentKey.bytes)
                    $0.roster = roster.entries.map { Data($0.encoded) }
                    $0.device = Data(state.id.bytes)
                    $0.preSharedKey = Data(pending.preSharedKey.exposedCopy())
                }
            })
        await connections.close(pending.oneTime)
        do {
            try response.requireNoRefusal()
        } catch let error as RefusalError where !error.isTemporary {
            if pending.isSent, await connections.isKnown(pending.permanent) {
                return try await finish(pending, epoch: nil)
            }
            try await undo(pending)
            throw DeviceError.refused(error.description)
        }
        guard case .claimed(let claimed) = response.kind else { throw TransportError.violation("not a claim") }
        try await finish(pending, epoch: [UInt8](claimed.nodeEpoch))
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
        if await connections.isKnown(pending.permanent) { return try await finish(pending, epoch: nil) }
        throw DeviceError.outcomeUnknown(
            "it is not known whether the node at \(address) has accepted the claim: its answer was lost, and now it closes without a word",
            hint: "run the same command again; when the node shows a new claim invite, accept that one")
    }

    /// Finds out what became of an earlier claim before another takes its place.
    ///
    /// - Returns: the one-time key of `invite`, or nil when the node has the earlier claim, and nothing is left to do.
    private func settle(_ earlier: Pending, before invite: Invite) async throws -> Int64? {
        if await connections.isKnown(earlier.permanent) {
            try await finish(earlier, epoch: nil)
            guard earlier.nodeKey == invite.node.noise else { throw DeviceError.hasNode }
            return nil
        }
        if earlier.nodeKey == invite.node.noise {
            // A node that knows a claim invite belongs to nobody: it has not taken the earlier one.
            let oneTime = try await state.store.write {
                try InitiatorRows.insertOneTime(InviteKeys(secret: invite.secret), node: invite.node, in: $0)
            }
            if await connections.isKnown(oneTime) {
                try await undo(earlier)
                return oneTime
            }
            try await state.store.write { try InitiatorRows.delete(oneTime, in: $0) }
        }
        throw DeviceError.outcomeUnknown(
            "it is not known whether the node at \(earlier.address) has accepted an earlier claim",
            hint: "run speem accept with the invite that was used first, when that node can be reached")
    }

    private func finish(_ pending: Pending, epoch: [UInt8]?) async throws {
        await connections.close(pending.oneTime)
        try await state.store.write { connection in
            try connection.execute(
                "UPDATE own_node SET claim_secret = NULL, one_time = NULL, node_epoch = ?", .optional(epoch))
            try InitiatorRows.delete(pending.oneTime, in: connection)
        }
    }

    private struct Pending: Sendable {
        let secret: SecretBytes
        let permanent: Int64
        let permanentKey: X25519.PublicKey
        let preSharedKey: SecretBytes
        let nodeKey: X25519.PublicKey
        /// One of the node's, for a person.
        let address: String
        let oneTime: Int64
        /// The claim may have reached the node.
        let isSent: Bool
        /// The roster entry that lists the node.
        let sequence: UInt64
    }

    /// Takes up a claim again, or writes down the permanent key, the roster entry and the secret of a new one.
    private func prepare(_ invite: Invite, oneTime: Int64?, in connection: Connection) throws -> Pending {
        if let pending = try Self.pending(in: connection) {
            if pending.secret == invite.secret { return pending }
            guard !pending.isSent else { throw DeviceError.hasNode }
            // Another invite, and nobody has seen the attempt before it.
            try Self.remove(pending, in: connection)
        }
        let roster = try OwnRoster.load(account: state.account, in: connection)
        guard roster.nodes.isEmpty else { throw DeviceError.hasNode }
        let keys = InviteKeys(secret: invite.secret)
        let permanent = X25519.PrivateKey(random: state.random)
        let permanentID = try InitiatorRows.insert(
            key: permanent, preSharedKey: keys.grantPreSharedKey, node: invite.node, in: connection)
        let oneTime = try oneTime ?? InitiatorRows.insertOneTime(keys, node: invite.node, in: connection)
        let entry = try RosterEntry.next(
            after: roster.newest, signedBy: state.local.keys, devices: roster.devices, nodes: [invite.node])
        try OwnRoster.insert(entry, in: connection)
        try connection.execute(
            "INSERT INTO own_node (id, initiator, one_time, claim_secret) VALUES (1, ?, ?, ?)",
            .integer(permanentID), .integer(oneTime), .secret(invite.secret))
        guard let pending = try Self.pending(in: connection) else { throw DeviceError.damaged("a claim") }
        return pending
    }

    /// The claim that waits for its answer.
    ///
    /// - Throws: ``DeviceError/hasNode`` when one was answered.
    private static func pending(in connection: Connection) throws -> Pending? {
        let row = try connection.first(
            """
            SELECT initiator, one_time, claim_secret, claim_sent, (SELECT max(sequence) FROM roster_entry) FROM own_node
            """
        ) { row throws(StoreError) in
            (
                permanent: try row.integer(0), oneTime: try row.optionalInteger(1),
                secret: row.isNull(2) ? nil : try row.secret(2), isSent: try row.flag(3),
                sequence: try row.integer(4)
            )
        }
        guard let row else { return nil }
        guard let secret = row.secret, let oneTime = row.oneTime else { throw DeviceError.hasNode }
        guard let permanent = try InitiatorRows.find(row.permanent, in: connection) else {
            throw DeviceError.damaged("a claim")
        }
        return Pending(
            secret: secret, permanent: row.permanent,
            permanentKey: permanent.credentials.initiatorKey.publicKey,
            preSharedKey: permanent.credentials.preSharedKey, nodeKey: permanent.credentials.nodeKey,
            address: permanent.addresses.first ?? "an unknown address", oneTime: oneTime, isSent: row.isSent,
            sequence: UInt64(clamping: row.sequence))
    }

    private static func remove(_ pending: Pending, in connection: Connection) throws(StoreError) {
        try connection.execute("DELETE FROM own_node")
        // The node does not keep this entry.
        try OwnRoster.removeNewest(pending.sequence, in: connection)
        try InitiatorRows.delete(pending.permanent, in: connection)
        try InitiatorRows.delete(pending.oneTime, in: connection)
    }

    private func undo(_ pending: Pending) async throws {
        await connections.close(pending.oneTime)
        try await state.store.write { try Self.remove(pending, in: $0) }
    }
}
