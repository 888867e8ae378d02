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
struct ClaimFlow: Sendable {
    let state: DeviceState
    let connections: NodeConnections

    /// - Throws: ``DeviceError``, ``SpeemTransport/TransportError``. After a refusal nothing is left of the attempt;
    ///   after a lost reply the same invite is taken up again.
    func claim(_ invite: Invite) async throws {
        let pending = try await prepare(invite)
        let response: WireResponse
        do {
            let roster = try await state.roster()
            response = try await connections.request(
                .with {
                    $0.claim = .with {
                        $0.initiatorKey = Data(pending.permanentKey.bytes)
                        $0.roster = roster.entries.map { Data($0.encoded) }
                        $0.device = Data(state.id.bytes)
                    }
                }, over: pending.oneTime)
        } catch TransportError.refused(let address) {
            // The node has shown a newer invite since, or belongs to somebody: this one is dead.
            try await undo(pending)
            throw DeviceError.invite(
                "the node at \(address) does not know this invite",
                hint: "start the node again: an unowned node shows a new claim invite at each start")
        }
        await connections.close(pending.oneTime)
        do {
            try response.requireNoRefusal()
        } catch let error as RefusalError where !error.isTemporary {
            try await undo(pending)
            throw DeviceError.refused(error.description)
        }
        guard case .claimed(let claimed) = response.kind else { throw TransportError.violation("not a claim") }
        try await state.store.write { connection in
            try connection.execute(
                "UPDATE own_node SET claim_secret = NULL, one_time = NULL, node_epoch = ?",
                .blob([UInt8](claimed.nodeEpoch)))
            try InitiatorRows.delete(pending.oneTime, in: connection)
        }
    }

    private struct Pending: Sendable {
        let permanent: Int64
        let permanentKey: X25519.PublicKey
        let oneTime: Int64
        /// The roster entry that lists the node.
        let sequence: UInt64
    }

    /// Writes down the permanent key, the roster entry and the secret.
    private func prepare(_ invite: Invite) async throws -> Pending {
        let state = state
        return try await state.store.write { connection in
            if let row = try Self.pendingRow(in: connection) {
                guard let secret = row.secret else { throw DeviceError.hasNode }
                if secret == invite.secret { return try Self.resume(row, state: state, in: connection) }
                // Another invite: the attempt before it is given up.
                try Self.remove(try Self.resume(row, state: state, in: connection), in: connection)
            }
            let roster = try OwnRoster.load(account: state.account, in: connection)
            guard roster.nodes.isEmpty else { throw DeviceError.hasNode }
            let keys = InviteKeys(secret: invite.secret)
            let permanent = X25519.PrivateKey(random: state.random)
            let permanentID = try InitiatorRows.insert(
                key: permanent, preSharedKey: keys.grantPreSharedKey, node: invite.node, in: connection)
            let oneTime = try InitiatorRows.insertOneTime(keys, node: invite.node, in: connection)
            let entry = try RosterEntry.next(
                after: roster.newest, signedBy: state.local.keys, devices: roster.devices, nodes: [invite.node])
            try OwnRoster.insert(entry, in: connection)
            try connection.execute(
                "INSERT INTO own_node (id, initiator, one_time, claim_secret) VALUES (1, ?, ?, ?)",
                .integer(permanentID), .integer(oneTime), .secret(invite.secret))
            return Pending(
                permanent: permanentID, permanentKey: permanent.publicKey, oneTime: oneTime, sequence: entry.sequence)
        }
    }

    private typealias Row = (initiator: Int64, oneTime: Int64?, secret: SecretBytes?)

    private static func pendingRow(in connection: Connection) throws(StoreError) -> Row? {
        try connection.first("SELECT initiator, one_time, claim_secret FROM own_node") { row throws(StoreError) in
            (
                try row.integer(0), try row.optionalInteger(1), row.isNull(2) ? nil : try row.secret(2)
            )
        }
    }

    private static func resume(_ row: Row, state: DeviceState, in connection: Connection) throws -> Pending {
        let roster = try OwnRoster.load(account: state.account, in: connection)
        guard let oneTime = row.oneTime, let permanent = try InitiatorRows.find(row.initiator, in: connection) else {
            throw DeviceError.hasNode
        }
        return Pending(
            permanent: row.initiator, permanentKey: permanent.credentials.initiatorKey.publicKey, oneTime: oneTime,
            sequence: roster.newest.sequence)
    }

    private static func remove(_ pending: Pending, in connection: Connection) throws(StoreError) {
        try connection.execute("DELETE FROM own_node")
        // Nobody has seen this entry: the node refused it.
        try OwnRoster.removeNewest(pending.sequence, in: connection)
        try InitiatorRows.delete(pending.permanent, in: connection)
        try InitiatorRows.delete(pending.oneTime, in: connection)
    }

    private func undo(_ pending: Pending) async throws {
        await connections.close(pending.oneTime)
        try await state.store.write { try Self.remove(pending, in: $0) }
    }
}
