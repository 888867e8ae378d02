import SpeemCrypto
import SpeemIdentity
import SpeemSessions
import SpeemStore

/// A device that asks to be linked to the account.
struct PendingLink: Sendable {
    let device: DeviceEntry
    let initiatorKey: X25519.PublicKey
    let name: String
    /// The secret of the invite that it took.
    let secret: SecretBytes
}

/// Requests of new devices, until the person says yes or no, and what was answered.
enum LinkRows {
    private static let accepted: Int64 = 1

    /// The last of a device's requests is the one that it waits for.
    static func insert(_ request: LinkRequest, invite: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute(
            """
            INSERT INTO link_request (device, entry, initiator_key, name, invite) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (device) DO UPDATE SET entry = ?2, initiator_key = ?3, name = ?4, invite = ?5, answer = 0
            """, .blob(request.device.id.bytes), .blob(request.device.encoded),
            .blob(request.initiatorKey.bytes), .text(request.name), .integer(invite))
    }

    /// Those that are not listed yet, also when the person has said yes and the home node has not heard it.
    static func pending(account: AccountPublicKey, in connection: Connection) throws -> [PendingLink] {
        let roster = try OwnRoster.load(account: account, in: connection)
        let rows = try connection.query(
            """
            SELECT entry, initiator_key, name, secret FROM link_request JOIN invite ON invite.id = link_request.invite
            ORDER BY name, device
            """
        ) { row throws(StoreError) in
            (entry: try row.blob(0), key: try row.blob(1), name: try row.text(2), secret: try row.secret(3))
        }
        return try rows.map { row in
            try DeviceError.stored("a link request") {
                var reader = ByteReader(row.entry)
                return PendingLink(
                    device: try DeviceEntry(&reader), initiatorKey: try X25519.PublicKey(row.key), name: row.name,
                    secret: row.secret)
            }
        }.filter { roster.device($0.device.id) == nil }
    }

    /// A device to which the person has said yes.
    static func answered(
        _ device: DeviceID, in connection: Connection
    ) throws(StoreError) -> (name: String, historySince: Int64?)? {
        try connection.first(
            "SELECT name, history_since FROM link_request WHERE device = ? AND answer = ?", .blob(device.bytes),
            .integer(accepted)
        ) { row throws(StoreError) in (name: try row.text(0), historySince: try row.optionalInteger(1)) }
    }

    /// The person said yes.
    ///
    /// - Parameter historySince: the oldest message that the device may have, Unix milliseconds; nil for none.
    static func accept(_ device: DeviceID, historySince: Int64?, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE link_request SET answer = ?, history_since = ? WHERE device = ?", .integer(accepted),
            .optional(historySince), .blob(device.bytes))
    }

    /// The person said no, or the device was removed.
    static func forget(_ device: DeviceID, in connection: Connection) throws(StoreError) {
        try connection.execute("DELETE FROM link_request WHERE device = ?", .blob(device.bytes))
    }
}

extension IncomingMail {
    /// A new device asks to be linked, over an invite that this one has made.
    func takeLinkRequest(_ bytes: [UInt8], _ session: Session, in connection: Connection) throws -> Opened {
        let invites = try OwnInviteRows.open(.link, now: now, in: connection)
        let (request, index) = try LinkRequest.open(
            bytes, requestKeys: invites.map { InviteKeys(secret: $0.secret).requestKey }, account: state.account,
            device: session.peer.device.id)
        guard request.device == session.peer.device else {
            throw Unwelcome(description: "the link request is of another device")
        }
        guard try OwnRoster.load(account: state.account, in: connection).device(request.device.id) == nil else {
            throw Unwelcome(description: "the device is linked already")
        }
        try LinkRows.insert(request, invite: invites[index].id, in: connection)
        try OwnInviteRows.use(invites[index], in: connection)
        let own = try ContactRows.own(in: connection)
        try SessionRows.save(session, contact: own.id, in: connection)
        try NoticeRows.insert(.words("\(request.name) asks to be linked: speem devices"), in: connection)
        return (.linkRequest(name: request.name), nil)
    }
}
