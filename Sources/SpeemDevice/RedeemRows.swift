import SpeemCrypto
import SpeemIdentity
import SpeemStore

/// Grants that contacts have offered in return, and that are not taken up yet.
enum RedeemRows {
    struct Redeem: Sendable {
        let contact: Int64
        let secret: SecretBytes
        /// The permanent key that the grant will be for: the contact's, or one that takes its place.
        let permanent: Int64
        let oneTime: Int64
    }

    static func set(
        _ contact: Int64, secret: SecretBytes, permanent: Int64, oneTime: Int64, in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            "UPDATE contact SET redeem_secret = ?, redeem_key = ?, redeem_one_time = ? WHERE id = ?",
            .secret(secret), .integer(permanent), .integer(oneTime), .integer(contact))
    }

    static func find(_ contact: Int64, in connection: Connection) throws(StoreError) -> Redeem? {
        try connection.first(
            """
            SELECT redeem_secret, redeem_key, redeem_one_time FROM contact
            WHERE id = ? AND redeem_secret IS NOT NULL
            """, .integer(contact)
        ) { row throws(StoreError) in
            Redeem(
                contact: contact, secret: try row.secret(0), permanent: try row.integer(1),
                oneTime: try row.integer(2))
        }
    }

    /// The node has the permanent key.
    static func redeemed(_ redeem: Redeem, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE contact SET initiator = ?, problem = NULL, way_asked = NULL WHERE id = ?",
            .integer(redeem.permanent),
            .integer(redeem.contact))
        try clear(redeem, in: connection)
    }

    /// The node will never take it. What was there before stays; without it the contact cannot be reached.
    static func refused(_ redeem: Redeem, reason: String, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE contact SET problem = ? WHERE id = ? AND initiator = ?", .text(reason),
            .integer(redeem.contact), .integer(redeem.permanent))
        try clear(redeem, in: connection)
        try InitiatorRows.deleteUnused(redeem.permanent, in: connection)
    }

    /// A way in that came later takes the place of one that leads nowhere.
    static func replace(_ redeem: Redeem, in connection: Connection) throws(StoreError) {
        try clear(redeem, in: connection)
        try InitiatorRows.deleteUnused(redeem.permanent, in: connection)
    }

    private static func clear(_ redeem: Redeem, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE contact SET redeem_secret = NULL, redeem_key = NULL, redeem_one_time = NULL WHERE id = ?",
            .integer(redeem.contact))
        try InitiatorRows.delete(redeem.oneTime, in: connection)
    }
}
