import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemStore
import SpeemSync

/// What becomes of a contact that the person has removed or blocked: the same on every own device, in the transaction in which
/// the device hears of it.
struct ContactRemoval: Sendable {
    let state: DeviceState

    /// Whether the person wants to hear nothing of an account.
    static func isRemoved(_ account: AccountPublicKey, in connection: Connection) throws -> Bool {
        try RegisterRows.find(.contactRemoved(account), in: connection)?.value == [1]
    }

    // MARK: On the device where the person acts

    /// The contact, its conversation and its ways in are gone; what an invite makes later is a new contact.
    func remove(_ contact: Contact, in connection: Connection) throws {
        try OwnSync(state: state).set(.contactRemoved(contact.account), to: [1], in: connection)
        // It is not to recognise this account on a network any more.
        try DiscoveryRows.rotate(without: contact.id, state: state, in: connection)
    }

    /// Nothing of the contact's is shown, answered or kept until it is unblocked. It is not told.
    func block(_ contact: Contact, _ isBlocked: Bool, in connection: Connection) throws {
        try OwnSync(state: state).set(.contactBlocked(contact.account), to: [isBlocked ? 1 : 0], in: connection)
        if isBlocked {
            try DiscoveryRows.rotate(without: contact.id, state: state, in: connection)
        } else {
            try DiscoveryRows.tell(contact, state: state, in: connection)
        }
    }

    /// An account that was removed is met again.
    func welcomeBack(_ account: AccountPublicKey, in connection: Connection) throws {
        guard try Self.isRemoved(account, in: connection) else { return }
        try OwnSync(state: state).set(.contactRemoved(account), to: [0], in: connection)
    }

    // MARK: On every own device

    /// The register says that an account was removed.
    func apply(removed account: AccountPublicKey, in connection: Connection) throws {
        guard let contact = try ContactRows.find(account: account, in: connection) else { return }
        try ContactKeyRows.withdrawAll(of: contact.id, in: connection)
        if let route = try RouteRows.find(contact.id, in: connection) {
            try RemovedRoutes.insert(route.name, in: connection)
        }
        let initiators = try connection.first(
            "SELECT initiator, redeem_key, redeem_one_time FROM contact WHERE id = ?", .integer(contact.id)
        ) { row throws(StoreError) in
            [try row.optionalInteger(0), try row.optionalInteger(1), try row.optionalInteger(2)].compactMap(\.self)
        }
        // Everything else that is the contact's goes with its row.
        try connection.execute("DELETE FROM contact WHERE id = ?", .integer(contact.id))
        for initiator in initiators ?? [] { try InitiatorRows.deleteUnused(initiator, in: connection) }
    }

    /// The register says whether an account is blocked.
    func apply(blocked account: AccountPublicKey, _ isBlocked: Bool, in connection: Connection) throws {
        try connection.execute(
            "UPDATE contact SET blocked = ? WHERE account = ?", .flag(isBlocked), .blob(account.bytes))
        // Who may connect to this device is looked up anew.
        try NodeGrantRows.changed(in: connection)
    }
}

/// Routes that lead to nobody any more: each own node is told with the next visit.
enum RemovedRoutes {
    static func insert(_ route: [UInt8], in connection: Connection) throws(StoreError) {
        try connection.execute(
            "INSERT INTO removed_route (route, node_key) SELECT ?, node_key FROM own_node WHERE true ON CONFLICT DO NOTHING",
            .blob(route))
    }

    static func all(at node: [UInt8], in connection: Connection) throws(StoreError) -> [[UInt8]] {
        try connection.query("SELECT route FROM removed_route WHERE node_key = ?", .blob(node)) {
            row throws(StoreError) in try row.blob(0)
        }
    }

    static func done(_ route: [UInt8], at node: [UInt8], in connection: Connection) throws(StoreError) {
        try connection.execute(
            "DELETE FROM removed_route WHERE route = ? AND node_key = ?", .blob(route), .blob(node))
    }
}
