import Logging
import SpeemCrypto
import SpeemIdentity
import SpeemSessions
import SpeemStore
import SpeemSync

/// What all parts of a device share: its store and keys.
struct DeviceState: Sendable {
    let store: Store
    let local: LocalParty
    /// What contacts are told.
    let name: String
    /// Opens the account's own nodes.
    let ownInitiator: Int64
    let random: SystemRandomSource
    let logger: Logger

    var account: AccountPublicKey { local.account }
    var id: DeviceID { local.keys.entry.id }

    /// What writes an identity into a new store.
    typealias Insert = @Sendable (Connection) throws -> Void

    /// A new account with this as its first device: the account's recovery words, and what writes the identity.
    static func create(name: String, deviceName: String) throws -> (words: RecoveryWords, insert: Insert) {
        let account = AccountKey(random: SystemRandomSource())
        let keys = DeviceKeys(random: SystemRandomSource())
        let genesis = try RosterEntry.genesis(account: account, devices: [keys.entry], nodes: [])
        let recovery = account.recoveryGrant
        let insert: Insert = { connection in
            try Self.insert(keys, account: account.publicKey, name: name, in: connection)
            try connection.execute(
                "UPDATE device SET recovery_key = ?, recovery_psk = ?", .blob(recovery.initiatorKey.publicKey.bytes),
                .secret(recovery.preSharedKey))
            try OwnRoster.insert(genesis, in: connection)
            try DiscoveryRows.make(by: keys.entry.id, in: connection)
            try RegisterRows.set(
                .deviceName(keys.entry.id), to: Array(deviceName.utf8), by: keys.entry.id, in: connection)
        }
        return (account.words, insert)
    }

    /// What every device's store begins with: its keys, what opens the own nodes, and the account's other devices as a
    /// contact of a kind.
    static func insert(
        _ keys: DeviceKeys, account: AccountPublicKey, name: String, in connection: Connection
    ) throws {
        let random = SystemRandomSource()
        try connection.execute(
            "INSERT INTO device (id, signing, identity, seal, noise, account, name) VALUES (1, ?, ?, ?, ?, ?, ?)",
            .secret(keys.signing.seed), .secret(keys.identity.secret), .secret(keys.seal.secret),
            .secret(keys.noise.secret), .blob(account.bytes), .text(name))
        let initiator = try InitiatorRows.insert(
            key: X25519.PrivateKey(random: random), preSharedKey: random.secret(32), in: connection)
        try connection.execute("UPDATE device SET own_initiator = ?", .integer(initiator))
        try ContactRows.insertSelf(account, initiator: initiator, in: connection)
    }

    /// Reads the device's identity.
    static func load(store: Store, logger: Logger) async throws -> DeviceState {
        let row = try await store.read { connection in
            try connection.first(
                "SELECT signing, identity, seal, noise, account, name, own_initiator FROM device"
            ) { row throws(StoreError) in
                (
                    signing: try row.secret(0), identity: try row.secret(1), seal: try row.secret(2),
                    noise: try row.secret(3), account: try row.blob(4), name: try row.text(5),
                    initiator: try row.integer(6)
                )
            }
        }
        guard let row else { throw DeviceError.identityMissing }
        let keys = try DeviceKeys(signing: row.signing, identity: row.identity, seal: row.seal, noise: row.noise)
        return DeviceState(
            store: store, local: LocalParty(account: try AccountPublicKey(row.account), keys: keys), name: row.name,
            ownInitiator: row.initiator, random: SystemRandomSource(), logger: logger)
    }

    func roster() async throws -> Roster {
        let account = account
        return try await store.read { try OwnRoster.load(account: account, in: $0) }
    }
}
