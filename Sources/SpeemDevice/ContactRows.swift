import SpeemCrypto
import SpeemIdentity
import SpeemStore

/// Another account.
struct Contact: Sendable {
    enum State: Int64, Sendable {
        /// We have asked; the other side has not answered yet. Messages can be sent.
        case requested = 1
        /// Both sides know each other.
        case confirmed = 2

        var word: String {
            switch self {
            case .requested: "requested"
            case .confirmed: "confirmed"
            }
        }
    }

    let id: Int64
    let account: AccountPublicKey
    let name: String
    let state: State
    /// The safety number was compared.
    let isVerified: Bool
    let initiator: Int64
    /// Why nothing can be brought to the contact any more.
    let problem: String?
    /// The account's own other devices.
    let isSelf: Bool
    /// What is wrong with the contact's roster, in words.
    let alarm: String?
    /// A head that a message has named, and that the known roster does not have.
    let wantedHead: [UInt8]?
    /// The person wants to hear nothing of the contact.
    let isBlocked: Bool
}

/// Contacts in the store.
enum ContactRows {
    private static let columns = """
        SELECT id, account, name, state, verified, initiator, problem, is_self, alarm, wanted_head, blocked
        FROM contact
        """

    /// All contacts, without the account itself.
    static func all(in connection: Connection) throws -> [Contact] {
        try connection.query(columns + " WHERE is_self = 0 ORDER BY name", row: read).map { try decode($0) }
    }

    /// The account's own other devices.
    static func own(in connection: Connection) throws -> Contact {
        guard let own = try connection.first(columns + " WHERE is_self = 1", row: read).map({ try decode($0) }) else {
            throw DeviceError.damaged("no row of the account itself")
        }
        return own
    }

    static func insertSelf(
        _ account: AccountPublicKey, initiator: Int64, in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            """
            INSERT INTO contact (account, name, state, verified, initiator, is_self)
            VALUES (?, '', ?, 1, ?, 1)
            """, .blob(account.bytes), .integer(Contact.State.confirmed.rawValue), .integer(initiator))
    }

    static func find(_ id: Int64, in connection: Connection) throws -> Contact? {
        try connection.first(columns + " WHERE id = ?", .integer(id), row: read).map { try decode($0) }
    }

    static func find(account: AccountPublicKey, in connection: Connection) throws -> Contact? {
        try connection.first(columns + " WHERE account = ?", .blob(account.bytes), row: read).map { try decode($0) }
    }

    /// The contact of this name; an unambiguous beginning of a name is enough.
    static func find(name: String, in connection: Connection) throws -> Contact {
        let contacts = try all(in: connection)
        if let exact = contacts.first(where: { $0.name == name }) { return exact }
        let similar = contacts.filter { $0.name.lowercased().hasPrefix(name.lowercased()) }
        if !name.isEmpty, similar.count == 1, let only = similar.first { return only }
        throw DeviceError.unknownContact(
            name, nearest: similar.first?.name ?? contacts.first { $0.name.first == name.first }?.name)
    }

    private typealias Fields = (
        id: Int64, account: [UInt8], name: String, state: Int64, verified: Bool, initiator: Int64, problem: String?,
        isSelf: Bool, alarm: String?, wantedHead: [UInt8]?, isBlocked: Bool
    )

    private static func read(_ row: Row) throws(StoreError) -> Fields {
        (
            try row.integer(0), try row.blob(1), try row.text(2), try row.integer(3), try row.flag(4),
            try row.integer(5), try row.optionalText(6), try row.flag(7), try row.optionalText(8),
            try row.optionalBlob(9), try row.flag(10)
        )
    }

    private static func decode(_ fields: Fields) throws -> Contact {
        Contact(
            id: fields.id, account: try DeviceError.stored("a contact") { try AccountPublicKey(fields.account) },
            name: fields.name, state: Contact.State(rawValue: fields.state) ?? .requested,
            isVerified: fields.verified, initiator: fields.initiator, problem: fields.problem, isSelf: fields.isSelf,
            alarm: fields.alarm, wantedHead: fields.wantedHead, isBlocked: fields.isBlocked)
    }

    /// Adds a contact; `name` is what the person chose, else `claimed` is what the other side calls itself.
    static func insert(
        account: AccountPublicKey, name: String, state: Contact.State, initiator: Int64,
        roster: Roster, in connection: Connection
    ) throws -> Int64 {
        let free = try freeName(name, account: account, in: connection)
        try connection.execute(
            "INSERT INTO contact (account, name, state, initiator) VALUES (?, ?, ?, ?)", .blob(account.bytes),
            .text(free), .integer(state.rawValue), .integer(initiator))
        let id = connection.lastInsertRowID
        try setRoster(roster, of: id, in: connection)
        return id
    }

    /// Takes the place of the known chain.
    static func setRoster(_ roster: Roster, of contact: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute("DELETE FROM contact_roster WHERE contact = ?", .integer(contact))
        for entry in roster.entries {
            try connection.execute(
                "INSERT INTO contact_roster (contact, sequence, encoded) VALUES (?, ?, ?)", .integer(contact),
                .integer(Int64(clamping: entry.sequence)), .blob(entry.encoded))
        }
    }

    /// Remembers a head that the contact's chain must have, so that the chain is fetched.
    static func want(_ head: RosterHead, of contact: Int64, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE contact SET wanted_head = ? WHERE id = ?", .blob(head.bytes), .integer(contact))
    }

    /// The chain was fetched: what is wrong with it, if anything.
    static func looked(
        at contact: Int64, alarm: String?, in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            "UPDATE contact SET wanted_head = NULL, told_roster = NULL, alarm = ? WHERE id = ?",
            alarm.map { .text($0) } ?? .null,
            .integer(contact))
    }

    /// A name that no contact has: names are told by strangers, and must not pass for those of others.
    private static func freeName(
        _ wanted: String, account: AccountPublicKey, in connection: Connection
    ) throws(StoreError) -> String {
        let base = wanted.isEmpty ? "contact-" + Hex.encode(account.bytes.prefix(3)) : wanted
        var candidate = base
        var number = 2
        while try isTaken(candidate, in: connection) {
            candidate = "\(base)-\(number)"
            number += 1
        }
        return candidate
    }

    /// Whether another contact has this name, or one that looks like it.
    static func isTaken(_ name: String, in connection: Connection) throws(StoreError) -> Bool {
        let folded = ContactName.folded(name)
        var isTaken = false
        try connection.forEach("SELECT name FROM contact WHERE is_self = 0") {
            row throws(StoreError) in
            isTaken = ContactName.folded(try row.text(0)) == folded
            return isTaken ? .stop : .next
        }
        return isTaken
    }

    static func roster(of contact: Contact, in connection: Connection) throws -> Roster {
        if contact.isSelf { return try OwnRoster.load(account: contact.account, in: connection) }
        let newest = try connection.first(
            "SELECT encoded FROM contact_roster WHERE contact = ? ORDER BY sequence DESC LIMIT 1", .integer(contact.id)
        ) { row throws(StoreError) in try row.blob(0) }
        return try VerifiedRosters.roster(newest: newest ?? [], account: contact.account) {
            try connection.query(
                "SELECT encoded FROM contact_roster WHERE contact = ? ORDER BY sequence", .integer(contact.id)
            ) { row throws(StoreError) in try row.blob(0) }
        }
    }

    /// The other side has accepted.
    ///
    /// - Returns: whether that is news.
    static func confirm(_ contact: Contact, in connection: Connection) throws(StoreError) -> Bool {
        guard contact.state == .requested else { return false }
        try connection.execute(
            "UPDATE contact SET state = ? WHERE id = ?", .integer(Contact.State.confirmed.rawValue),
            .integer(contact.id))
        return true
    }

    static func setVerified(_ contact: Int64, _ verified: Bool, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "UPDATE contact SET verified = ? WHERE id = ?", .flag(verified), .integer(contact))
    }
}
