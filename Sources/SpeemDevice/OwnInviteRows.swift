import SpeemCrypto
import SpeemIdentity
import SpeemStore

/// Invites that this device has made.
struct OwnInvite: Sendable {
    let id: Int64
    let secret: SecretBytes
    /// Unix seconds.
    let expires: Int64
}

enum OwnInviteRows {
    /// Invites whose request keys are tried for a contact request: a bound on the work that one costs.
    static let maxOpen: Int64 = 64
    /// Seconds after its end that an invite's request key is still tried: the request may have waited in the mailbox.
    static let afterlife: Int64 = 90 * 24 * 3600

    static func insert(
        secret: SecretBytes, kind: Invite.Kind = .contact, isOwn: Bool, expires: Int64, in connection: Connection
    ) throws(StoreError) -> OwnInvite {
        try connection.execute(
            "INSERT INTO invite (secret, own, kind, expires) VALUES (?, ?, ?, ?)", .secret(secret), .flag(isOwn),
            .integer(Int64(kind.rawValue)), .integer(expires))
        return OwnInvite(id: connection.lastInsertRowID, secret: secret, expires: expires)
    }

    /// Invites that may still be answered, newest first.
    static func open(_ kind: Invite.Kind, now: Int64, in connection: Connection) throws(StoreError) -> [OwnInvite] {
        try connection.query(
            """
            SELECT id, secret, expires FROM invite WHERE own = 1 AND used = 0 AND kind = ? AND expires > ?
            ORDER BY id DESC LIMIT ?
            """, .integer(Int64(kind.rawValue)), .integer(now - afterlife), .integer(maxOpen)
        ) { row throws(StoreError) in
            OwnInvite(id: try row.integer(0), secret: try row.secret(1), expires: try row.integer(2))
        }
    }

    /// Those that nobody is known to have taken up, newest first.
    static func unused(
        now: Int64, in connection: Connection
    ) throws(StoreError) -> [(secret: SecretBytes, expires: Int64, isLink: Bool)] {
        try connection.query(
            "SELECT secret, expires, kind FROM invite WHERE used = 0 AND expires > ? ORDER BY id DESC LIMIT ?",
            .integer(now), .integer(maxOpen)
        ) { row throws(StoreError) in
            (try row.secret(0), try row.integer(1), try row.integer(2) == Int64(Invite.Kind.link.rawValue))
        }
    }

    static func find(secret: SecretBytes, in connection: Connection) throws(StoreError) -> OwnInvite? {
        try connection.first(
            "SELECT id, secret, expires FROM invite WHERE secret = ?", .secret(secret)
        ) { row throws(StoreError) in
            OwnInvite(id: try row.integer(0), secret: try row.secret(1), expires: try row.integer(2))
        }
    }

    static func use(_ invite: OwnInvite, in connection: Connection) throws(StoreError) {
        try connection.execute("UPDATE invite SET used = 1 WHERE id = ?", .integer(invite.id))
    }

    static func clean(now: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute("DELETE FROM invite WHERE expires < ?", .integer(now - afterlife))
    }
}
