import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemSessions
import SpeemStore
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The private halves of the prekeys that are on the node.
///
/// A generation is a signed prekey, the last-resort prekey of its epoch, and all one-time pairs that are made until the
/// next one. The node drops the pairs of older generations when it gets a new one. So a private half may be needed for as
/// long as the node has not confirmed a later generation, however old it is, and from then on for as long as an envelope
/// may be on its way.
enum PrekeyStore {
    enum Kind: Int64 {
        case signed = 1
        case oneTime = 2
        case kem = 3
        case lastResort = 4
    }

    /// Pairs that are made when few are left.
    static let batch = 50
    /// The node has fewer unassigned pairs than this: make more.
    static let lowWater: UInt32 = 25
    /// One-time halves of the newest generation at the most: more than a node keeps, whatever it says.
    static let maxHalves: Int64 = 4000
    /// Seconds after which a new generation is made.
    static let rotation: Int64 = 7 * 24 * 3600
    /// Seconds that the halves of a replaced generation stay: longer than outbox and mailbox keep an envelope together.
    static let retention: Int64 = 180 * 24 * 3600
    /// Generations that stay whatever the clock says: as many as ``retention`` has when it goes right.
    static let keptGenerations: Int64 = retention / rotation + 1

    /// What is to be uploaded; its private halves are in the store.
    struct Upload: Sendable {
        var message = WirePrekeyUpload()
        /// The epoch of the signed prekey.
        let generation: Int64
    }

    /// The newest generation.
    struct Generation: Sendable, Equatable {
        let epoch: Int64
        /// Unix seconds.
        let made: Int64
        /// The node is known to have it.
        let isUploaded: Bool

        /// Whether it is time for the next; also when the clock went back behind this one.
        func isOld(now: Int64) -> Bool { now - made > rotation || now < made }
    }

    /// Makes prekeys and keeps their private halves. Commit before the upload: a key that is handed out must be known
    /// here.
    ///
    /// - Parameter newGeneration: whether to make a signed and a last-resort prekey, or to send the newest ones again.
    static func make(
        state: DeviceState, newGeneration: Bool, pairs: Int, now: Int64, in connection: Connection
    ) throws -> Upload {
        var ids = try IDs(in: connection)
        let signer = state.local.keys.signing
        let signed: (id: PrekeyID, key: X25519.PrivateKey)
        let last: (id: PrekeyID, key: MLKEM.PrivateKey)
        if !newGeneration, let found = try fixed(in: connection) {
            (signed, last) = found
        } else {
            signed = (try ids.next(), X25519.PrivateKey(random: state.random))
            try insert(signed.id, .signed, signed.key.secret, now, in: connection)
            last = (try ids.next(), try MLKEM.PrivateKey(random: state.random))
            try insert(last.id, .lastResort, last.key.seed, now, in: connection)
        }
        var upload = Upload(generation: Int64(signed.id.epoch))
        upload.message.signedPrekey = Data(
            SignedPrekey(id: signed.id, key: signed.key.publicKey, signedBy: signer).encoded)
        upload.message.lastResortKemPrekey = Data(
            KEMPrekey(id: last.id, key: last.key.publicKey, isLastResort: true, signedBy: signer).encoded)
        for _ in 0..<pairs {
            let oneTimeID = try ids.next()
            let oneTime = X25519.PrivateKey(random: state.random)
            try insert(oneTimeID, .oneTime, oneTime.secret, now, in: connection)
            let kemID = try ids.next()
            let kem = try MLKEM.PrivateKey(random: state.random)
            try insert(kemID, .kem, kem.seed, now, in: connection)
            upload.message.oneTime.append(
                .with {
                    $0.oneTimePrekey = Data(OneTimePrekey(id: oneTimeID, key: oneTime.publicKey).encoded)
                    $0.kemPrekey = Data(
                        KEMPrekey(id: kemID, key: kem.publicKey, isLastResort: false, signedBy: signer).encoded)
                })
        }
        try ids.keep(in: connection)
        return upload
    }

    /// A node has this generation, and with it nothing of those before; once all have, their halves age.
    ///
    /// - Parameter node: its static key.
    static func uploaded(
        _ generation: Int64, to node: [UInt8], now: Int64, in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            "UPDATE own_node SET prekeys = max(prekeys, ?) WHERE node_key = ?", .integer(generation), .blob(node))
        let everywhere = try connection.first("SELECT coalesce(min(prekeys), 0) FROM own_node WHERE retired = 0") {
            row throws(StoreError) in try row.integer(0)
        }
        try connection.execute(
            "UPDATE prekey SET replaced = ? WHERE epoch < ? AND replaced IS NULL", .integer(now),
            .integer(everywhere ?? 0))
        // By the clock, and by the number of generations since: a clock that jumps deletes nothing that is needed.
        try connection.execute(
            """
            DELETE FROM prekey WHERE replaced < ?1 AND epoch <
                (SELECT min(epoch) FROM (SELECT epoch FROM prekey WHERE kind = ?2 ORDER BY epoch DESC LIMIT ?3))
            """, .integer(now - retention), .integer(Kind.signed.rawValue), .integer(keptGenerations))
    }

    /// The newest generation, and whether `node` (its static key) is known to have it.
    static func newest(at node: [UInt8], in connection: Connection) throws(StoreError) -> Generation? {
        try connection.first(
            """
            SELECT epoch, made, epoch <= coalesce((SELECT prekeys FROM own_node WHERE node_key = ?), 0)
            FROM prekey WHERE kind = ? ORDER BY epoch DESC LIMIT 1
            """, .blob(node), .integer(Kind.signed.rawValue)
        ) { row throws(StoreError) in
            Generation(epoch: try row.integer(0), made: try row.integer(1), isUploaded: try row.flag(2))
        }
    }

    /// One-time halves of the newest generation.
    static func halves(in connection: Connection) throws(StoreError) -> Int64 {
        try connection.first(
            "SELECT count(*) FROM prekey WHERE kind = ? AND replaced IS NULL", .integer(Kind.kem.rawValue)
        ) { row throws(StoreError) in try row.integer(0) } ?? 0
    }

    /// The private halves that an initial message names.
    ///
    /// - Throws: ``SpeemSessions/SessionError/unknownPrekey(_:)``, ``DeviceError/damaged(_:)``.
    static func find(_ initial: InitialPart, in connection: Connection) throws -> ResponderPrekeys {
        let signed = try secret(initial.signedPrekey, .signed, in: connection)
        let kem = try secret(initial.kemPrekey, initial.isLastResort ? .lastResort : .kem, in: connection)
        let oneTime = try initial.oneTimePrekey.map { id in try secret(id, .oneTime, in: connection) }
        return try DeviceError.stored("a prekey") {
            ResponderPrekeys(
                signed: try X25519.PrivateKey(signed), kem: try MLKEM.PrivateKey(seed: kem),
                oneTime: try oneTime.map { try X25519.PrivateKey($0) })
        }
    }

    /// Deletes the one-time halves after the first message has decrypted.
    static func use(_ initial: InitialPart, in connection: Connection) throws(StoreError) {
        if let oneTime = initial.oneTimePrekey { try delete(oneTime, .oneTime, in: connection) }
        if !initial.isLastResort { try delete(initial.kemPrekey, .kem, in: connection) }
    }

    private static func secret(_ id: PrekeyID, _ kind: Kind, in connection: Connection) throws -> SecretBytes {
        let secret = try connection.first(
            "SELECT secret FROM prekey WHERE epoch = ? AND number = ? AND kind = ?", .integer(Int64(id.epoch)),
            .integer(Int64(id.number)), .integer(kind.rawValue)
        ) { row throws(StoreError) in try row.secret(0) }
        guard let secret else { throw SessionError.unknownPrekey(id) }
        return secret
    }

    /// Signed and last-resort prekey of the newest generation.
    private static func fixed(
        in connection: Connection
    ) throws -> (signed: (id: PrekeyID, key: X25519.PrivateKey), last: (id: PrekeyID, key: MLKEM.PrivateKey))? {
        guard let signed = try newest(.signed, in: connection), let last = try newest(.lastResort, in: connection)
        else { return nil }
        return try DeviceError.stored("a prekey") {
            (
                (signed.id, try X25519.PrivateKey(signed.secret)),
                (last.id, try MLKEM.PrivateKey(seed: last.secret))
            )
        }
    }

    private static func newest(
        _ kind: Kind, in connection: Connection
    ) throws(StoreError) -> (id: PrekeyID, secret: SecretBytes)? {
        try connection.first(
            "SELECT epoch, number, secret FROM prekey WHERE kind = ? ORDER BY epoch DESC, number DESC LIMIT 1",
            .integer(kind.rawValue)
        ) { row throws(StoreError) in
            (
                PrekeyID(epoch: UInt32(clamping: try row.integer(0)), number: UInt32(clamping: try row.integer(1))),
                try row.secret(2)
            )
        }
    }

    private static func insert(
        _ id: PrekeyID, _ kind: Kind, _ secret: SecretBytes, _ made: Int64, in connection: Connection
    ) throws(StoreError) {
        try connection.execute(
            "INSERT INTO prekey (epoch, number, kind, secret, made) VALUES (?, ?, ?, ?, ?)",
            .integer(Int64(id.epoch)), .integer(Int64(id.number)), .integer(kind.rawValue), .secret(secret),
            .integer(made))
    }

    private static func delete(_ id: PrekeyID, _ kind: Kind, in connection: Connection) throws(StoreError) {
        try connection.execute(
            "DELETE FROM prekey WHERE epoch = ? AND number = ? AND kind = ?", .integer(Int64(id.epoch)),
            .integer(Int64(id.number)), .integer(kind.rawValue))
    }

    /// Names for new prekeys: the epoch goes up each time that prekeys are made, and the number with each of them. None is
    /// ever used again, also after the prekey that had it was used and deleted.
    private struct IDs {
        private let epoch: UInt32
        private var number: UInt32

        init(in connection: Connection) throws {
            let last = try connection.first("SELECT prekey_epoch, prekey_number FROM device") {
                row throws(StoreError) in (epoch: try row.integer(0), number: try row.integer(1))
            }
            guard let last, let epoch = UInt32(exactly: last.epoch + 1),
                let number = UInt32(exactly: last.number)
            else { throw SessionError.exhausted }
            self.epoch = epoch
            self.number = number
        }

        mutating func next() throws -> PrekeyID {
            guard number < .max else { throw SessionError.exhausted }
            number += 1
            return PrekeyID(epoch: epoch, number: number)
        }

        func keep(in connection: Connection) throws(StoreError) {
            try connection.execute(
                "UPDATE device SET prekey_epoch = ?, prekey_number = ?", .integer(Int64(epoch)),
                .integer(Int64(number)))
        }
    }
}
