import SpeemCrypto
import SpeemIdentity
import SpeemStore
import SpeemSync

/// A node that a file has promised to this account, and that was not found yet.
struct PendingProvision: Sendable, Equatable {
    /// What the person calls it.
    let name: String
    let secret: SecretBytes
    /// By which it is recognised until its own key is known.
    let node: NodeEntry
    /// Unix seconds.
    let expires: Int64
    /// What opens it, once that was tried.
    let oneTime: Int64?
    /// The key of the node whose place it takes.
    let replaces: X25519.PublicKey?
    let isLost: Bool
    /// Why the last attempt failed, where the node was there.
    let problem: String?

    var place: ClaimFlow.Place { replaces.map { .of($0, isLost: isLost) } ?? .last }
}

enum ProvisionRows {
    /// At the most: each is looked for on the network, and tried.
    static let maxCount = RosterEntry.maxNodes

    static func all(in connection: Connection) throws -> [PendingProvision] {
        try connection.query(
            "SELECT name, secret, node, expires, one_time, replaces, lost, problem FROM provision ORDER BY name"
        ) { row throws(StoreError) in
            (
                name: try row.text(0), secret: try row.secret(1), node: try row.blob(2), expires: try row.integer(3),
                oneTime: try row.optionalInteger(4), replaces: try row.optionalBlob(5), isLost: try row.flag(6),
                problem: try row.optionalText(7)
            )
        }.map { row in
            try DeviceError.stored("a provision") {
                guard row.secret.count == Provision.secretLength else {
                    throw IdentityError.malformed("a provision's secret")
                }
                return PendingProvision(
                    name: row.name, secret: row.secret, node: try NodeEntry(stored: row.node), expires: row.expires,
                    oneTime: row.oneTime, replaces: try row.replaces.map { try X25519.PublicKey($0) },
                    isLost: row.isLost, problem: row.problem)
            }
        }
    }

    /// - Throws: ``DeviceError`` when the name is taken, or there are too many.
    static func insert(_ provision: PendingProvision, in connection: Connection) throws {
        let known = try all(in: connection)
        guard !known.contains(where: { $0.name == provision.name }) else {
            throw DeviceError.nodeNameTaken(provision.name)
        }
        guard known.count < maxCount else { throw DeviceError.tooManyNodes }
        try connection.execute(
            "INSERT INTO provision (name, secret, node, expires, replaces, lost) VALUES (?, ?, ?, ?, ?, ?)",
            .text(provision.name), .secret(provision.secret), .blob(provision.node.encoded),
            .integer(provision.expires), .optional(provision.replaces?.bytes), .flag(provision.isLost))
    }

    /// The key that opens the node, made when it is first needed.
    static func oneTime(of provision: PendingProvision, in connection: Connection) throws -> Int64 {
        guard let known = try all(in: connection).first(where: { $0.secret == provision.secret }) else {
            throw DeviceError.unknownProvision(provision.name)
        }
        if let oneTime = known.oneTime { return oneTime }
        let oneTime = try InitiatorRows.insertOneTime(
            InviteKeys(secret: provision.secret), node: provision.node, in: connection)
        try connection.execute(
            "UPDATE provision SET one_time = ? WHERE secret = ?", .integer(oneTime), .secret(provision.secret))
        return oneTime
    }

    static func failed(_ provision: PendingProvision, _ words: String?, in connection: Connection) throws {
        guard words != provision.problem else { return }
        try connection.execute(
            "UPDATE provision SET problem = ? WHERE secret = ?", words.map { .text($0) } ?? .null,
            .secret(provision.secret))
    }

    /// Forgets it, with its secret.
    static func delete(_ provision: PendingProvision, in connection: Connection) throws {
        try connection.execute("DELETE FROM provision WHERE secret = ?", .secret(provision.secret))
        if let oneTime = provision.oneTime { try InitiatorRows.delete(oneTime, in: connection) }
    }

    /// The node with this claim is taken: its secret has done its work, and it has a name.
    static func taken(
        _ secret: SecretBytes, node: NodeEntry, state: DeviceState, in connection: Connection
    ) throws {
        guard let provision = try all(in: connection).first(where: { $0.secret == secret }) else { return }
        try connection.execute("DELETE FROM provision WHERE secret = ?", .secret(secret))
        try OwnSync(state: state).set(.nodeName(node.noise), to: Array(provision.name.utf8), in: connection)
        try NoticeRows.insert(.words("the node \"\(provision.name)\" was found, and is yours"), in: connection)
    }
}

/// What the person calls the account's nodes.
enum NodeNames {
    /// nil for one without a name.
    static func name(of node: X25519.PublicKey, in connection: Connection) throws -> String? {
        guard let name = try RegisterRows.text(.nodeName(node), in: connection), ContactName.problem(name) == nil
        else { return nil }
        return name
    }
}
