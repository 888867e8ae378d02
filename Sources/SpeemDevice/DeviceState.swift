import Logging
import SpeemCrypto
import SpeemIdentity
import SpeemSessions
import SpeemStore

/// What all parts of a device share: its store and keys.
struct DeviceState: Sendable {
    let store: Store
    let local: LocalParty
    /// What contacts are told.
    let name: String
    let random: SystemRandomSource
    let logger: Logger

    var account: AccountPublicKey { local.account }
    var id: DeviceID { local.keys.entry.id }

    /// A new account with this as its first device: the account's recovery words, and what writes the identity into a
    /// new store.
    static func create(
        name: String
    ) throws -> (words: RecoveryWords, insert: @Sendable (Connection) throws -> Void) {
        let random = SystemRandomSource()
        let account = AccountKey(random: random)
        let keys = DeviceKeys(random: random)
        let genesis = try RosterEntry.genesis(account: account, devices: [keys.entry], nodes: [])
        let insert: @Sendable (Connection) throws -> Void = { connection in
            try connection.execute(
                """
                INSERT INTO device (id, signing, identity, seal, noise, account, name)
                VALUES (1, ?, ?, ?, ?, ?, ?)
                """, .secret(keys.signing.seed), .secret(keys.identity.secret), .secret(keys.seal.secret),
                .secret(keys.noise.secret), .blob(account.publicKey.bytes), .text(name))
            try OwnRoster.insert(genesis, in: connection)
        }
        return (account.words, insert)
    }

    /// Reads the device's identity.
    static func load(store: Store, logger: Logger) async throws -> DeviceState {
        let row = try await store.read { connection in
            try connection.first(
                "SELECT signing, identity, seal, noise, account, name FROM device"
            ) { row throws(StoreError) in
                (
                    signing: try row.secret(0), identity: try row.secret(1), seal: try row.secret(2),
                    noise: try row.secret(3), account: try row.blob(4), name: try row.text(5)
                )
            }
        }
        guard let row else { throw DeviceError.identityMissing }
        let keys = try DeviceKeys(signing: row.signing, identity: row.identity, seal: row.seal, noise: row.noise)
        return DeviceState(
            store: store, local: LocalParty(account: try AccountPublicKey(row.account), keys: keys), name: row.name,
            random: SystemRandomSource(), logger: logger)
    }

    func roster() async throws -> Roster {
        let account = account
        return try await store.read { try OwnRoster.load(account: account, in: $0) }
    }
}

/// The account's own chain.
enum OwnRoster {
    static func load(account: AccountPublicKey, in connection: Connection) throws -> Roster {
        let entries = try connection.query("SELECT encoded FROM roster_entry ORDER BY sequence") {
            row throws(StoreError) in try row.blob(0)
        }
        return try DeviceError.stored("an own roster entry") { try Roster(verifying: entries, account: account) }
    }

    static func insert(_ entry: RosterEntry, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "INSERT INTO roster_entry (sequence, encoded) VALUES (?, ?)",
            .integer(Int64(clamping: entry.sequence)), .blob(entry.encoded))
    }

    static func removeNewest(_ sequence: UInt64, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "DELETE FROM roster_entry WHERE sequence = ?", .integer(Int64(clamping: sequence)))
    }
}
