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
enum PrekeyStore {
    private enum Kind: Int64 {
        case signed = 1
        case oneTime = 2
        case kem = 3
        case lastResort = 4
    }

    /// Pairs that are made when few are left.
    static let batch = 50
    /// The node has fewer unassigned pairs than this: make more.
    static let lowWater: UInt32 = 25
    /// Seconds after which the signed and the last-resort prekey are replaced.
    static let rotation: Int64 = 7 * 24 * 3600
    /// Seconds that a replaced private half stays: longer than outbox and mailbox keep an envelope together.
    static let retention: Int64 = 180 * 24 * 3600

    /// Makes fresh prekeys and keeps their private halves. Commit before the upload: a key that is handed out must be
    /// known here.
    static func make(
        state: DeviceState, pairs: Int, now: Int64, in connection: Connection
    ) throws -> WirePrekeyUpload {
        var number = try nextNumber(epoch: state.prekeyEpoch, in: connection)
        func id() throws(SessionError) -> PrekeyID {
            defer { number &+= 1 }
            guard number < .max else { throw .exhausted }
            return PrekeyID(epoch: state.prekeyEpoch, number: number)
        }
        let signer = state.local.keys.signing
        let signedID = try id()
        let signedKey = X25519.PrivateKey(random: state.random)
        try insert(signedID, .signed, signedKey.secret, now, in: connection)
        let lastID = try id()
        let lastKey = try MLKEM.PrivateKey(random: state.random)
        try insert(lastID, .lastResort, lastKey.seed, now, in: connection)
        var upload = WirePrekeyUpload()
        upload.signedPrekey = Data(SignedPrekey(id: signedID, key: signedKey.publicKey, signedBy: signer).encoded)
        upload.lastResortKemPrekey = Data(
            KEMPrekey(id: lastID, key: lastKey.publicKey, isLastResort: true, signedBy: signer).encoded)
        for _ in 0..<pairs {
            let oneTimeID = try id()
            let oneTime = X25519.PrivateKey(random: state.random)
            try insert(oneTimeID, .oneTime, oneTime.secret, now, in: connection)
            let kemID = try id()
            let kem = try MLKEM.PrivateKey(random: state.random)
            try insert(kemID, .kem, kem.seed, now, in: connection)
            upload.oneTime.append(
                .with {
                    $0.oneTimePrekey = Data(OneTimePrekey(id: oneTimeID, key: oneTime.publicKey).encoded)
                    $0.kemPrekey = Data(
                        KEMPrekey(id: kemID, key: kem.publicKey, isLastResort: false, signedBy: signer).encoded)
                })
        }
        try connection.execute("DELETE FROM prekey WHERE made < ?", .integer(now - retention))
        return upload
    }

    /// When the current signed prekey was made, Unix seconds; nil when there is none.
    static func newestSigned(in connection: Connection) throws(StoreError) -> Int64? {
        try connection.first(
            "SELECT max(made) FROM prekey WHERE kind = ?", .integer(Kind.signed.rawValue)
        ) { row throws(StoreError) in try row.optionalInteger(0) } ?? nil
    }

    /// The private halves that an initial message names.
    ///
    /// - Throws: ``SpeemSessions/SessionError/unknownPrekey(_:)``.
    static func find(_ initial: InitialPart, in connection: Connection) throws -> ResponderPrekeys {
        let signed = try secret(initial.signedPrekey, .signed, in: connection)
        let kem = try secret(initial.kemPrekey, initial.isLastResort ? .lastResort : .kem, in: connection)
        let oneTime = try initial.oneTimePrekey.map { id in
            try X25519.PrivateKey(try secret(id, .oneTime, in: connection))
        }
        return ResponderPrekeys(
            signed: try X25519.PrivateKey(signed), kem: try MLKEM.PrivateKey(seed: kem), oneTime: oneTime)
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

    /// The newest signed prekey has the highest numbers so far: it is never deleted before it is replaced.
    private static func nextNumber(epoch: UInt32, in connection: Connection) throws(StoreError) -> UInt32 {
        let highest =
            try connection.first("SELECT max(number) FROM prekey WHERE epoch = ?", .integer(Int64(epoch))) {
                row throws(StoreError) in try row.optionalInteger(0)
            } ?? nil
        return UInt32(clamping: (highest ?? 0) + 1)
    }
}
