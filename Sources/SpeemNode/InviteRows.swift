import SpeemCrypto
import SpeemIdentity
import SpeemMailbox
import SpeemStore

/// Invites in the node's store: each is the row of its one-time key, and what becomes of it.
struct InviteRow: Sendable {
    let access: Int64
    let grantPreSharedKey: SecretBytes
    let madeRunning: Int64
    /// Seconds.
    let lifetime: Int64
    /// Unix seconds; 0 for none.
    let deadline: Int64
    let spentBy: [UInt8]?

    /// Seconds that a spent or expired invite stays, so that its holder gets a true error.
    static let afterlife: Int64 = 7 * 24 * 3600
    /// Seconds that an invite may live at the most.
    static let maxLifetime: Int64 = 366 * 24 * 3600
    /// The same of a sibling invite, which a contact makes.
    static let maxSiblingLifetime: Int64 = 60 * 24 * 3600
    /// Invites of the owner at the most.
    static let maxCount: Int64 = 256
    /// Devices that a contact may have here at the most, with the sibling invites that nobody has used.
    static let maxSiblings: Int64 = 15

    /// An invite dies when either clock says so.
    func isExpired(_ clock: NodeClock) -> Bool {
        Expiry.eitherSays(
            madeRunning: madeRunning, lifetime: lifetime, deadline: deadline == 0 ? .max : deadline, now: clock)
    }

    static func find(_ access: Int64, in connection: Connection) throws(StoreError) -> InviteRow? {
        try connection.first(
            """
            SELECT grant_pre_shared_key, made_running, lifetime, deadline, spent_by FROM invite WHERE access_id = ?
            """, .integer(access)
        ) { row throws(StoreError) in
            InviteRow(
                access: access, grantPreSharedKey: try row.secret(0), madeRunning: try row.integer(1),
                lifetime: try row.integer(2), deadline: try row.integer(3), spentBy: try row.optionalBlob(4))
        }
    }

    /// - Parameter device: the own device that registered it.
    static func insert(
        access: Int64, device: DeviceID?, grantPreSharedKey: SecretBytes, lifetime: Int64, deadline: Int64,
        clock: NodeClock, in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            """
            INSERT INTO invite (access_id, device, grant_pre_shared_key, made_running, lifetime, deadline)
            VALUES (?, ?, ?, ?, ?, ?)
            """, .integer(access), .optional(device?.bytes), .secret(grantPreSharedKey), .integer(clock.running),
            .integer(lifetime),
            .integer(deadline))
    }

    static func spend(
        _ access: Int64, by key: [UInt8], clock: NodeClock, in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            "UPDATE invite SET spent_by = ?, spent_running = ? WHERE access_id = ?", .blob(key),
            .integer(clock.running), .integer(access))
    }

    /// How many own devices have registered, with the spent and expired ones that are still there.
    static func countOfOwner(in connection: Connection) throws(StoreError) -> Int64 {
        try connection.first("SELECT count(*) FROM invite WHERE device IS NOT NULL") { row throws(StoreError) in
            try row.integer(0)
        } ?? 0
    }

    /// Sibling invites of a party that nobody has used, with the expired ones that are still there: who lets invites
    /// expire gets no others for them.
    static func unspentSiblings(of party: Int64, in connection: Connection) throws(StoreError) -> Int64 {
        try connection.first(
            "SELECT count(*) FROM access JOIN invite ON access_id = id WHERE party = ? AND kind = ? AND spent_by IS NULL",
            .integer(party), .integer(GrantKind.invite(.sibling).code)
        ) { row throws(StoreError) in try row.integer(0) } ?? 0
    }

    /// The keys of the unspent invites that a device registered.
    static func unspent(by device: DeviceID, in connection: Connection) throws(StoreError) -> [[UInt8]] {
        try connection.query(
            """
            SELECT initiator_key FROM invite JOIN access ON id = access_id
            WHERE invite.device = ? AND spent_by IS NULL
            """, .blob(device.bytes)
        ) { row throws(StoreError) in try row.blob(0) }
    }

    /// Deletes what has been spent or expired long enough; returns the ids of their grants.
    static func clean(_ clock: NodeClock, in connection: Connection) throws(StoreError) -> [Int64] {
        let ids = try connection.query(
            """
            SELECT access_id FROM invite
            WHERE spent_running + ?1 < ?2 OR made_running + lifetime + ?1 < ?2 OR (deadline > 0 AND deadline + ?1 < ?3)
            """, .integer(afterlife), .integer(clock.running), .integer(clock.wall ?? 0)
        ) { row throws(StoreError) in try row.integer(0) }
        for id in ids { try AccessRows.delete(id, in: connection) }
        return ids
    }

    /// Deletes unspent claim invites: a new start shows a new one, and an owned node has none.
    static func deleteClaims(in connection: Connection) throws(StoreError) -> [Int64] {
        let ids = try connection.query(
            "SELECT id FROM access JOIN invite ON access_id = id WHERE kind = ? AND spent_by IS NULL",
            .integer(GrantKind.invite(.claim).code)
        ) { row throws(StoreError) in try row.integer(0) }
        for id in ids { try AccessRows.delete(id, in: connection) }
        return ids
    }
}
