import SpeemCrypto
import SpeemIdentity
import SpeemStore

/// How far a restore has come, and the keys of the device that it makes.
struct RestoreRows: Sendable {
    enum Phase: Int64, Sendable {
        /// Rows are being written: whatever is there is thrown away when the restore begins anew.
        case loading = 0
        /// All of the backup is here, under the old device's identity, which reads and sends nothing.
        case loaded = 1
        /// The device is a new one, and listed.
        case done = 2
    }

    let phase: Phase
    let account: AccountPublicKey
    /// Of the backup, Unix milliseconds.
    let made: Int64
    /// ``VerifiedBackup/hash``.
    let backup: [UInt8]

    /// The mark that a restore has begun, in the first transaction of a store.
    static func begin(_ backup: VerifiedBackup, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "INSERT INTO restore (id, phase, account, made_ms, backup) VALUES (1, ?, ?, ?, ?)",
            .integer(Phase.loading.rawValue), .blob(backup.manifest.account.bytes), .integer(backup.manifest.made),
            .blob(backup.hash))
    }

    static func find(in connection: Connection) throws -> RestoreRows? {
        let row = try connection.first("SELECT phase, account, made_ms, backup FROM restore") {
            row throws(StoreError) in
            (
                phase: try row.integer(0), account: try row.blob(1), made: try row.integer(2),
                backup: try row.blob(3)
            )
        }
        guard let row else { return nil }
        return try DeviceError.stored("a restore") {
            guard let phase = Phase(rawValue: row.phase) else { throw DeviceError.damaged("a restore") }
            return RestoreRows(
                phase: phase, account: try AccountPublicKey(row.account), made: row.made, backup: row.backup)
        }
    }

    static func set(_ phase: Phase, in connection: Connection) throws(StoreError) {
        try connection.execute("UPDATE restore SET phase = ?", .integer(phase.rawValue))
    }

    /// Makes the keys of the new device: kept from here on, so that what is repeated is the same.
    static func make(_ keys: DeviceKeys, random: some RandomSource, in connection: Connection) throws {
        let initiator = try InitiatorRows.insert(
            key: X25519.PrivateKey(random: random), preSharedKey: random.secret(32), in: connection)
        try connection.execute(
            "UPDATE restore SET signing = ?, identity = ?, seal = ?, noise = ?, initiator = ?",
            .secret(keys.signing.seed), .secret(keys.identity.secret), .secret(keys.seal.secret),
            .secret(keys.noise.secret), .integer(initiator))
    }

    /// The keys of the new device, and the row of what opens its own nodes.
    static func keys(in connection: Connection) throws -> (keys: DeviceKeys, initiator: Int64)? {
        let row = try connection.first(
            "SELECT signing, identity, seal, noise, initiator FROM restore WHERE signing IS NOT NULL"
        ) { row throws(StoreError) in
            (
                signing: try row.secret(0), identity: try row.secret(1), seal: try row.secret(2),
                noise: try row.secret(3), initiator: try row.integer(4)
            )
        }
        guard let row else { return nil }
        return try DeviceError.stored("a restored device") {
            (
                try DeviceKeys(signing: row.signing, identity: row.identity, seal: row.seal, noise: row.noise),
                row.initiator
            )
        }
    }

    /// Whether a way in is for the device that is being restored, or was: the one that this store makes, or has become.
    static func isNew(_ device: DeviceID, state: DeviceState, in connection: Connection) throws -> Bool {
        if device == state.id { return true }
        return try keys(in: connection)?.keys.entry.id == device
    }
}
