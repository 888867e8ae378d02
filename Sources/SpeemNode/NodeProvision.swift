import SpeemConfig
import SpeemCrypto
import SpeemDiscovery
import SpeemIdentity
import SpeemStore
import SpeemTransport

/// A node that a file has promised to an account, until a device of that account has come: it answers to a second static
/// key, which the file's secret derives, shows no invite, and opens no window.
struct NodeProvision: Sendable, Equatable {
    let account: AccountPublicKey
    /// Beside the node's own.
    let nodeKey: X25519.PrivateKey
    /// What it is recognised by on its network.
    let discoveryKey: EndpointKey
    /// The row of the access table that opens it.
    let access: Int64

    static func find(in connection: Connection) throws -> NodeProvision? {
        let row = try connection.first("SELECT account, node_key, discovery_key, access_id FROM provision") {
            row throws(StoreError) in
            (
                account: try row.blob(0), key: try row.secret(1), discovery: try row.secret(2),
                access: try row.integer(3)
            )
        }
        guard let row else { return nil }
        guard let discovery = EndpointKey(row.discovery) else {
            throw NodeError.inconsistentStore("a provision has a wrong key")
        }
        return NodeProvision(
            account: try AccountPublicKey(row.account), nodeKey: try X25519.PrivateKey(row.key),
            discoveryKey: discovery, access: row.access)
    }

    static func delete(in connection: Connection) throws(StoreError) {
        try connection.execute("DELETE FROM provision")
    }

    /// Follows the file: an unowned node belongs to the account of the newest one.
    ///
    /// The same file again changes nothing, so its time does not begin anew with each start; nor does a file without the
    /// lines, because whoever takes them away must not get a node that anybody may claim.
    ///
    /// - Throws: ``SpeemStore/StoreError``.
    static func adopt(_ provision: Provision, state: NodeState) async throws {
        guard state.account == nil else { return }
        let keys = provision.keys
        if let known = state.provision, known.account == provision.account, known.nodeKey == keys.node { return }
        let clock = state.clock
        let (change, adopted) = try await state.write { connection -> (AccessChange, NodeProvision) in
            // Of the file before this one, too: it is of the same kind.
            let removed = try InviteRow.deleteClaims(in: connection)
            try delete(in: connection)
            let entry = try AccessRows.insert(
                key: keys.invite.initiatorKey.publicKey.bytes, preSharedKey: keys.invite.preSharedKey,
                kind: .invite(.claim), in: connection)
            try InviteRow.insert(
                access: entry.grant.id, device: nil, grantPreSharedKey: keys.invite.grantPreSharedKey,
                lifetime: Provision.lifetime, deadline: Int64(clamping: provision.expires), clock: clock,
                in: connection)
            try connection.execute(
                "INSERT INTO provision (id, account, node_key, discovery_key, access_id) VALUES (1, ?, ?, ?, ?)",
                .blob(provision.account.bytes), .secret(keys.node.secret), .secret(keys.discovery),
                .integer(entry.grant.id))
            guard let adopted = try find(in: connection) else {
                throw NodeError.inconsistentStore("a provision is not there")
            }
            return (AccessChange(inserted: [entry], removed: removed), adopted)
        }
        state.access.apply(change)
        state.provisioned(adopted)
    }
}

extension Provision {
    /// What the configuration says; nil where it says nothing, or no account has such a key.
    init?(_ config: Config) throws(NodeError) {
        guard !config.provisionAccount.isEmpty else { return nil }
        guard let account = Hex.decode(config.provisionAccount).flatMap({ try? AccountPublicKey($0) }),
            let secret = Hex.decodeSecret(ArraySlice(config.provisionSecret.utf8)), secret.count == Self.secretLength
        else { throw .badProvision }
        self.init(account: account, secret: secret, expires: UInt64(clamping: config.provisionExpires))
    }
}

/// How a provisioned node stands, for people.
enum ProvisionState: String, Sendable {
    /// For a device of its owner.
    case waiting
    /// Nobody has come in time.
    case expired
}

extension NodeState {
    /// nil where no file has promised the node, or its owner has come.
    func provisionState() async throws -> ProvisionState? {
        guard let provision else { return nil }
        let clock = clock
        let invite = try await store.read { try InviteRow.find(provision.access, in: $0) }
        return invite.map { $0.isExpired(clock) } ?? true ? .expired : .waiting
    }
}
