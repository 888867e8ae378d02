import Foundation
import SpeemCrypto
import SpeemIdentity

@testable import SpeemSessions

/// Bytes that stand in a vector as hexadecimal text.
struct HexBytes: Codable, Equatable {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    init(_ secret: SecretBytes) {
        bytes = secret.exposedCopy()
    }

    init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let bytes = Hex.decode(text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not hexadecimal"))
        }
        self.bytes = bytes
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Hex.encode(bytes))
    }

    var secret: SecretBytes { SecretBytes(bytes) }
}

/// A conversation of two devices that was written down step by step (reference/vectors.py).
struct Vector: Codable {
    struct Side: Codable {
        struct Secrets: Codable {
            let signing: HexBytes
            let identity: HexBytes
            let seal: HexBytes
            let noise: HexBytes
        }

        let account: HexBytes
        let secrets: Secrets
    }

    /// Bob's.
    struct Prekeys: Codable {
        struct Key: Codable {
            let encoded: HexBytes
            let secret: HexBytes
        }

        struct KEMKey: Codable {
            let encoded: HexBytes
            let seed: HexBytes
            let lastResort: Bool
        }

        let signed: Key
        let kem: KEMKey
        let oneTime: Key?
    }

    struct Agreement: Codable {
        let initial: HexBytes
        let sharedSecret: HexBytes
        let associatedData: HexBytes
        let sessionId: HexBytes
        /// What Alice drew: for PQXDH, inside the KEM ciphertext, and for her first ratchet key.
        let baseSecret: HexBytes
        let kemSecret: HexBytes
        let ratchetSecret: HexBytes
    }

    enum Sender: String, Codable, CaseIterable {
        case alice
        case bob

        var other: Sender { self == .alice ? .bob : .alice }
    }

    struct Send: Codable {
        /// The message's number.
        let send: Int
        let from: Sender
        let content: HexBytes
        let key: HexBytes
        /// What the ratchet drew.
        let random: HexBytes
        let ratchetMessage: HexBytes
        let id: HexBytes
        let heads: [HexBytes]
        let header: HexBytes
        let body: HexBytes
    }

    /// What the recipient makes of a message, and its session afterwards.
    struct Deliver: Codable, Equatable {
        /// The message's number.
        let deliver: Int
        /// "opened", or the name of the ``SessionError``.
        let result: String
        /// What the ratchet drew.
        let random: HexBytes
        let rootKey: HexBytes
        let skipped: Int
    }

    enum Event: Codable {
        case send(Send)
        case deliver(Deliver)

        private enum Keys: CodingKey {
            case send
        }

        init(from decoder: any Decoder) throws {
            let isSend = try decoder.container(keyedBy: Keys.self).contains(.send)
            self = isSend ? .send(try Send(from: decoder)) : .deliver(try Deliver(from: decoder))
        }

        func encode(to encoder: any Encoder) throws {
            switch self {
            case .send(let send): try send.encode(to: encoder)
            case .deliver(let deliver): try deliver.encode(to: encoder)
            }
        }
    }

    let alice: Side
    let bob: Side
    let prekeys: Prekeys
    let agreement: Agreement
    var events: [Event]

    /// Reads a committed vector.
    static func load(_ name: String) throws -> Vector {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Vector.self, from: Data(contentsOf: Reference.vectors.appending(path: name)))
    }

    var encoded: Data {
        get throws {
            let encoder = JSONEncoder()
            encoder.keyEncodingStrategy = .convertToSnakeCase
            return try encoder.encode(self)
        }
    }
}

extension Vector.Side {
    init(_ local: LocalParty) {
        account = HexBytes(local.account.bytes)
        secrets = Secrets(
            signing: HexBytes(local.keys.signing.seed), identity: HexBytes(local.keys.identity.secret),
            seal: HexBytes(local.keys.seal.secret), noise: HexBytes(local.keys.noise.secret))
    }

    var local: LocalParty {
        get throws {
            LocalParty(
                account: try AccountPublicKey(account.bytes),
                keys: try DeviceKeys(
                    signing: secrets.signing.secret, identity: secrets.identity.secret, seal: secrets.seal.secret,
                    noise: secrets.noise.secret))
        }
    }
}

extension Vector.Prekeys {
    func bundle(of device: DeviceEntry) throws -> PrekeyBundle {
        try PrekeyBundle(
            device: device, signed: signed.encoded.bytes, kem: kem.encoded.bytes, isLastResort: kem.lastResort,
            oneTime: oneTime?.encoded.bytes)
    }

    var privateHalves: ResponderPrekeys {
        get throws {
            ResponderPrekeys(
                signed: try X25519.PrivateKey(signed.secret.secret), kem: try MLKEM.PrivateKey(seed: kem.seed.secret),
                oneTime: try oneTime.map { try X25519.PrivateKey($0.secret.secret) })
        }
    }
}
