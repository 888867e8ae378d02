import SpeemCrypto
import SpeemIdentity
import SpeemStore
import SpeemTransport

extension AcceptFlow {
    /// An accepted invite as it is written down.
    struct Plan: Sendable {
        let secret: SecretBytes
        let name: String?
        let permanent: Int64
        let permanentKey: X25519.PublicKey
        let oneTime: Int64
        /// The secret of the invite that is offered in return.
        let reciprocal: SecretBytes
        /// Set once the request is sealed: from then on it may have been sent.
        var contact: Int64?
        var first: OutgoingEnvelope?
    }

    func pending(_ secret: SecretBytes) async throws -> Plan? {
        try await state.store.read { try Self.find(secret, in: $0) }
    }

    /// Takes up an accepted invite again, or writes down a new one.
    func prepare(_ invite: Invite, _ inviter: Invite.Inviter, name: String?) async throws -> Plan {
        let state = state
        let expires = clock.seconds() + 60 * 24 * 3600
        return try await state.store.write { connection in
            if let plan = try Self.find(invite.secret, in: connection) { return plan }
            guard try !OwnNodeRows.all(account: state.account, in: connection).isEmpty else { throw DeviceError.noNode }
            let keys = InviteKeys(secret: invite.secret)
            let permanent = X25519.PrivateKey(random: state.random)
            let permanentID = try InitiatorRows.insert(
                key: permanent, preSharedKey: keys.grantPreSharedKey, in: connection)
            let oneTime = try InitiatorRows.insertOneTime(keys, node: invite.node, in: connection)
            let reciprocal = state.random.secret(Invite.secretLength)
            _ = try OwnInviteRows.insert(secret: reciprocal, isOwn: false, expires: expires, in: connection)
            try connection.execute(
                """
                INSERT INTO pending_accept (secret, account, head, inviter_device, name, initiator, one_time, reciprocal)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """, .secret(invite.secret), .blob(inviter.account.bytes), .blob(inviter.head.bytes),
                .blob(inviter.device.bytes), name.map { .text($0) } ?? .null, .integer(permanentID), .integer(oneTime),
                .secret(reciprocal))
            return Plan(
                secret: invite.secret, name: name, permanent: permanentID, permanentKey: permanent.publicKey,
                oneTime: oneTime, reciprocal: reciprocal)
        }
    }

    private static func find(_ secret: SecretBytes, in connection: Connection) throws -> Plan? {
        let row = try connection.first(
            """
            SELECT name, initiator, one_time, reciprocal, contact, device, envelope_id, header, body
            FROM pending_accept WHERE secret = ?
            """, .secret(secret)
        ) { row throws(StoreError) in
            (
                name: try row.optionalText(0), permanent: try row.integer(1), oneTime: try row.integer(2),
                reciprocal: try row.secret(3), contact: try row.optionalInteger(4),
                first: row.isNull(5)
                    ? nil
                    : OutgoingEnvelope(
                        id: 0, device: try row.blob(5), messageID: [], envelopeID: try row.blob(6),
                        header: try row.blob(7), body: try row.blob(8))
            )
        }
        guard let row, let permanent = try InitiatorRows.find(row.permanent, in: connection) else { return nil }
        return Plan(
            secret: secret, name: row.name, permanent: row.permanent,
            permanentKey: permanent.key.publicKey, oneTime: row.oneTime,
            reciprocal: row.reciprocal, contact: row.contact, first: row.first)
    }

    /// The invite is dead: nothing stays of the attempt. A contact who has answered by another way stays.
    func giveUp(_ plan: Plan) async throws {
        await connections.close(plan.oneTime)
        try await state.store.write { connection in
            try connection.execute("DELETE FROM pending_accept WHERE secret = ?", .secret(plan.secret))
            try connection.execute(
                "DELETE FROM contact WHERE initiator = ? AND state = ? AND redeem_secret IS NULL",
                .integer(plan.permanent), .integer(Contact.State.requested.rawValue))
            try connection.execute("DELETE FROM invite WHERE secret = ?", .secret(plan.reciprocal))
            try InitiatorRows.delete(plan.oneTime, in: connection)
            try InitiatorRows.deleteUnused(plan.permanent, in: connection)
        }
    }
}
